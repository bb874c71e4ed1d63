"""MuJoCo's own rollout: exact where it is used, refused where it would not be."""

import pytest
import torch

from wmzoo.envs.dmc import ARRAY_TASKS as DMC
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.pools.rollout import RolloutPool

SEED, BATCH = 3, 5


def test_rollout_is_exact_while_a_mass_is_pressed_against_the_wall():
    env, oracle = (DmcVectorEnv("point_mass-easy", BATCH, backend=backend) for backend in ("rollout", "serial"))
    env.reset(SEED)
    oracle.reset(SEED)
    for step in range(250):
        push = torch.full((BATCH, 2), 1.0 if step < 200 else -0.3)
        got, expected = env.step(push), oracle.step(push)
        assert torch.equal(got.obs, expected.obs) and torch.equal(got.reward, expected.reward), step
        assert step != 199 or bool((got.obs[:, :2] > 0.29).all())  # where the walls are


def test_rollout_refuses_a_model_with_contacts():
    env = DmcVectorEnv("cheetah-run", 1, backend="arrays")
    with pytest.raises(ValueError, match="would not step this model exactly"):
        RolloutPool(env.pool.simulators, DMC["cheetah-run"](env.pool.simulators[0]))
