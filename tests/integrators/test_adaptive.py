"""Sub-steps by each row's own error: against torchdiffeq in float64, exact solutions, and counted evaluations."""

import pytest
import torch
import torchdiffeq

from wmzoo.registry import build

PAIRS = ("dopri5", "bosh3")


def field(z, tau):
    """Non-linear and dependent on time."""
    return torch.tanh(z @ COUPLING + tau) - z * tau.square()


COUPLING = torch.tensor([[0.2, -1.0, 0.5], [0.7, 0.1, -0.3], [-0.4, 0.9, 0.3]], dtype=torch.float64)
Z = torch.linspace(-1.0, 1.0, 6, dtype=torch.float64).reshape(2, 3)


@pytest.mark.parametrize("name", PAIRS)
def test_one_sub_step_is_torchdiffeqs(name):
    """Of one row, with the error allowed: there its batch is that row."""
    z = Z[:1]
    ours = build("integrator", name, rtol=1.0, atol=1e3).integrate(field, z, 1)
    options = {"first_step": 1.0}
    theirs = torchdiffeq.odeint(
        lambda tau, z: field(z, tau), z, torch.tensor([0.0, 1.0]), method=name, rtol=1.0, atol=1e3, options=options
    )[-1]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("tolerance", [1e-4, 1e-7])
def test_the_error_follows_the_tolerance(name, tolerance):
    exact = torchdiffeq.odeint(
        lambda tau, z: field(z, tau), Z, torch.tensor([0.0, 1.0]), method="dopri8", rtol=1e-13, atol=1e-13
    )[-1]
    ours = build("integrator", name, rtol=tolerance, atol=tolerance, most=400).integrate(field, Z, 1)
    assert (ours - exact).abs().max() < 5 * tolerance


def rotation(rates, seen):
    """A circle at rates[B,1] radians; the times of row 0 are noted."""

    def turn(z, tau):
        seen.append(tau[0].item())
        return rates * torch.stack([-z[:, 1], z[:, 0]], -1)

    return turn


@pytest.mark.parametrize("name", [*PAIRS, "curvature"])
def test_a_restless_neighbour_changes_neither_a_row_nor_when_it_is_evaluated(name):
    rates = torch.tensor([[0.3], [25.0]], dtype=torch.float64)
    start = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    method, beside, alone = build("integrator", name, most=60), [], []
    together = method.integrate(rotation(rates, beside), start, 1)
    single = method.integrate(rotation(rates[:1], alone), start[:1], 1)
    assert torch.equal(together[:1], single)
    assert [tau for tau in beside if tau < 1] == [tau for tau in alone if tau < 1]
    assert len(beside) > 2 * len(alone), "the neighbour took more"


@pytest.mark.parametrize("name", PAIRS)
def test_a_row_that_cannot_arrive_takes_what_is_left_in_the_last_attempt(name):
    seen = []
    rates = torch.full((1, 1), 200.0, dtype=torch.float64)
    method = build("integrator", name, most=5)
    end = method.integrate(rotation(rates, seen), torch.tensor([[1.0, 0.0]], dtype=torch.float64), 1)
    assert len(seen) == method.nfe(1) and max(seen) == 1.0 and end.isfinite().all()


@pytest.mark.parametrize("name", [*PAIRS, "curvature"])
def test_a_field_that_is_not_finite_ends(name):
    end = build("integrator", name).integrate(lambda z, tau: z / 0, torch.ones(2, 3), 1)
    assert not end.isfinite().any()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PAIRS, "curvature"])
