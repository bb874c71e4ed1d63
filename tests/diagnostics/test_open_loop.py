"""Open-loop errors against cases with a known answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.data.replay import Slices
from wmzoo.diagnostics.open_loop import distance_from_simplex, open_loop
from wmzoo.dynamics.base import Dynamics
from wmzoo.nets import ScalarCode

STEPS, BATCH, WIDTH = 4, 64, 3


class Drift(Dynamics):
    """z' = z + gain · a."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z + self.gain * a


class SumOfFirst(nn.Module):
    """Predicts the latent's first entry as the reward."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :1]


def model(gain: float) -> WorldModel:
    return WorldModel(nn.Identity(), Drift(gain), SumOfFirst(), ScalarCode())


@pytest.fixture
def slices() -> Slices:
    """Truth: obs' = obs + a, the reward is the first entry of obs."""
    generator = torch.Generator().manual_seed(0)
    actions = torch.randn(STEPS, BATCH, WIDTH, generator=generator, dtype=torch.float64)
    start = torch.randn(1, BATCH, WIDTH, generator=generator, dtype=torch.float64)
    obs = torch.cat([start, start + actions.cumsum(0)])
    return Slices(obs, actions, obs[:-1, :, 0])


def test_the_true_model_has_no_error_and_explains_every_reward(slices: Slices) -> None:
    figures = open_loop(model(1.0), slices, lambda r: r)
    assert figures["latent_error_first"] == pytest.approx(0, abs=1e-20)
    assert figures["latent_error_last"] == pytest.approx(0, abs=1e-20)
    assert figures["reward_r2_last"] == pytest.approx(1)


def test_a_model_that_predicts_no_change_has_error_one(slices: Slices) -> None:
    figures = open_loop(model(0.0), slices, lambda r: r)
    assert figures["latent_error_first"] == pytest.approx(1)
    assert figures["latent_error_last"] == pytest.approx(1)


def test_half_the_change_leaves_a_quarter_of_the_squared_error(slices: Slices) -> None:
    figures = open_loop(model(0.5), slices, lambda r: r)
    assert figures["latent_error_first"] == pytest.approx(0.25)
    assert figures["latent_error_last"] == pytest.approx(0.25)


def test_rewards_are_compared_on_the_scale_the_head_learns(slices: Slices) -> None:
    assert open_loop(model(1.0), slices, lambda r: r + 1e3)["reward_r2_last"] < -1e4


def test_the_distance_from_the_simplex_is_the_sum_s_or_the_negative_entry_s() -> None:
    z = torch.tensor([[0.5, 0.5, 1.0, 0.0], [0.5, 0.75, 1.0, 0.0], [0.5, 0.5, 1.125, -0.125]])
    torch.testing.assert_close(distance_from_simplex(z, 2), torch.tensor([0.0, 0.25, 0.125]))
