"""The energy score and the coverage of samples, against their definitions and against known distributions."""

import math
from types import SimpleNamespace

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.contracts.common import noise
from wmzoo.data.replay import Slices
from wmzoo.diagnostics import forecast
from wmzoo.diagnostics.forecast import LEVELS, coverage, energy_score
from wmzoo.diagnostics.scene import Scene
from wmzoo.dynamics.base import Dynamics, StochasticDynamics
from wmzoo.nets import ScalarCode

WIDTH, SPREAD, TRUE = 3, 0.5, 0.8  # of latents; σ of a step's samples, and of what really happens in the first step


class Gaussian(StochasticDynamics):
    """z' = z + a + σ ε."""

    noise_dim = WIDTH

    def sample(self, z: Tensor, a: Tensor, noise: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z + a + SPREAD * noise

    def mean_step(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z + a


class Still(Dynamics):
    """z' = z."""

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z


def scene(dynamics: Dynamics, steps: int, rows: int) -> Scene:
    """Observations are latents: obs' = obs + a, a ~ N(0, I), and in the first step + TRUE ξ."""
    actions, start = noise(steps, rows, WIDTH), noise(1, rows, WIDTH, seed=1)
    obs = torch.cat([start, start + actions.cumsum(0) + TRUE * noise(rows, WIDTH, seed=2)])
    model = WorldModel(nn.Identity(), dynamics, nn.Identity(), ScalarCode())
    slices = Slices(obs, actions, torch.zeros(steps, rows))
    draws = torch.Generator().manual_seed(3)
    agent = SimpleNamespace(world_model=model)
    return Scene(agent, None, (steps,), 0, 0, obs[0], slices, draws, None)  # type: ignore[arg-type]


def mean_norm(variance: float) -> float:
    """E‖x‖ of x ~ N(0, variance · I) of WIDTH entries."""
    return math.sqrt(2 * variance) * math.gamma((WIDTH + 1) / 2) / math.gamma(WIDTH / 2)


def test_the_forecasts_of_a_gaussian_are_what_its_spread_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """After k steps Z − m ~ N(0, k σ²), z* − m ~ N(0, t²) and z* − z_0 ~ N(0, k + t²), m the samples' mean."""
    steps, rows = 3, 1500
    monkeypatch.setattr(forecast, "SLICES", rows)
    monkeypatch.setattr(forecast, "SAMPLES", 100)
    found = forecast.measure(scene(Gaussian(), steps, rows))["forecast"]
    assert found["step"] == [1, 2, 3] and found["level"] == list(LEVELS)
    for k in (1, 2, 3):
        wide, true = k * SPREAD**2, TRUE**2
        score = (mean_norm(wide + true) - mean_norm(2 * wide) / 2) / mean_norm(k + true)
        assert found["energy_score"][k - 1] == pytest.approx(score, rel=0.03), k
        assert found["sample_error"][k - 1] == pytest.approx((wide + true) / (k + true), rel=0.06), k
    for name, k in (("coverage_first", 1), ("coverage_last", 3)):
        reach = [stats.norm.ppf((1 + level) / 2) * math.sqrt(k) * SPREAD for level in LEVELS]
        assert found[name] == pytest.approx([2 * stats.norm.cdf(end / TRUE) - 1 for end in reach], abs=0.025)


def test_of_a_map_there_is_no_forecast() -> None:
    assert forecast.measure(scene(Still(), 2, 4)) == {}


def test_the_energy_score_is_the_distance_to_the_truth_less_half_of_that_between_samples() -> None:
    samples, truth = noise(5, 3, 2), noise(3, 2, seed=1)
    expected = 0.0
    for b in range(3):
        to_truth = sum(math.dist(samples[i, b], truth[b]) for i in range(5)) / 5
        pairs = [math.dist(samples[i, b], samples[j, b]) for i in range(5) for j in range(5) if i != j]
        expected += (to_truth - sum(pairs) / len(pairs) / 2) / 3
    assert energy_score(samples, truth).item() == pytest.approx(expected)


@pytest.mark.parametrize("spread", [0.25, 1.0, 4.0])
def test_it_is_that_of_normal_numbers_and_least_for_the_right_spread(spread: float) -> None:
    """For Z ~ N(0, s²), z* ~ N(0, 1): E|Z − z*| = √(2(1+s²)/π), E|Z − Z′| = 2s/√π."""
    score = energy_score(spread * noise(8, 40_000, 1), noise(40_000, 1, seed=1)).item()
    assert score == pytest.approx(math.sqrt(2 * (1 + spread**2) / math.pi) - spread / math.sqrt(math.pi), abs=0.03)
    assert score > math.sqrt(4 / math.pi) - 1 / math.sqrt(math.pi) - 0.03


@pytest.mark.slow
def test_calibrated_samples_cover_as_much_as_they_say_and_narrow_ones_less() -> None:
    truth = noise(4000, 3, seed=1)
    assert coverage(noise(200, 4000, 3), truth) == pytest.approx(list(LEVELS), abs=0.02)
    narrow = coverage(0.5 * noise(200, 4000, 3), truth)
    assert all(found < level - 0.04 for found, level in zip(narrow, LEVELS, strict=True))
