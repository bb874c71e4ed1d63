"""Exploration noise: what each number is by itself, how neighbours agree, and that white noise is what it was."""

import pytest
import torch
from scipy import stats

from wmzoo.trainers.exploration import ExplorationNoise

ENVS, ACTIONS, STEPS = 64, 3, 400


def noise(correlation: float | list[float], seed: int = 0) -> ExplorationNoise:
    return ExplorationNoise(ENVS, ACTIONS, correlation, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_each_is_standard_normal_and_those_k_steps_apart_correlate_as_the_kth_power(correlation: float) -> None:
    own = noise(correlation)
    drawn = torch.stack([own.normal() for _ in range(STEPS)]).double()  # [T, B, A]
    assert drawn.mean() == pytest.approx(0, abs=0.05) and drawn.std() == pytest.approx(1, abs=0.03)
    assert drawn[0].std() == pytest.approx(1, abs=0.2)  # from the first one on
    for lag in (1, 2, 5):
        assert (drawn[lag:] * drawn[:-lag]).mean() == pytest.approx(correlation**lag, abs=0.05)
    between = (drawn[:, 0] * drawn[:, 1]).mean(), (drawn[..., 0] * drawn[..., 1]).mean()
    assert torch.stack(between).abs().max() < 0.2  # environments and entries know nothing of each other


def test_between_the_first_environment_and_the_last_the_steps_of_agreement_grow_by_equal_factors() -> None:
    """1/(1 − ρ) from 1 to 10: of environment i it is 10^(i/63)."""
    own = noise([0.0, 0.9])
    drawn = torch.stack([own.normal() for _ in range(20 * STEPS)]).double()
    found = (drawn[1:] * drawn[:-1]).mean((0, 2))  # of each environment
    assert (found - (1 - 10.0 ** (-torch.arange(ENVS) / 63))).abs().max() < 0.06
    assert drawn.std(0).sub(1).abs().max() < 0.1
    one = ExplorationNoise(1, 2000, [0.0, 0.9], torch.Generator().manual_seed(0))
    assert torch.corrcoef(torch.cat([one.normal(), one.normal()]))[0, 1] == pytest.approx(1 - 10**-0.5, abs=0.06)


def test_random_actions_stay_uniform_however_much_neighbours_agree() -> None:
    own = noise(0.9)
    drawn = torch.stack([own.uniform() for _ in range(STEPS)])
    apart = drawn[::50].flatten().numpy()  # 0.9^50 is nothing
    assert stats.kstest(apart, stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert (drawn[1:] * drawn[:-1]).mean() > 0.25  # a third is the variance


def test_white_noise_takes_the_random_numbers_that_were_taken_before_there_was_another() -> None:
    own, same = noise(0.0), torch.Generator().manual_seed(0)
    assert own.uniform().equal(2 * torch.rand(ENVS, ACTIONS, generator=same) - 1)
    assert own.normal().equal(torch.randn(ENVS, ACTIONS, generator=same))


def test_it_goes_on_from_its_last_numbers_and_its_generator() -> None:
    own = noise(0.9)
    own.normal()
    other = noise(0.9, seed=1)
    other.load_state_dict(own.state_dict())
    other.generator.set_state(own.generator.get_state())
    assert other.normal().equal(own.normal())
    for state in ({}, {"noise": torch.zeros(1, ACTIONS)}):
        with pytest.raises(ValueError, match="noise"):
            own.check_state(state)
    noise(0.0).check_state({})
