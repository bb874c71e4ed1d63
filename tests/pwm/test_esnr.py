"""ESNR against gradients whose ratio is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from wmzoo.pwm.esnr import ESNR, RunningESNR, corrected, cosine, decibels, esnr, moments


def estimates(repeats: int, count: int, mean: Tensor, deviations: Tensor, seed: int = 0) -> Tensor:
    """[R,N,P] independent Gaussian gradient estimates."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(repeats, count, len(mean), generator=generator, dtype=torch.float64)
    return mean + noise * deviations


def gram(g: Tensor) -> Tensor:
    return g @ g.transpose(-1, -2)


CASES = {
    "one coordinate": ([0.5], [1.0]),
    "no signal": ([0.0] * 5, [1.0] * 5),
    "one noisy direction of many": ([0.2] * 10, [3.0] + [0.1] * 9),
    "a hundred alike": ([0.05] * 100, [1.0] * 100),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [8, 32])
def test_the_estimate_is_unbiased_where_the_plug_in_is_not(name: str, count: int) -> None:
    mean, deviations = (torch.tensor(x, dtype=torch.float64) for x in CASES[name])
    truth = (mean.square().sum() / deviations.square().sum()).item()
    matrices = gram(estimates(4000, count, mean, deviations))
    found = torch.tensor([corrected(matrix) for matrix in matrices], dtype=torch.float64)
    plain = torch.tensor([a / b for a, b in map(moments, matrices)], dtype=torch.float64)
    error = found.std() / len(found) ** 0.5
    slack = 0.02 * (truth + 1 / count)  # ν is estimated, too
    assert abs(found.mean() - truth) < 4 * error + slack
    assert plain.mean() - truth > 0.8 / count > 4 * error + slack


def test_one_coordinate_gives_the_textbook_formula() -> None:
    g = estimates(1, 12, torch.tensor([0.7], dtype=torch.float64), torch.ones(1))[0]
    ratio = (g.mean() ** 2 / g.var()).item()
    assert corrected(gram(g)) == pytest.approx((12 - 3) / (12 - 1) * ratio - 1 / 12, rel=1e-12)


def test_moments_and_cosines_are_those_of_the_vectors_themselves() -> None:
    g = estimates(1, 6, torch.arange(4.0).double(), torch.ones(4))[0]
    mean_square, variance = moments(gram(g))
    assert mean_square == pytest.approx(g.mean(0).square().sum().item())
    assert variance == pytest.approx(g.var(0).sum().item())
    pairs = [torch.cosine_similarity(g[i], g[j], 0) for i in range(6) for j in range(6) if i != j]
    assert cosine(gram(g)) == pytest.approx(torch.stack(pairs).mean().item())


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    mean, deviations = torch.full((50,), 0.1).double(), torch.linspace(0.5, 1.5, 50).double()
    truth = (mean.square().sum() / deviations.square().sum()).item()
    found = [esnr(matrix) for matrix in gram(estimates(400, 32, mean, deviations))]
    covered = sum(x.low <= truth <= x.high for x in found) / len(found)
    assert 0.9 <= covered <= 0.99


def test_without_noise_the_ratio_is_infinite_and_too_few_estimates_are_refused() -> None:
    assert corrected(torch.ones(6, 6).double()) == math.inf and corrected(torch.zeros(6, 6).double()) == 0.0
    with pytest.raises(ValueError, match="at least 5 estimates, not 4"):
        esnr(torch.ones(4, 4))


def test_decibels_only_where_there_are_any() -> None:
    assert decibels(100.0) == pytest.approx(20.0) and ESNR(0.1, 0.0, 1.0).decibels == pytest.approx(-10.0)
    assert decibels(0.0) is decibels(-1.0) is decibels(None) is decibels(math.inf) is None


def test_the_running_one_is_that_of_the_last_window_in_any_pieces_and_goes_on_from_its_state() -> None:
    g = estimates(1, 20, torch.full((6,), 0.5), torch.ones(6))[0].float()
    running = RunningESNR(window=8)
    for number, row in enumerate(g):
        assert (running.row()["esnr_running"] is None) == (number < 8)
        if number == 13:
            state, running = running.state_dict(), RunningESNR(window=8)
            running.load_state_dict(state)
        running.add([row[:4].view(2, 2), row[4:]])
        running.add([torch.full((6,), math.nan)], where=torch.tensor(False))
    expected = corrected(gram(g[-8:].double()))
    assert running.row() == {
        "esnr_running": pytest.approx(expected, rel=1e-5),
        "esnr_running_db": pytest.approx(10 * math.log10(expected), rel=1e-5),
    }
