"""A velocity trained at one time and integrated at others."""

import pytest
import torch

from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.dynamics.noise_flow import NoiseFlowDynamics
from wmzoo.losses.extrapolation import evaluation_times, extrapolation
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.noise_flow import NoiseFlowLoss
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.losses.terms import SumLoss
from wmzoo.registry import build


def flow(integrator, substeps, *, predict="velocity", **params):
    made = build("integrator", integrator, **params)
    return FlowDynamics(latent_dim=8, action_dim=1, integrator=made, substeps=substeps, predict=predict)


def end_flow(integrator, substeps=2):
    made = build("integrator", integrator)
    return NoiseFlowDynamics(latent_dim=8, action_dim=1, integrator=made, substeps=substeps, predict="end", mean=False)


@pytest.mark.parametrize(
    ("name", "params", "steps", "times"),
    [
        ("euler", {}, 4, [0, 0.25, 0.5, 0.75]),
        ("euler", {"time": "midpoint"}, 2, [0.25, 0.75]),
        ("midpoint", {}, 1, [0, 0.5]),
        ("heun", {}, 2, [0, 0.5, 1]),
        ("rk4", {}, 1, [0, 0.5, 1]),
    ],
)
def test_evaluation_times_are_those_of_the_tableau(name, params, steps, times):
    assert evaluation_times(build("integrator", name, **params), steps) == pytest.approx(times)


def test_a_field_trained_at_one_half_and_evaluated_elsewhere_gets_a_line_that_says_where():
    line = extrapolation(RectifiedFlowLoss(tau="midpoint"), flow("heun", 2))
    assert line is not None and "τ = 0.5 only" in line and "τ = 0, 1 too" in line and "loss.tau=uniform" in line


def test_a_noise_flow_trained_where_its_sub_steps_start_is_not_where_the_last_one_ends():
    """Of three sub-steps 0, 1/3 and 2/3 are trained, and Heun looks at their ends, too."""
    line = extrapolation(NoiseFlowLoss("landed", "steps", rollout_weight=0.5), end_flow("heun", 3))
    assert line is not None and "τ = 0, 0.3333, 0.6667 only" in line and "at τ = 1 too" in line
    assert "loss.times=uniform trains all times" in line


@pytest.mark.parametrize(
    ("loss", "dynamics"),
    [
        (RectifiedFlowLoss("landed", tau_zero=0.5), flow("heun", 2, predict="end")),
        (NoiseFlowLoss("landed", "uniform", rollout_weight=0.5), end_flow("heun")),
        (SumLoss(RectifiedFlowLoss("landed"), []), flow("rk4", 1, predict="end")),
    ],
)
def test_a_predicted_end_that_is_divided_by_little_where_it_is_hardly_trained_gets_a_line(loss, dynamics):
    line = extrapolation(loss, dynamics)
    assert line is not None and "at τ = 1, where loss.metric=landed hardly trains it" in line and "20 times" in line


@pytest.mark.parametrize(
    ("loss", "dynamics"),
    [
        (RectifiedFlowLoss("landed"), flow("heun", 2)),
        (RectifiedFlowLoss("landed"), flow("euler", 64, predict="end")),
        (RectifiedFlowLoss("path"), flow("heun", 2, predict="end")),
        (NoiseFlowLoss("landed", "steps", rollout_weight=0.5), end_flow("euler")),
        (RectifiedFlowLoss(tau="midpoint"), flow("euler", 1, time="midpoint")),
        (RectifiedFlowLoss(tau="uniform"), flow("heun", 2)),
        (MSELoss(), flow("heun", 2)),
        (MSELoss(), MLPDynamics(latent_dim=8, action_dim=1)),
    ],
    ids=[
        "no division",
        "Euler's last step",
        "trained at 1",
        "steps",
        "only there",
        "trained everywhere",
        "trained where it is evaluated",
        "no velocity",
    ],
)
def test_there_is_nothing_to_say_where_every_evaluated_time_is_trained(loss, dynamics):
    assert extrapolation(loss, dynamics) is None


def test_the_drawn_times_are_the_ones_said_to_be_trained():
    midpoint = RectifiedFlowLoss(tau="midpoint")
    drawn = midpoint._times(lambda: torch.rand(5, 1, 1, 1)).flatten()
    assert {*drawn.tolist()} == {*midpoint.trained_times(flow("euler", 1))}
