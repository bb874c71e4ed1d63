"""What the machine can do at most: matrix products at the shapes in use, and moving memory."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from omegaconf import DictConfig

from timing.turns import stopwatch, take_turns

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SQUARE = 1024  # of a matrix product large enough to reach the peak
MEBIBYTES = (1, 4, 16, 64, 256)  # read and written by a copy


def shapes(cfg: DictConfig, obs_dim: int, act_dim: int) -> list[tuple[int, int, int]]:
    """(rows, in, out) of the forward products of an iteration: the policy's rows are those of imagined rollouts, the
    model's the batch, and rewards and targets take all steps at once."""
    size, recipe = cfg.model, cfg.recipe
    horizon, imagined = (recipe[key] or cfg.trainer.horizon for key in ("model_horizon", "imagination_horizon"))
    batch, states = cfg.trainer.batch_size, recipe.rollouts
    layers = {
        "encoder": [obs_dim, *size.encoder_units, size.latent_dim],
        "model": [size.latent_dim + act_dim, *size.units, size.latent_dim],
        "policy": [size.latent_dim, *cfg.actor.units],
        "critic": [size.latent_dim, *cfg.critic.units],
    }
    rows = {"encoder": [batch * horizon], "model": [states, batch, batch * horizon], "policy": [states]}
    rows["critic"] = [states * imagined // cfg.recipe.critic_minibatches]
    found = [
        (count, wide, narrow)
        for part, widths in layers.items()
        for count in rows[part]
        for wide, narrow in pairwise(widths)
    ]
    return list(dict.fromkeys(found))


def matrix_rates(found: list[tuple[int, int, int]], turns: int, seconds: float) -> list[dict[str, Any]]:
    """GFLOP/s of `rows×in @ in×out` at each shape, by dtype; with the present number of threads."""
    table: list[dict[str, Any]] = []
    for rows, wide, narrow in [*found, (SQUARE, SQUARE, SQUARE)]:
        measures = {}
        for name, dtype in DTYPES.items():
            left, right = torch.randn(rows, wide).to(dtype), torch.randn(wide, narrow).to(dtype)
            measures[name] = stopwatch(name, lambda left=left, right=right: left @ right)  # type: ignore[misc]
        figures = take_turns(measures, turns, seconds)
        flops = 2e-9 * rows * wide * narrow
        row: dict[str, Any] = {"rows": rows, "in": wide, "out": narrow}
        for name in DTYPES:
            figure = figures[name][name]
            row[name] = {"median": _rate(flops, figure.median), "low": _rate(flops, figure.high)}
            row[name]["high"] = _rate(flops, figure.low)
        table.append(row)
    return table


def memory_rates(turns: int, seconds: float) -> dict[int, float]:
    """GB/s read and written by copying an array, by the bytes it reads and writes together."""
    arrays = {size: torch.ones(size * 2**20 // 8) for size in MEBIBYTES}  # 4 bytes each, and their copy
    copies = {size: torch.empty_like(array) for size, array in arrays.items()}
    measures = {
        str(size): stopwatch("copy", lambda size=size: copies[size].copy_(arrays[size]))  # type: ignore[misc]
        for size in MEBIBYTES
    }
    figures = take_turns(measures, turns, seconds)
    return {size * 2**20: round(size * 2**20 / figures[str(size)]["copy"].low / 1e9, 2) for size in MEBIBYTES}


def rate_for(rates: Mapping[int, float], size: int) -> float:
    """Bytes/s at which a working set of `size` bytes moves: that of the largest array within it."""
    fitting = [bytes_ for bytes_ in rates if bytes_ <= size] or [min(rates)]
    return 1e9 * rates[max(fitting)]


def _rate(gflops: float, seconds: float) -> float:
    return round(gflops / seconds, 1)
