"""Network parts shared by every world model: blocks, SimNorm, two-hot, the actor and the critic ensemble."""

from wmzoo.nets.actor import Actor
from wmzoo.nets.blocks import NormedLinear, activation, mlp
from wmzoo.nets.critic import CriticEnsemble
from wmzoo.nets.simnorm import SimNorm, project_to_simplex
from wmzoo.nets.two_hot import RewardCode, ScalarCode, TwoHotCode

__all__ = [
    "Actor",
    "CriticEnsemble",
    "NormedLinear",
    "RewardCode",
    "ScalarCode",
    "SimNorm",
    "TwoHotCode",
    "activation",
    "mlp",
    "project_to_simplex",
]
