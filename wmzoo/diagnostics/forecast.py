"""Whether the futures that a stochastic dynamics samples are as likely as it makes them."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from wmzoo.diagnostics.open_loop import relative_errors
from wmzoo.diagnostics.scene import Figures, Scene

SAMPLES, SLICES = 32, 128  # of each slice's future; slices
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


@torch.no_grad()
def measure(scene: Scene) -> Figures:
    """forecast {step, energy_score, sample_error} by step, {level, coverage_first, coverage_last} by level; nothing for
    a deterministic dynamics.

    energy_score: of the sampled latents, relative to that of predicting no change. sample_error: of one sample, as the
    open loop's latent_error. coverage: the share of the true latents' entries in the middle `level` of their samples,
    after one step and after the last.
    """
    model = scene.model
    if not model.dynamics.noise_dim:
        return {}
    obs, actions = scene.slices.obs[:, :SLICES], scene.slices.actions[:, :SLICES]
    count = actions.shape[1]
    task, repeated = scene.task(count), scene.task(count * SAMPLES)
    truth = model.encode(obs, task)  # [H+1, B, D]
    shape = (len(actions), count * SAMPLES, model.dynamics.noise_dim)
    noise = torch.randn(shape, generator=scene.draws).to(truth)
    given = model.mask(actions.repeat(1, SAMPLES, 1), repeated)
    zs = model.dynamics.unroll(truth[0].repeat(SAMPLES, 1), given, model.embed(repeated), noise)
    samples = rearrange(zs[1:], "step (sample row) latent -> step sample row latent", sample=SAMPLES)
    changes = truth[1:] - truth[0]
    scores = torch.stack([energy_score(*pair) for pair in zip(samples, truth[1:], strict=True)])
    ends = [coverage(samples[step], truth[1:][step]) for step in (0, -1)]
    return {
        "forecast": {
            "step": [*range(1, len(actions) + 1)],
            "energy_score": (scores / changes.norm(dim=-1).mean(1)).tolist(),
            "sample_error": relative_errors(samples[:, 0], truth).tolist(),
            "level": list(LEVELS),
            "coverage_first": ends[0],
            "coverage_last": ends[1],
        }
    }


def energy_score(samples: Tensor, truth: Tensor) -> Tensor:
    """mean over rows of E‖Z − z*‖ − ½ E‖Z − Z′‖, Z and Z′ independent samples; samples[S,B,D], truth[B,D] -> a scalar.

    Proper: least in expectation for the true distribution (Gneiting and Raftery, JASA 2007, section 4.3). The second
    mean is over the S(S−1) pairs of different samples, so that the score does not depend on S in expectation.
    """
    count = len(samples)
    to_truth = (samples - truth).norm(dim=-1).mean(0)
    rows = samples.transpose(0, 1)
    between = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")  # whose rounding would count here
    apart = between.sum((1, 2)) / (count * (count - 1))
    score: Tensor = (to_truth - apart / 2).mean()
    return score


def coverage(samples: Tensor, truth: Tensor) -> list[float]:
    """For each level p of LEVELS the share of the entries of truth[B,D] between the (1 ∓ p)/2 quantiles of theirs in
    samples[S,B,D]; for a calibrated forecast it is p, up to the coarseness of S samples."""
    found = []
    for level in LEVELS:
        low, high = (samples.quantile(q, dim=0) for q in ((1 - level) / 2, (1 + level) / 2))
        found.append(((truth >= low) & (truth <= high)).float().mean().item())
    return found
