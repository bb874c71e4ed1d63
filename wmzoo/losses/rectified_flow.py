"""The rectified-flow loss (Liu et al., arXiv 2209.03003) on the straight paths between consecutive latents."""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from torch import Tensor

from wmzoo.compute.device import send
from wmzoo.dynamics.base import Dynamics, VelocityDynamics
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum, unroll


class RectifiedFlowLoss(DynamicsLoss):
    """ℓ_t = mean over batch and units of (v(z_τ, a_t, τ) − v*)², measured as the velocity of z it induces.

    In the dynamics' chart y: y_τ = (1−τ) y_s + τ y*, v* = y* − y_s, and the error δ = v − v* counts by the change of z
    it induces at z_τ. In latent coordinates that is δ itself; in logit coordinates z_τ ⊙ (δ − ⟨z_τ, δ⟩), because the
    raw error would be ruled by entries near zero. Measured over a finished rollout, in one evaluation of the field.

    Args:
        tau: `uniform` in [0, 1] per sample and step, or `midpoint`, ½ for all: the field is then trained at one time,
            and integrators that evaluate it elsewhere extrapolate.
        source: z_s is the `predicted` latent of the rollout, or the `encoded` observation.
        source_grad: whether the gradient runs through the source, and so through the rollout.
        samples: times drawn per latent step, one in each of as many equal parts of [0, 1]: less noise for one more
            evaluation of the field each, where a rollout costs several.
    """

    def __init__(
        self,
        tau: str = "uniform",
        source: str = "predicted",
        source_grad: bool = True,
        samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        if tau not in ("uniform", "midpoint"):
            raise ValueError(f"loss.tau is uniform or midpoint, not '{tau}'")
        if source not in ("predicted", "encoded"):
            raise ValueError(f"loss.source is predicted or encoded, not '{source}'")
        if samples < 1 or (tau == "midpoint" and samples > 1):
            raise ValueError(f"loss.samples is 1 or more, and 1 with loss.tau=midpoint, not {samples}")
        self.tau, self.source, self.source_grad, self.generator = tau, source, source_grad, generator
        self.samples = samples
        self.trained_times = (0.5,) if tau == "midpoint" else None

    def rollout(
        self,
        dynamics: Dynamics,
        z0: Tensor,
        actions: Tensor,
        targets: Tensor,
        discount: float,
        task_emb: Tensor | None = None,
    ) -> LatentRollout:
        if not isinstance(dynamics, VelocityDynamics):
            raise TypeError(f"the rectified-flow loss needs a velocity, which {type(dynamics).__name__} does not have")
        zs = unroll(dynamics, z0, actions, task_emb)
        sources = zs[:-1] if self.source == "predicted" else torch.cat([z0.unsqueeze(0), targets[:-1]])
        if not self.source_grad:
            sources = sources.detach()
        errors = self._errors(dynamics, sources, actions, targets, task_emb)
        return LatentRollout(zs, discounted_sum(errors.square(), discount), {})

    def _errors(
        self,
        dynamics: VelocityDynamics,
        sources: Tensor,
        actions: Tensor,
        targets: Tensor,
        task_emb: Tensor | None,
    ) -> Tensor:
        """The induced velocity errors [H,S,B,D] at S sampled times, in one batch: every source is known by now."""
        steps, batch = actions.shape[:2]
        chart = dynamics.coordinates

        def each(x: Tensor) -> Tensor:
            """x[H,B,W] for every sample, too: [H·S·B,W]."""
            return repeat(x, "step row width -> (step sample row) width", sample=self.samples)

        task_emb = None if task_emb is None else each(task_emb.expand(steps, *task_emb.shape))
        source, target, action = each(sources), each(targets), each(actions)
        tau = self._times(steps, batch, source)
        start, end = chart.chart(source), chart.chart(target)
        z_tau = chart.point(torch.lerp(start, end, tau))
        error = dynamics.velocity(z_tau, action, tau, task_emb, source=source) - (end - start)
        induced = chart.induced(z_tau, error)
        return rearrange(induced, "(step sample row) latent -> step sample row latent", step=steps, row=batch)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # a generator draws outside of compiled code
    def _times(self, steps: int, batch: int, like: Tensor) -> Tensor:
        """τ[H·S·B,1] like `like`; drawn in float32 on the generator's own device, so that the stream is the same."""
        if self.tau == "midpoint":
            return like.new_full((steps * batch, 1), 0.5)
        device = self.generator.device if self.generator is not None else like.device
        shape = (steps, self.samples, batch * self.world.size, 1)
        part = rearrange(torch.arange(self.samples, device=device), "sample -> sample 1 1")
        whole = (torch.rand(shape, generator=self.generator, device=device) + part) / self.samples
        own = rearrange(whole[:, :, self.world.part(shape[2])], "step sample row 1 -> (step sample row) 1")
        return send(own, like.device).to(like)