def test_compiled_it_has_its_full_length_and_the_same_end(name):
    method = build("integrator", name)

    def integrate(z):
        return method.integrate(field, z, 1)

    compiled = torch.compile(integrate, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(Z), integrate(Z), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_an_attempt_that_overflows_and_is_rejected_spoils_no_gradient(name):
    """dz/dτ = −r z⁵ ends at (z⁻⁴ + 4r)^(−1/4): from 3 the first attempts leave float32's range, beside a row whose are
    accepted. By its formula, and by differences of it in float64."""

    def exact(z, rate):
        return (z**-4 + 4 * rate) ** -0.25

    method = build("integrator", name, rtol=1e-5, atol=1e-7, most=800)
    for starts in ([3.0], [3.0, 0.2, 0.5]):
        z = torch.tensor(starts).view(-1, 1).requires_grad_()
        rate = torch.tensor(30.0, requires_grad=True)
        end = method.integrate(lambda z, tau, rate=rate: -rate * z**5, z, 1)
        place, pace = z.detach().double(), rate.detach().double()
        torch.testing.assert_close(end.double(), exact(place, pace), rtol=1e-3, atol=0)
        by_start, by_rate = torch.autograd.grad(end.sum(), (z, rate))
        small = 1e-5
        start_difference = (exact(place + small, pace) - exact(place - small, pace)) / (2 * small)
        rate_difference = (exact(place, pace + small) - exact(place, pace - small)).sum() / (2 * small)
        torch.testing.assert_close(by_start.double(), start_difference, rtol=0.02, atol=1e-5)
        torch.testing.assert_close(by_rate.double(), rate_difference, rtol=0.02, atol=0)


@pytest.mark.slow
def test_compiled_its_gradient_is_the_same():
    method = build("integrator", "dopri5", most=20)

    def integrate(z):
        return method.integrate(lambda z, tau: -30 * z**5, z, 1)

    gradients = []
    for each in (integrate, torch.compile(integrate, backend="eager", fullgraph=True)):
        z = torch.tensor([[3.0], [0.2]], requires_grad=True)
        gradients += torch.autograd.grad(each(z).sum(), z)
    assert gradients[0].isfinite().all()
    torch.testing.assert_close(*gradients)


def test_a_row_that_arrived_looks_no_further():
    """By curvature: a row of one sub-step beside one of many; past its end the field is not finite."""
    start = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)

    def ahead(z, tau):
        straight = torch.where(z[:1] > 2.5, torch.inf, 1.0) * z[:1].square() / z[:1].square()
        return torch.cat([straight, 9 * torch.stack([-z[1:, 1], z[1:, 0]], -1)])

    z = (start + 0.5).requires_grad_()
    end = build("integrator", "curvature").integrate(ahead, z, 1)
    (gradient,) = torch.autograd.grad(end[0].sum(), z)
    torch.testing.assert_close(end[0], z[0] + 1)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", PAIRS)
def test_how_often_a_row_is_evaluated_is_by_its_own_attempts(name):
    """A constant field is accepted at once; of a rejected attempt the first slope is known, too."""
    method = build("integrator", name)
    stages = {"dopri5": 6, "bosh3": 3}[name]
    rates = torch.tensor([[0.0], [0.01], [200.0]], dtype=torch.float64)
    start = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(3, 2)
    counted = method.evaluations(rotation(rates, []), start, 1).tolist()
    assert counted == [1 + stages, 1 + stages, method.nfe(1)]


def test_sub_steps_are_as_many_as_the_path_bends():
    """On a circle of unit speed r, f(z + f(z)) − f(z) = r² of the radius: K = ⌈r²/√2 / 2·tolerance⌉."""
    rates = torch.tensor([[0.01], [0.5], [1.0], [9.0]], dtype=torch.float64)
    start = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(4, 2)
    method = build("integrator", "curvature", tolerance=0.05, most=16)
    expected = (rates.square() / 2**0.5 / 0.1).ceil().clamp(1, 16)
    turn = rotation(rates, [])
    assert torch.equal(method.substeps(turn, start, turn(start, torch.zeros(4, 1))), expected)
    assert expected.flatten().tolist() == [1, 2, 8, 16]


def test_a_straight_path_takes_one_evaluation_to_see_it_and_two_to_go_it():
    seen = []

    def straight(z, tau):
        seen.append(tau)
        return torch.ones_like(z)

    method = build("integrator", "curvature")
    end = method.integrate(straight, Z, 1)
    assert len(seen) == 3 and method.evaluations(straight, Z, 1).tolist() == [3, 3]
    torch.testing.assert_close(end, Z + 1)
