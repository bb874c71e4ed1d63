"""Running moments against NumPy over everything seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wmzoo.agent.moments import RunningMoments

BATCHES = st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), min_size=1, max_size=6)


@given(BATCHES)
def test_batches_in_turn_give_the_moments_of_all_numbers_together(batches: list[list[float]]) -> None:
    moments = RunningMoments()
    for batch in batches:
        moments.update(torch.tensor(batch, dtype=torch.float64))
    everything = np.concatenate(batches)
    assert moments.count.item() == len(everything)
    assert moments.mean.item() == pytest.approx(everything.mean(), abs=1e-9)
    assert moments.var.item() == pytest.approx(everything.var(), rel=1e-9, abs=1e-9)
    assert moments.std.item() == pytest.approx(np.sqrt(everything.var() + 1e-5), rel=1e-9)


def test_before_any_number_nothing_is_scaled() -> None:
    assert RunningMoments().std.item() == pytest.approx(1, abs=1e-5) and RunningMoments().mean == 0


def test_a_small_spread_about_a_large_mean_survives_float32_input() -> None:
    moments = RunningMoments()
    for x in (10000.0, 10001.0, 10002.0):
        moments.update(torch.full((4,), x))
    assert moments.var.item() == pytest.approx(2 / 3, rel=1e-9)


def test_no_numbers_change_nothing() -> None:
    moments = RunningMoments()
    moments.update(torch.zeros(0))
    assert moments.count == 0 and moments.var == 1


def test_numbers_that_are_not_wanted_change_nothing_whatever_they_are() -> None:
    moments = RunningMoments()
    moments.update(torch.tensor([1.0, 4.0]))
    before = {name: value.clone() for name, value in moments.state_dict().items()}
    moments.update(torch.tensor([float("nan"), 1.0]), where=torch.tensor(False))
    assert all(torch.equal(value, before[name]) for name, value in moments.state_dict().items())


def test_what_is_divided_keeps_its_dtype() -> None:
    assert (torch.ones(3) / RunningMoments().std).dtype == torch.float32
    assert (torch.ones(3, dtype=torch.float64) / RunningMoments().std).dtype == torch.float64


def test_shape_and_gradient_of_the_input_do_not_matter() -> None:
    moments = RunningMoments()
    moments.update(torch.ones(2, 3, requires_grad=True) * 2)
    assert moments.count == 6 and moments.mean == 2 and not moments.mean.requires_grad


def test_a_saved_state_goes_on_exactly() -> None:
    numbers = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    whole, first, second = RunningMoments(), RunningMoments(), RunningMoments()
    for row in numbers:
        whole.update(row)
    first.update(numbers[0])
    second.load_state_dict(first.state_dict())
    for row in numbers[1:]:
        second.update(row)
    assert torch.equal(second.mean, whole.mean) and torch.equal(second.var, whole.var)


ROWS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=8)


@given(ROWS, st.integers(1, 7))
def test_with_a_width_every_entry_has_moments_of_its_own(rows: list[tuple[float, float]], cut: int) -> None:
    moments, everything = RunningMoments(2), np.array(rows)
    for part in (everything[:cut], everything[cut:]):
        moments.update(torch.from_numpy(part).view(-1, 1, 2))  # any leading dimensions
    np.testing.assert_allclose(moments.mean, everything.mean(0), atol=1e-9)
    np.testing.assert_allclose(moments.var, everything.var(0), rtol=1e-9, atol=1e-9)


def test_normalised_entries_are_in_standard_deviations_and_never_beyond_ten() -> None:
    moments = RunningMoments(2)
    moments.update(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    out = moments.normalise(torch.tensor([[2.0, 5.0], [4.0, 6.0], [0.0, 4.0]]))
    assert out.dtype == torch.float32
    expected = np.array([[0, 0], [2 / np.sqrt(1 + 1e-5), 10], [-2 / np.sqrt(1 + 1e-5), -10]])
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_every_task_has_the_moments_of_its_own_columns_alone() -> None:
    chance = np.random.default_rng(0)
    rewards, vectors = RunningMoments(tasks=3), RunningMoments(2, tasks=3)
    seen: dict[int, list[np.ndarray]] = {0: [], 2: []}
    for _ in range(4):
        task = chance.choice([0, 2], 16)
        x = chance.normal(size=(5, 16, 2)) * np.where(task == 0, 100.0, 1e-3)[:, None] + task[:, None]
        vectors.update(torch.from_numpy(x), task=torch.from_numpy(task))
        rewards.update(torch.from_numpy(x[..., 0]), task=torch.from_numpy(task))
        for number, found in seen.items():
            found.append(x[:, task == number].reshape(-1, 2))
    for number, found in seen.items():
        rows = np.concatenate(found)
        assert rewards.count[number] == vectors.count[number] == len(rows)
        np.testing.assert_allclose(vectors.mean[number], rows.mean(0), rtol=1e-9)
        np.testing.assert_allclose(vectors.std[number], np.sqrt(rows.var(0) + 1e-5), rtol=1e-9)
        np.testing.assert_allclose(rewards.var[number], rows[:, 0].var(), rtol=1e-9)
    assert rewards.count[1] == 0 and vectors.var[1].tolist() == [1, 1]  # never seen
    task = torch.tensor([2, 0, 2])
    x = torch.randn(7, 3, 2, dtype=torch.float64)
    wanted = (x - vectors.mean[[2, 0, 2]]) / vectors.std[[2, 0, 2]]
    assert torch.equal(vectors.normalise(x, task), wanted.clamp(-10, 10))
    with pytest.raises(ValueError, match="moments of several tasks: say which"):
        rewards.of(x[..., 0])
    with pytest.raises(ValueError, match="moments of several tasks: say which"):
        rewards.update(x[..., 0])


def test_one_task_s_moments_are_those_that_it_has_alone() -> None:
    alone, among, x = RunningMoments(3), RunningMoments(3, tasks=2), torch.randn(6, 4, 3)
    for part in (x[:2], x[2:]):
        alone.update(part)
        among.update(part, task=torch.ones(4, dtype=torch.long))
    torch.testing.assert_close(among.mean[1], alone.mean)
    torch.testing.assert_close(among.var[1], alone.var)
    torch.testing.assert_close(among.normalise(x, torch.ones(4, dtype=torch.long)), alone.normalise(x))
