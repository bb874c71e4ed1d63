"""Open-loop errors against cases with a known answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.data.replay import Slices
from wmzoo.diagnostics.open_loop import distance_from_simplex, open_loop
from wmzoo.dynamics.base import Dynamics, StochasticDynamics
from wmzoo.nets import ScalarCode

STEPS, BATCH, WIDTH = 4, 64, 3


def figures_of(made: WorldModel, slices: Slices, scale: Callable[[Tensor], Tensor] = lambda r: r) -> dict[str, float]:
    return open_loop(made, slices, scale, None, torch.Generator().manual_seed(0))


class Drift(Dynamics):
    """z' = z + gain · a."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z + self.gain * a


class Noisy(StochasticDynamics):
    """z' = z + a + spread · noise; the mean is the truth."""

    noise_dim = WIDTH

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread

    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z + a + self.spread * noise

    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z + a


class SumOfFirst(nn.Module):
    """Predicts the latent's first entry as the reward."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :1]


def model(gain: float) -> WorldModel:
    return model_of(Drift(gain))


def model_of(dynamics: Dynamics) -> WorldModel:
    return WorldModel(nn.Identity(), dynamics, SumOfFirst(), ScalarCode())


@pytest.fixture
def slices() -> Slices:
    """Truth: obs' = obs + a, the reward is the first entry of obs."""
    generator = torch.Generator().manual_seed(0)
    actions = torch.randn(STEPS, BATCH, WIDTH, generator=generator, dtype=torch.float64)
    start = torch.randn(1, BATCH, WIDTH, generator=generator, dtype=torch.float64)
    obs = torch.cat([start, start + actions.cumsum(0)])
    return Slices(obs, actions, obs[:-1, :, 0])


def test_the_true_model_has_no_error_and_explains_every_reward(slices: Slices) -> None:
    figures = figures_of(model(1.0), slices)
    assert figures["latent_error_first"] == pytest.approx(0, abs=1e-20)
    assert figures["latent_error_last"] == pytest.approx(0, abs=1e-20)
    assert figures["reward_r2_last"] == pytest.approx(1)


def test_a_model_that_predicts_no_change_has_error_one(slices: Slices) -> None:
    figures = figures_of(model(0.0), slices)
    assert figures["latent_error_first"] == pytest.approx(1)
    assert figures["latent_error_last"] == pytest.approx(1)


def test_half_the_change_leaves_a_quarter_of_the_squared_error(slices: Slices) -> None:
    figures = figures_of(model(0.5), slices)
    assert figures["latent_error_first"] == pytest.approx(0.25)
    assert figures["latent_error_last"] == pytest.approx(0.25)


def test_samples_have_errors_of_their_own_beside_those_of_the_mean(slices: Slices) -> None:
    """Steps that each add noise of variance s² to what moves by a variance of 1 a step: after any number of them the
    error is s², where the mean has none."""
    figures = figures_of(model_of(Noisy(0.5)), slices)
    assert figures["latent_error_last"] == pytest.approx(0, abs=1e-20) == figures["latent_error_first"]
    assert figures["sample_error_first"] == pytest.approx(0.25, rel=0.25)
    assert figures["sample_error_last"] == pytest.approx(0.25, rel=0.25)
    assert figures["sample_error_first"] != figures["sample_error_last"]


def test_without_chance_there_are_none_and_nothing_is_drawn(slices: Slices) -> None:
    draws = torch.Generator().manual_seed(0)
    before = draws.get_state()
    assert not [name for name in open_loop(model(0.5), slices, lambda r: r, None, draws) if "sample" in name]
    assert torch.equal(before, draws.get_state())


def test_rewards_are_compared_on_the_scale_the_head_learns(slices: Slices) -> None:
    assert figures_of(model(1.0), slices, lambda r: r + 1e3)["reward_r2_last"] < -1e4


def test_the_distance_from_the_simplex_is_the_sum_s_or_the_negative_entry_s() -> None:
    z = torch.tensor([[0.5, 0.5, 1.0, 0.0], [0.5, 0.75, 1.0, 0.0], [0.5, 0.5, 1.125, -0.125]])
    torch.testing.assert_close(distance_from_simplex(z, 2), torch.tensor([0.0, 0.25, 0.125]))
