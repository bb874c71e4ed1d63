"""Weights of rows by how far their tasks' latents move, against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from composed import composed
from tiny import TASKS, tiny_agent, tiny_pwm

from wmzoo.agent.build import build_agent
from wmzoo.config.composition import compose
from wmzoo.data.replay import Slices
from wmzoo.errors import WmzooError
from wmzoo.losses.cosine import CosineLoss
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.terms import SumLoss
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm
from wmzoo.pwm.task_balance import KEPT, TaskBalance


def batch(seed: int, task: list[int]) -> tuple[Slices, torch.Tensor]:
    rng = np.random.default_rng(seed)
    rows = (rng.standard_normal((4, len(task), 3)), rng.standard_normal((3, len(task), 2)))
    return Slices(*map(torch.from_numpy, (*rows, rng.standard_normal((3, len(task)))))), torch.tensor(task)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_a_weight_is_the_power_of_the_task_s_step_at_one_cost_of_no_change(power: float) -> None:
    balance = TaskBalance(4, power)
    balance.update(torch.tensor([1.0, 3.0, 8.0, 50.0]), torch.tensor([0, 0, 1, 3]))
    sizes = np.array([2.0, 8.0, 50.0])
    expected = sizes**-power * sizes.sum() / (sizes ** (1 - power)).sum()
    weights = balance.weights(torch.tensor([3, 0, 1, 0])).numpy()
    np.testing.assert_allclose(weights, expected[[2, 0, 1, 0]], rtol=1e-6)
    assert expected @ sizes == pytest.approx(sizes.sum())
    assert balance.weights(torch.tensor([2])).item() == 1.0, "nothing is known of a task that was not seen"


def test_a_task_alone_counts_one() -> None:
    balance = TaskBalance(3, 0.5)
    balance.update(torch.tensor([1e-4, 3e-4]), torch.tensor([1, 1]))
    assert balance.weights(torch.tensor([1, 1])).tolist() == [1.0, 1.0]


def test_the_size_of_a_task_s_step_is_a_mean_of_rows_that_forgets_at_its_own_batches() -> None:
    balance, sums = TaskBalance(2, 1.0), np.zeros((2, 2))
    for moved, task in ([1.0, 2.0, 6.0], [0, 0, 1]), ([4.0], [0]), ([9.0, 3.0], [1, 1]):
        balance.update(torch.tensor(moved), torch.tensor(task))
        for each in set(task):
            sums[each] *= KEPT
        for size, each in zip(moved, task, strict=True):
            sums[each] += size, 1
    sizes = sums[:, 0] / sums[:, 1]
    np.testing.assert_allclose(balance.weights(torch.arange(2)), sizes.mean() / sizes, rtol=1e-6)


def test_what_is_not_finite_is_not_taken_in() -> None:
    balance = TaskBalance(2, 0.5)
    balance.update(torch.tensor([1.0, 4.0]), torch.tensor([0, 1]))
    before = balance.weights(torch.arange(2))
    balance.update(torch.tensor([float("nan"), 4.0]), torch.tensor([0, 1]))
    torch.testing.assert_close(balance.weights(torch.arange(2)), before)


def test_the_model_s_errors_are_weighed_by_the_steps_of_the_updates_before() -> None:
    """The dynamics loss of the second update, task by task: the weights are those that the first batch's encoded steps
    give, before its update of the encoder."""
    pwm, plain = (tiny_pwm(tiny_agent(tasks=True), task_balance=power) for power in (0.5, 0.0))
    tasks = [0, 2, 2, 0]
    first, task = batch(0, tasks)
    with torch.no_grad():
        z = pwm.model.encode(first.obs, task).numpy()
    moved = (np.diff(z, axis=0) ** 2).mean((0, 2))
    sizes = {each: moved[[row for row, t in enumerate(tasks) if t == each]].mean() for each in (0, 2)}
    scale = sum(sizes.values()) / sum(size**0.5 for size in sizes.values())

    assert pwm.update_model(first, task)["dynamics_loss"] == plain.update_model(first, task)["dynamics_loss"]
    plain.model.load_state_dict(pwm.model.state_dict())
    second, _ = batch(1, tasks)
    expected = 0.0
    for row, each in enumerate(tasks):
        alone = Slices(*(column[:, row : row + 1] for column in (second.obs, second.actions, second.rewards)))
        loss = plain.model_loss(alone, task[row : row + 1]).figures["dynamics_loss"].item()
        expected += sizes[each] ** -0.5 * scale * loss / len(tasks)
    assert pwm.update_model(second, task)["dynamics_loss"].item() == pytest.approx(expected, rel=1e-6)


def test_a_run_goes_on_with_what_it_knows_of_the_tasks() -> None:
    pwm, other = (tiny_pwm(tiny_agent(tasks=True), task_balance=0.5) for _ in range(2))
    pwm.update_model(*batch(0, [0, 1, 2, 2]))
    other.model.load_state_dict(pwm.model.state_dict())
    other.load_state_dict(pwm.state_dict())
    one, two = (each.update_model(*batch(1, [2, 1, 0, 0])) for each in (pwm, other))
    assert one["wm_loss"] == two["wm_loss"]


@pytest.mark.parametrize(("tasks", "power"), [(False, 0.5), (True, 0.0)])
def test_one_task_or_the_power_zero_has_no_weights(tasks: bool, power: float) -> None:
    pwm = tiny_pwm(tiny_agent(tasks=tasks), task_balance=power)
    assert pwm.balance is None and "balance" not in pwm.state_dict()
    assert tiny_pwm(tiny_agent(tasks=True), task_balance=0.5).balance.rows.shape == (TASKS,)


class Old(MSELoss):
    """A loss as they were before there were weights."""

    def rollout(self, dynamics, z0, actions, targets, discount, task_emb=None):  # type: ignore[override]
        return super().rollout(dynamics, z0, actions, targets, discount, task_emb)


@pytest.mark.parametrize("terms", [(), ("loss.add=[{name: cosine}]",)], ids=["alone", "with a term"])
def test_a_loss_that_takes_no_weights_is_refused_with_the_way_out(
    terms: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(*overrides: str) -> PWM:
        cfg = composed("size=tiny", "dynamics=mlp", "model.num_tasks=3", *terms, *overrides)
        streams = {name: torch.Generator() for name in ("imagination", "minibatch", "tau")}
        return build_pwm(cfg, build_agent(cfg, obs_dim=3, act_dim=2), streams)

    built()
    monkeypatch.setattr(MSELoss, "rollout", Old.rollout)
    with pytest.raises(WmzooError, match=r"loss 'mse' takes no `weights`.*recipe.task_balance=0"):
        built()
    assert built("recipe.task_balance=0").balance is None


def test_a_loss_that_takes_no_weights_trains_one_task_with_a_term_too() -> None:
    new, old = (SumLoss(main, [("cosine", 0.5, CosineLoss())]) for main in (MSELoss(), Old()))
    assert new.takes_weights and not old.takes_weights
    one, two = (tiny_pwm(tiny_agent(), loss).update_model(batch(0, [0, 0])[0]) for loss in (new, old))
    assert one["wm_loss"] == two["wm_loss"]


def test_the_default_balances_and_the_paper_does_not() -> None:
    assert [compose([f"recipe={name}"]).recipe.task_balance for name in ("default", "paper")] == [0.5, 0.0]
