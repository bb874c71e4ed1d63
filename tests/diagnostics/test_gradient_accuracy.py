"""How far a model's gradients are from the true ones, where both are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from linear_quadratic import ACT, LinearQuadratic, model
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.diagnostics.gradient_accuracy import NAMES, _interval, accuracy, agreement, model_gradients
from wmzoo.diagnostics.simulator_gradients import SimulatorGradients, simulator_gradients

HORIZONS, SEED = [1, 2, 4, 8], 2


def truth_of(kink: tuple[float, float] = (0.0, 0.0), fixed: float | None = None) -> SimulatorGradients:
    """Along random actions, whose first entry is `fixed` in a third of the environments."""
    env, draws = LinearQuadratic(6, kink=kink), torch.Generator().manual_seed(0)
    actions = 1.6 * torch.rand(30, 6, ACT, generator=draws) - 0.8
    if fixed is not None:
        actions[:, ::3, 0] = fixed
    return simulator_gradients(env, SEED, actions, HORIZONS, 0.97, draws, 2)


def gradients(agent: Agent, truth: SimulatorGradients) -> Tensor:
    args = (truth.obs, truth.actions.double(), HORIZONS, truth.gamma, None, torch.Generator().manual_seed(0))
    return model_gradients(agent, *args)


def compared(agent: Agent, truth: SimulatorGradients) -> dict[str, Any]:
    return accuracy(gradients(agent, truth), truth)


def values(figures: dict[str, Any]) -> dict[str, list[float]]:
    return {name: figures[name]["value"] for name in NAMES}


@pytest.mark.parametrize(
    ("scale", "cosine", "ratio", "signs"), [(1.0, 1, 1, 1), (-3.0, -1, 3, 0), (0.25, 1, 0.25, 1)], ids=str
)
@pytest.mark.parametrize("std", [1.0, 20.0])
def test_an_exact_model_has_the_gradients_of_the_task_and_a_scaled_one_their_multiple(
    scale: float, cosine: float, ratio: float, signs: float, std: float
) -> None:
    """In the task's units, whatever its reward head learned."""
    figures = compared(model(scale, std), truth_of())
    assert figures["starts"] == [12] * 4 and figures["rough"] == [0] * 4
    wanted = {"cosine": cosine, "norm_ratio": ratio, "sign_agreement": signs}
    for found in (figures, figures["smooth"]):
        assert values(found) == {name: pytest.approx([one] * 4, rel=2e-5) for name, one in wanted.items()}
        assert found["cosine"]["low"] == pytest.approx([cosine] * 4)


def test_to_many_digits_in_float64() -> None:
    truth = truth_of()
    torch.testing.assert_close(gradients(model(), truth), truth.gradients, rtol=1e-5, atol=1e-8)  # PWM's guard: 5e-6
    exact = model()
    exact.cfg.recipe.reward_scale = "none"
    torch.testing.assert_close(gradients(exact, truth), truth.gradients, rtol=1e-8, atol=1e-8)


def test_figures_without_rough_entries_are_of_the_smooth_ones_alone() -> None:
    """A model without the cost 8 |a_0|, looked at where a_0 is 1e-4: differences there are somewhere between ±8."""
    truth = truth_of(kink=(8.0, 0.0), fixed=1e-4)
    assert compared(model(), truth)["rough"] == pytest.approx([1 / 6] * 4)  # one action in a third of the environments
    figures = compared(model(), replace(truth, whole=truth.whole & (truth.episodes % 3 == 0)))
    assert figures["starts"] == [4] * 4 and figures["rough"] == [0.5] * 4
    assert values(figures["smooth"])["cosine"] == pytest.approx([1] * 4)
    assert values(figures["smooth"])["norm_ratio"] == pytest.approx([1] * 4, rel=2e-5)
    whole = values(figures)["cosine"]
    assert whole[0] < 0.9 and all(one < 1 - 1e-5 for one in whole)


def test_of_a_stochastic_dynamics_the_mean_return_of_many_futures_counts() -> None:
    """Noise of mean 0 leaves the expected gradient of a quadratic as it is; 32 futures come near."""
    truth = truth_of()
    figures = compared(model(noise_dim=3), truth)
    assert all(0.99 < one <= 1 for one in figures["cosine"]["value"])
    assert figures["cosine"]["value"][0] == pytest.approx(1)  # the first reward knows no noise
    assert figures["cosine"]["value"][-1] < 1 - 1e-8


def test_starts_without_a_true_gradient_or_whose_episode_ends_are_left_out() -> None:
    truth = truth_of()
    truth.gradients[:, 0] = 0.0
    truth.whole[2:, 1] = False
    figures = compared(model(), truth)
    assert figures["starts"] == [11, 11, 10, 10] and figures["cosine"]["value"] == pytest.approx([1] * 4)
    nothing = compared(model(), replace(truth, whole=torch.zeros_like(truth.whole)))
    assert nothing["starts"] == [0] * 4 and all(one != one for one in nothing["cosine"]["value"])


def test_agreement_by_hand() -> None:
    """Of the model (1, 1, 5, −1) and the truth (1, −1, 0, −2): cosine 2/√(28·6), ratio √(28/6), two of three signs."""
    of_model = torch.tensor([[[1.0, 1.0], [5.0, -1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    of_truth = torch.tensor([[[1.0, -1.0], [0.0, -2.0]], [[1.0, 1.0], [1.0, 1.0]]])
    found = agreement(of_model, of_truth)
    assert found.cosine.tolist() == pytest.approx([2 / (28 * 6) ** 0.5, 0])
    assert float(found.log_ratio[0].exp()) == pytest.approx((28 / 6) ** 0.5)
    assert found.signs.tolist() == pytest.approx([2 / 3, 0]) and found.known.all()


@pytest.mark.filterwarnings("error")
def test_a_model_without_gradients_agrees_with_nothing() -> None:
    figures = values(compared(model(0.0), truth_of()))
    assert figures == {"cosine": [0] * 4, "norm_ratio": [0] * 4, "sign_agreement": [0] * 4}


def test_starts_of_one_episode_count_together() -> None:
    values, episodes = torch.tensor([1.0, 0.0, 0.0, 0.5]).numpy(), torch.tensor([7, 7, 7, 9]).numpy()
    found = _interval(values, episodes)
    assert found["value"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert (found["low"], found["high"]) == pytest.approx((1 / 3, 1 / 2))
    alone = _interval(values[:3], episodes[:3])
    assert alone["value"] == pytest.approx(1 / 3) and alone["low"] != alone["low"]
