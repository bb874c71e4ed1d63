"""The charts in which latents move: their laws, and what happens off the simplices."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from wmzoo.dynamics import LatentCoordinates, LogitCoordinates, SphereCoordinates
from wmzoo.dynamics.coordinates import coordinates

SIZE = 4
RETRACTIONS = ["project", "renormalise", "none"]
ALL = [LatentCoordinates(SIZE, retract) for retract in RETRACTIONS] + [LogitCoordinates(SIZE), SphereCoordinates(SIZE)]
IDS = [*RETRACTIONS, "logit", "sphere"]

numbers = st.floats(-3, 3, width=32)
raw = arrays(np.float64, (2, 2 * SIZE), elements=numbers)


def on_simplices(x):
    """softmax per group: the interior, entries above e⁻⁷."""
    e = np.exp(x.reshape(*x.shape[:-1], -1, SIZE))
    return torch.from_numpy((e / e.sum(-1, keepdims=True)).reshape(x.shape))


def groups(z):
    return z.unflatten(-1, (-1, SIZE))


@pytest.mark.parametrize("chart", ALL, ids=IDS)
@given(x=raw)
def test_landing_where_one_is_changes_nothing(chart, x):
    z = on_simplices(x)
    torch.testing.assert_close(chart.land(chart.chart(z)), z, rtol=0, atol=1e-11)
    torch.testing.assert_close(chart.point(chart.chart(z)), z, rtol=0, atol=1e-11)


@pytest.mark.parametrize("chart", [ALL[0], ALL[1], *ALL[3:]], ids=["project", "renormalise", "logit", "sphere"])
@given(x=raw, step=raw)
def test_a_step_lands_on_the_simplices(chart, x, step):
    z = groups(chart.land(chart.chart(on_simplices(x)) + torch.from_numpy(step)))
    assert (z >= 0).all()
    torch.testing.assert_close(z.sum(-1), torch.ones(2, 2, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("chart", ALL, ids=IDS)
@given(x=raw, delta=raw)
def test_induced_is_the_differential_of_point(chart, x, delta):
    """Central differences of `point` in the direction δ."""
    y, d, h = chart.chart(on_simplices(x)), torch.from_numpy(delta), 1e-5
    expected = (chart.point(y + h * d) - chart.point(y - h * d)) / (2 * h)
    torch.testing.assert_close(chart.induced(chart.point(y), d), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("chart", ALL[3:], ids=["logit", "sphere"])
@given(x=raw, delta=raw)
def test_a_change_of_coordinates_keeps_each_simplexs_sum(chart, x, delta):
    change = chart.induced(on_simplices(x), torch.from_numpy(delta))
    torch.testing.assert_close(groups(change).sum(-1), torch.zeros(2, 2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_logits_are_flat_below_a_millionth():
    z = torch.tensor([0.0, 1e-9, 1e-6, 1.0 - 1e-6], dtype=torch.float64)
    expected = torch.tensor([1e-6, 1e-6, 1e-6, 1.0 - 1e-6], dtype=torch.float64).log()
    torch.testing.assert_close(LogitCoordinates(SIZE).chart(z), expected, rtol=0, atol=1e-12)


@given(x=raw, other=raw)
def test_straight_lines_below_the_sphere_are_great_circles(x, other):
    """Every √z on the way lies in the plane of both ends, and the angles to them add up to the whole."""
    chart, ends = SphereCoordinates(SIZE), (on_simplices(x), on_simplices(other))
    start, end = (groups(chart.chart(z)) for z in ends)
    middle = groups(chart.point(torch.lerp(*(chart.chart(z) for z in ends), 0.3))).sqrt()
    spanned = torch.stack([start, end, middle], -1)
    torch.testing.assert_close(torch.linalg.svdvals(spanned)[..., 2], torch.zeros(2, 2).double(), rtol=0, atol=1e-7)

    def angle(u, v):
        return 2 * torch.asin((u - v).norm(dim=-1).div(2).clamp(max=1))

    torch.testing.assert_close(angle(start, middle) + angle(middle, end), angle(start, end), rtol=1e-6, atol=1e-6)


def test_the_centre_of_the_sphere_is_below_the_uniform_distribution():
    assert SphereCoordinates(SIZE).point(torch.zeros(SIZE)).tolist() == [0.25] * SIZE


def test_projection_is_the_nearest_point_of_the_simplex():
    """The quadratic programme that defines it, solved by scipy."""
    z = np.array([0.9, 0.6, -0.4, 0.1])
    nearest = minimize(
        lambda x: ((x - z) ** 2).sum(),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1},
        options={"ftol": 1e-14},
    ).x
    landed = LatentCoordinates(SIZE, "project").land(torch.from_numpy(z))
    np.testing.assert_allclose(landed, nearest, atol=1e-6)
    np.testing.assert_allclose(landed, [0.65, 0.35, 0.0, 0.0], atol=1e-12)  # by hand


def test_renormalising_clips_at_zero_and_divides_by_the_sum():
    landed = LatentCoordinates(SIZE, "renormalise").land(torch.tensor([0.9, 0.6, -0.4, 0.0], dtype=torch.float64))
    torch.testing.assert_close(landed, torch.tensor([0.6, 0.4, 0.0, 0.0], dtype=torch.float64), rtol=0, atol=1e-11)


def test_none_leaves_a_prediction_off_the_simplex():
    z = torch.tensor([0.9, 0.6, -0.4, 0.0])
    assert torch.equal(LatentCoordinates(SIZE, "none").land(z), z)


def test_a_change_outside_of_the_simplex_is_brought_back_only_at_the_end_of_a_step():
    """`point`, which the network sees along a path, does not retract."""
    z = torch.tensor([1.2, -0.2, 0.0, 0.0])
    for retract in RETRACTIONS:
        assert torch.equal(LatentCoordinates(SIZE, retract).point(z), z)


@pytest.mark.parametrize("make", [lambda: coordinates("polar", 8, "none"), lambda: coordinates("latent", 8, "softmax")])
def test_an_unknown_name_is_refused_with_the_known_ones(make):
    with pytest.raises(ValueError, match=r"latent, logit or sphere|project, renormalise, none"):
        make()
