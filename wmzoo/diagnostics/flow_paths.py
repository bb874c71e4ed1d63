"""The paths along which a velocity field carries latents, and what a coarse integration of them costs.

Everything is measured in the chart y in which the field lives (dynamics/coordinates.py), except the integration error,
which is one of latents.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from wmzoo.diagnostics.scene import Figures, Scene
from wmzoo.dynamics.base import VelocityDynamics
from wmzoo.integrators.base import Field, Integrator
from wmzoo.integrators.rk4 import RK4
from wmzoo.registry import build, list_entries

Row = dict[str, float | int | str]
FINE = 64  # sub-steps of RK4 that stand for the exact solution


def measure(scene: Scene) -> Figures:
    """flow_paths {straightness, curvature, integration}: of one latent step's paths, with every integrator's error by
    evaluations of the field; nothing for a dynamics without a velocity."""
    if not isinstance(scene.model.dynamics, VelocityDynamics):
        return {}
    z, actions, task = scene.starts()
    with torch.no_grad():
        a, task_emb = scene.model.mask(actions, task)[0], scene.model.embed(task)
        reached = scene.model.encode(scene.slices.obs[1, : len(z)], task).double()
    dynamics = copy.deepcopy(scene.model.dynamics).double()  # errors below what float32 can tell
    z, a, task_emb = z.double(), a.double(), None if task_emb is None else task_emb.double()
    nodes, velocities = path(field_of(dynamics, z, a, task_emb), dynamics.coordinates.chart(z))
    methods = {name: build("integrator", name) for name in list_entries("integrator")}
    figures = {
        "straightness": straightness(nodes, velocities),
        "curvature": curvature(nodes, velocities),
        "integration": integration_errors(dynamics, z, a, reached, methods, task_emb=task_emb),
    }
    return {"flow_paths": figures}


def field_of(dynamics: VelocityDynamics, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Field:
    """The field that one latent step from z[B,D] under a[B,A] integrates, in the chart."""
    field = dynamics.field(z, a, task_emb)
    return lambda y, tau: field(dynamics.coordinates.point(y), tau)


@torch.no_grad()
def path(field: Field, start: Tensor, steps: int = FINE) -> tuple[Tensor, Tensor]:
    """y[K+1,B,D] at the K+1 nodes of `steps` sub-steps of RK4, and the velocities there."""

    def piece(number: int) -> Field:
        return lambda y, tau: field(y, (number + tau) / steps) / steps

    nodes, solver = [start], RK4()
    for number in range(steps):
        nodes.append(solver.integrate(piece(number), nodes[-1], 1))
    times = torch.linspace(0, 1, steps + 1).to(start)
    velocities = [field(y, time.expand(len(y), 1)) for y, time in zip(nodes, times, strict=True)]
    return torch.stack(nodes), torch.stack(velocities)


def straightness(nodes: Tensor, velocities: Tensor) -> float:
    """∫ E‖v(y_τ, τ) − (y_1 − y_0)‖² dτ / E‖y_1 − y_0‖²: 0 for straight paths at constant speed, which one Euler step
    follows exactly (Liu et al., arXiv 2209.03003, §2.2)."""
    chord = nodes[-1] - nodes[0]
    deviation = (velocities - chord).square().sum(-1).mean(1)
    total = torch.trapezoid(deviation, dx=1 / (len(nodes) - 1))
    return float(total / chord.square().sum(-1).mean())


def curvature(nodes: Tensor, velocities: Tensor) -> float:
    """E ∫ ‖dv/dτ‖ dτ / E‖y_1 − y_0‖ along the paths: how much the velocity turns and changes, in chords."""
    turned = (velocities[1:] - velocities[:-1]).norm(dim=-1).sum(0)
    return float(turned.mean() / (nodes[-1] - nodes[0]).norm(dim=-1).mean())


@torch.no_grad()
def integration_errors(
    dynamics: VelocityDynamics,
    z: Tensor,
    a: Tensor,
    reached: Tensor,
    methods: Mapping[str, Integrator],
    substeps: Sequence[int] = (1, 2, 4, 8),
    task_emb: Tensor | None = None,
) -> list[Row]:
    """One latent step from z[B,D] by every method and number of sub-steps, against RK4 with FINE of them, z_1*, and
    against the encoded observation that was reached[B,D].

    A row each: `integrator`, `substeps`, `nfe`, the mean over the rows of z, `error` = Σ‖z_1 − z_1*‖ / Σ‖z_1* − z_0‖,
    and `latent_error` as in open_loop, Σ‖z_1 − reached‖² / Σ‖reached − z_0‖².
    """
    field, chart = field_of(dynamics, z, a, task_emb), dynamics.coordinates
    start = chart.chart(z)
    exact = chart.land(RK4().integrate(field, start, FINE))
    moved = (exact - z).norm(dim=-1).sum()
    rows: list[Row] = []
    for name, method in methods.items():
        for steps in substeps:
            landed = chart.land(method.integrate(field, start, steps))
            error = ((landed - exact).norm(dim=-1).sum() / moved).item()
            off = ((landed - reached).square().sum() / (reached - z).square().sum()).item()
            nfe = method.evaluations(field, start, steps).double().mean().item()
            row: Row = {"integrator": name, "substeps": steps, "nfe": nfe}
            rows.append(row | {"error": error, "latent_error": off})
    return rows
