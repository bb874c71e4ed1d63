"""Agents small enough for finite differences, in float64, with no weight left at zero."""

from __future__ import annotations

from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.agent.world_model import TaskEmbedding, WorldModel
from wmzoo.config.recipe import Recipe, options
from wmzoo.data.replay import Slices
from wmzoo.dynamics.base import Dynamics
from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.integrators.heun import Heun
from wmzoo.losses.base import DynamicsLoss
from wmzoo.losses.mse import MSELoss
from wmzoo.nets import Actor, CriticEnsemble, ScalarCode, SimNorm, TwoHotCode, mlp
from wmzoo.pwm.algorithm import PWM

OBS, ACT, LATENT, GROUP, UNITS = 3, 2, 8, 4, 5
TASKS, TASK_DIM = 3, 2

SETTINGS: dict[str, Any] = {
    "gamma": 0.9,
    "td_lambda": 0.7,
    "actor_lr": 1e-3,
    "critic_lr": 1e-3,
    "model_lr": 1e-3,
    "encoder_lr_scale": 0.5,
    "final_lr": 1e-5,
    "actor_critic_betas": (0.7, 0.95),
    "model_betas": (0.9, 0.999),
    "actor_grad_clip": 1e9,
    "critic_grad_clip": 1e9,
    "model_grad_clip": 1e9,
    "critic_passes": 2,
    "critic_minibatches": 3,
    "dynamics_coef": 1.0,
    "reward_coef": 1.0,
    "reward_scale": "none",
    "reward_clip": None,
    "return_scale": False,
    "detach": False,
}


def tiny_agent(
    dynamics: str = "mlp/logit",
    tasks: bool = False,
    bins: int = 1,
    seed: int = 0,
    std: str = "parameter",
    ends: bool = False,
) -> Agent:
    """dynamics: mlp or flow, and where: mlp/none, mlp/latent, mlp/logit, flow/latent, flow/logit.

    std: of the policy. ends: whether there is a termination head.
    """
    torch.manual_seed(seed)
    extra = TASK_DIM if tasks else 0
    kind, where = dynamics.split("/")
    shape = {"latent_dim": LATENT, "action_dim": ACT, "task_dim": extra, "units": [UNITS], "simnorm_dim": GROUP}
    step: Dynamics
    if kind == "mlp":
        step = MLPDynamics(**shape, residual=where, activation="mish")
    else:
        step = FlowDynamics(**shape, integrator=Heun(), coordinates=where, activation="mish")
    code = ScalarCode() if bins == 1 else TwoHotCode(bins, 2.0)
    model = WorldModel(
        encoder=mlp(OBS + extra, [UNITS], LATENT, "mish", last=SimNorm(GROUP)),
        dynamics=step,
        reward_head=mlp(LATENT + ACT + extra, [UNITS], code.width, "mish"),
        reward_code=code,
        task_embedding=TaskEmbedding(TASKS, TASK_DIM) if tasks else None,
        termination_head=mlp(LATENT + extra, [UNITS], 1, "mish") if ends else None,
    )
    actor, critic = Actor(LATENT, ACT, [UNITS], std), CriticEnsemble(LATENT, [UNITS], 3)
    agent = Agent(model, actor, critic, OmegaConf.create(), OBS, ACT).double()
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return agent


def recipe_of(**settings: Any) -> Recipe:
    """`recipe=paper`, with SETTINGS and others."""
    return Recipe.of({**options()["paper"], **SETTINGS, **settings})


def tiny_pwm(
    agent: Agent, loss: DynamicsLoss | None = None, on_nonfinite: str = "stop", compiled: bool = False, **settings: Any
) -> PWM:
    streams = {name: torch.Generator().manual_seed(i) for i, name in enumerate(("imagination", "minibatch"))}
    return PWM(agent, loss or MSELoss(), recipe_of(**settings), streams, on_nonfinite, compiled=compiled)


def observations(rows: int = 3) -> Tensor:
    return torch.randn(rows, OBS, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def slices(obs: float = 0.0, reward: float = 0.0) -> Slices:
    generator = torch.Generator().manual_seed(3)
    rows = [
        torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((4, 2, OBS), (3, 2, ACT), (3, 2))
    ]
    rows[0][2, 1] += obs
    rows[2][1, 0] += reward
    return Slices(*rows)
