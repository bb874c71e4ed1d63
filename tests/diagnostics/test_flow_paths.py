"""Paths of a flow against circles and straight lines."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from wmzoo.diagnostics import flow_paths
from wmzoo.dynamics.base import VelocityDynamics
from wmzoo.dynamics.coordinates import LatentCoordinates
from wmzoo.integrators.base import Field
from wmzoo.integrators.dopri5 import Dopri5
from wmzoo.integrators.euler import Euler
from wmzoo.integrators.heun import Heun
from wmzoo.integrators.rk4 import RK4

ANGLE = 1.2


class Rotation(VelocityDynamics):
    """dz/dτ = ANGLE · (−z₂, z₁): circles about the origin."""

    coordinates = LatentCoordinates(2, "none")

    def velocity(
        self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        return ANGLE * torch.stack([-z[:, 1], z[:, 0]], 1)

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        raise NotImplementedError


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
    rows = flow_paths.integration_errors(Drift(), z, z, z + 1, {"euler": Euler(), "rk4": RK4()})
    assert max(float(row["error"]) for row in rows) < 1e-12


def test_integration_errors_fall_with_the_method_s_order_and_count_evaluations() -> None:
    z = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    methods = {"euler": Euler(), "heun": Heun(), "rk4": RK4()}
    rows = flow_paths.integration_errors(Rotation(), z, z, z + 1, methods, (4, 8))
    error = {(row["integrator"], row["substeps"]): float(row["error"]) for row in rows}
    assert [row["nfe"] for row in rows] == [4, 8, 8, 16, 16, 32]
    for name, order in (("euler", 1), ("heun", 2), ("rk4", 4)):
        assert math.log2(error[name, 4] / error[name, 8]) == pytest.approx(order, abs=0.25)
    chord = 2 * math.sin(ANGLE / 2)  # one Euler step of h: radius grows by √(1 + (hθ)²), angle falls short
    reached = torch.tensor([1.0, ANGLE / 4], dtype=torch.float64)
    told = {(row["integrator"], row["substeps"]): float(row["latent_error"]) for row in rows}
    truth = torch.tensor([math.cos(ANGLE) - 2, math.sin(ANGLE) - 1])  # where RK4 arrives, less where it should, z + 1
    assert told["rk4", 8] == pytest.approx(truth.square().sum().item() / 2, rel=1e-4)
    assert error["euler", 4] > (reached.norm().item() ** 4 - 1) / chord / 2


def test_what_an_adaptive_method_costs_is_the_mean_of_what_rows_take() -> None:
    """dz/dτ = ANGLE · (−z₂, z₁) is harder the further out; each row is counted alone."""
    z, seen = torch.tensor([[1e-6, 0.0], [1.0, 0.0], [60.0, 0.0]], dtype=torch.float64), []
    method = Dopri5(rtol=0.0, atol=1e-5, most=30)
    for row in z.split(1):
        field, count = flow_paths.field_of(Rotation(), row, row), [0]

        def counting(y: Tensor, tau: Tensor, field: Field = field, count: list[int] = count) -> Tensor:
            count[0] += 1
            return field(y, tau)

        method.integrate(counting, row, 1)
        seen += count
    (told,) = flow_paths.integration_errors(Rotation(), z, z, z + 1, {"dopri5": method}, (1,))
    assert len({*seen}) == 3 and told["nfe"] == pytest.approx(sum(seen) / 3)
