"""Jacobians, paths, trajectories and policy gradients against cases whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import tiny_agent, tiny_pwm
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.diagnostics import flow_paths
from wmzoo.diagnostics.gradients import policy_gradients, summary
from wmzoo.diagnostics.jacobian import spectral_norms, unroll_jacobian
from wmzoo.diagnostics.open_loop import distance_from_simplex
from wmzoo.diagnostics.trajectories import Trajectories
from wmzoo.dynamics.base import Dynamics, VelocityDynamics
from wmzoo.dynamics.coordinates import LatentCoordinates
from wmzoo.errors import RunFailed
from wmzoo.integrators.euler import Euler
from wmzoo.integrators.heun import Heun
from wmzoo.integrators.rk4 import RK4
from wmzoo.nets import ScalarCode

ANGLE = 1.2


class Linear(Dynamics):
    """z' = z Aᵀ + a."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z @ self.matrix.T + a


class Rotation(VelocityDynamics):
    """dz/dτ = ANGLE · (−z₂, z₁): circles about the origin."""

    coordinates = LatentCoordinates(2, "none")

    def velocity(
        self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        return ANGLE * torch.stack([-z[:, 1], z[:, 0]], 1)

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        raise NotImplementedError


def test_the_jacobian_of_a_linear_system_is_the_matrix_s_power_and_its_norm_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(3, 3, dtype=torch.float64)
    model = WorldModel(nn.Identity(), Linear(matrix), nn.Identity(), ScalarCode())
    z, actions = torch.randn(4, 3).double(), torch.randn(5, 4, 3).double()
    for horizon in (1, 2, 5):
        jacobian = unroll_jacobian(model, z, actions, horizon)
        expected = torch.linalg.matrix_power(matrix, horizon)
        torch.testing.assert_close(jacobian, expected.expand(4, 3, 3))
        torch.testing.assert_close(spectral_norms(jacobian), torch.linalg.svdvals(expected)[0].expand(4))


def test_the_jacobian_of_a_network_is_that_of_finite_differences() -> None:
    model = tiny_agent("flow/logit").world_model
    z = torch.rand(2, 8, dtype=torch.float64).view(2, 2, 4).softmax(-1).flatten(1)
    actions = torch.rand(3, 2, 2, dtype=torch.float64)
    jacobian = unroll_jacobian(model, z, actions, 3)

    def end(z: Tensor) -> Tensor:
        for action in actions:
            z = model.next(z, action)
        return z.detach()

    for entry in range(8):
        step = torch.zeros(8, dtype=torch.float64)
        step[entry] = 1e-6
        difference = (end(z + step) - end(z - step)) / 2e-6
        torch.testing.assert_close(jacobian[:, :, entry], difference, rtol=1e-5, atol=1e-7)


def circle() -> tuple[Tensor, Tensor]:
    start = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    field = flow_paths.field_of(Rotation(), start, torch.zeros(2, 1))
    return flow_paths.path(field, start)


def test_a_path_on_a_circle_has_the_circle_s_straightness_and_curvature() -> None:
    """For radius r and angle θ: chord 2r sin(θ/2), ∫‖v − chord‖² = r²θ² − chord², ∫‖dv/dτ‖ = rθ²."""
    nodes, velocities = circle()
    chord = 2 * math.sin(ANGLE / 2)
    torch.testing.assert_close(nodes[-1, 0], torch.tensor([math.cos(ANGLE), math.sin(ANGLE)], dtype=torch.float64))
    assert flow_paths.straightness(nodes, velocities) == pytest.approx(ANGLE**2 / chord**2 - 1, rel=1e-3)
    assert flow_paths.curvature(nodes, velocities) == pytest.approx(ANGLE**2 / chord, rel=1e-3)


def test_a_constant_velocity_is_straight_and_every_integrator_exact() -> None:
    class Drift(Rotation):
        def velocity(
            self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
        ) -> Tensor:
            return torch.full_like(z, 0.3)

    z = torch.rand(5, 2, dtype=torch.float64)
    nodes, velocities = flow_paths.path(flow_paths.field_of(Drift(), z, z), z)
    assert flow_paths.straightness(nodes, velocities) < 1e-20 and flow_paths.curvature(nodes, velocities) < 1e-10
    rows = flow_paths.integration_errors(Drift(), z, z, {"euler": Euler(), "rk4": RK4()})
    assert max(float(row["error"]) for row in rows) < 1e-12


def test_integration_errors_fall_with_the_method_s_order_and_count_evaluations() -> None:
    z = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    rows = flow_paths.integration_errors(Rotation(), z, z, {"euler": Euler(), "heun": Heun(), "rk4": RK4()}, (4, 8))
    error = {(row["integrator"], row["substeps"]): float(row["error"]) for row in rows}
    assert [row["nfe"] for row in rows] == [4, 8, 8, 16, 16, 32]
    for name, order in (("euler", 1), ("heun", 2), ("rk4", 4)):
        assert math.log2(error[name, 4] / error[name, 8]) == pytest.approx(order, abs=0.25)
    chord = 2 * math.sin(ANGLE / 2)  # one Euler step of h: radius grows by √(1 + (hθ)²), angle falls short
    reached = torch.tensor([1.0, ANGLE / 4], dtype=torch.float64)
    assert error["euler", 4] > (reached.norm().item() ** 4 - 1) / chord / 2


def test_the_distance_from_the_simplex_is_the_sum_s_or_the_negative_entry_s() -> None:
    z = torch.tensor([[0.5, 0.5, 1.0, 0.0], [0.5, 0.75, 1.0, 0.0], [0.5, 0.5, 1.125, -0.125]])
    torch.testing.assert_close(distance_from_simplex(z, 2), torch.tensor([0.0, 0.25, 0.125]))


def test_slices_of_trajectories_lie_within_first_episodes() -> None:
    steps, envs = 6, 3
    numbers = torch.arange(steps + 1).float().unsqueeze(1) + 100 * torch.arange(envs).float()
    alive = torch.arange(steps).unsqueeze(1) < torch.tensor([6, 4, 2])
    trajectories = Trajectories(numbers.unsqueeze(-1), numbers[:-1].unsqueeze(-1), numbers[:-1], alive)
    slices = trajectories.slices(3, 500, torch.Generator().manual_seed(0))
    first = slices.rewards[0]
    assert set(first.tolist()) == {0, 1, 2, 3, 100, 101}  # environment 2 is too short
    torch.testing.assert_close(slices.obs.squeeze(-1), first + torch.arange(4).unsqueeze(1))
    torch.testing.assert_close(slices.actions.squeeze(-1), slices.rewards)
    assert len(trajectories.states()) == 12
    with pytest.raises(RunFailed, match="no episode lasted|fewer than the horizon"):
        trajectories.slices(7, 5, torch.Generator())


def test_policy_gradients_are_independent_estimates_of_the_gradient_that_the_update_ascends() -> None:
    """Their mean is the gradient of the mean over one big batch; their scatter falls with the batch."""
    states = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    norms, means = [], []
    for batch in (4, 64):
        pwm = tiny_pwm(tiny_agent())
        draws = torch.Generator().manual_seed(2)
        gradients, dropped = policy_gradients(pwm, states, 3, 400, batch, draws)
        found = summary(gradients, dropped)
        assert dropped == 0 and gradients.shape == (400, sum(p.numel() for p in pwm.actor.parameters()))
        norms.append(found["gradient_variance"])
        means.append(gradients.mean(0))
    assert norms[0] / norms[1] == pytest.approx(16, rel=0.25)
    assert torch.cosine_similarity(means[0], means[1], 0) > 0.9


def test_gradients_that_are_not_finite_are_dropped_and_counted() -> None:
    pwm = tiny_pwm(tiny_agent())
    calls = iter(range(100))
    pwm.model.dynamics.register_forward_hook(lambda _m, _i, out: out * (float("nan") if next(calls) % 4 == 3 else 1))
    gradients, dropped = policy_gradients(pwm, torch.randn(9, 3).double(), 2, 10, 4, torch.Generator())
    assert (len(gradients), dropped) == (5, 5) and gradients.isfinite().all()
