"""A velocity trained at one time and integrated at others."""

import pytest
import torch

from wmzoo.dynamics.flow import FlowDynamics
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.losses.extrapolation import evaluation_times, extrapolation
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.registry import build


def flow(integrator, substeps, **params):
    return FlowDynamics(
        latent_dim=8, action_dim=1, integrator=build("integrator", integrator, **params), substeps=substeps
    )


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


@pytest.mark.parametrize(
    ("loss", "dynamics"),
    [
        (RectifiedFlowLoss(tau="midpoint"), flow("euler", 1, time="midpoint")),
        (RectifiedFlowLoss(tau="uniform"), flow("heun", 2)),
        (MSELoss(), flow("heun", 2)),
        (MSELoss(), MLPDynamics(latent_dim=8, action_dim=1)),
    ],
    ids=["only there", "trained everywhere", "trained where it is evaluated", "no velocity"],
)
def test_there_is_nothing_to_say_where_every_evaluated_time_is_trained(loss, dynamics):
    assert extrapolation(loss, dynamics) is None


def test_the_drawn_times_are_the_ones_said_to_be_trained():
    midpoint = RectifiedFlowLoss(tau="midpoint")
    assert set(midpoint._times(lambda: torch.rand(5, 1, 1, 1)).flatten().tolist()) == set(midpoint.trained_times)
