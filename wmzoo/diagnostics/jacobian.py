"""How the unrolled model amplifies small changes of the latent it starts from."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.agent.world_model import WorldModel
from wmzoo.diagnostics.scene import Figures, Scene


def measure(scene: Scene) -> Figures:
    """jacobian {mean, p95}: the spectral norm of ∂z_H/∂z_0 over the starts, by horizon."""
    z, actions, task = scene.starts()
    norms = [spectral_norms(unroll_jacobian(scene.model, z, actions, h, task)) for h in scene.horizons]
    return {"jacobian": {"mean": [x.mean().item() for x in norms], "p95": [x.quantile(0.95).item() for x in norms]}}


def unroll_jacobian(model: WorldModel, z: Tensor, actions: Tensor, horizon: int, task: Tensor | None = None) -> Tensor:
    """∂z_H/∂z_0 of each column, [B,D,D], along given actions[≥H,B,A] from z[B,D].

    One backward pass per entry of z_H gives that row for the whole batch, because columns do not mix.
    """
    start = z.detach().requires_grad_()
    end = model.dynamics.unroll(start, model.mask(actions[:horizon], task), model.embed(task))[-1]
    rows = [
        torch.autograd.grad(end[:, entry].sum(), start, retain_graph=entry + 1 < end.shape[1])[0]
        for entry in range(end.shape[1])
    ]
    return torch.stack(rows, 1)


def spectral_norms(jacobian: Tensor) -> Tensor:
    """The largest singular value of each matrix [B,D,D] -> [B]: the most that a small change can grow."""
    norms: Tensor = torch.linalg.matrix_norm(jacobian, ord=2)
    return norms
