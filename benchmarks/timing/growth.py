"""How cost grows with batch, horizon, latent width, sub-steps of the flow and number of environments."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

from timing.contenders import config, iteration, updates
from timing.turns import Measure, take_turns
from wmzoo.compute.device import arithmetic
from wmzoo.diagnostics.cost import Contender

OBS, ACT = 11, 3  # Hopper's
LINEAR = 1.15  # the steepest slope that still counts as linear: between two doublings, 2.2 times the cost


class Axis(NamedTuple):
    """A setting with its values, and the updates whose cost depends on it."""

    dynamics: str
    setting: str
    values: tuple[int, ...]
    updates: tuple[str, ...]


ALL = ("model", "actor", "critic")
AXES = {
    "batch": Axis("mlp", "trainer.batch_size", (32, 64, 128, 256, 512, 1024), ("model",)),
    "horizon": Axis("mlp", "trainer.horizon", (4, 8, 16, 32, 64), ALL),
    "latent width": Axis("mlp", "model.latent_dim", (64, 128, 256, 512, 1024, 2048), ALL),
    "sub-steps": Axis("flow", "dynamics.substeps", (1, 2, 4, 8, 16), ("model", "actor")),
    "environments": Axis("mlp", "env.num_envs", (16, 32, 64, 128, 256, 512), ("actor", "critic")),
}


def growth(size: str, env: str, overrides: list[str], turns: int, seconds: float) -> list[dict[str, Any]]:
    """A row per value of every axis: seconds of each update, of the iteration along `environments`, and the slope of
    each since the value before on logarithmic scales (1 is linear)."""
    rows: list[dict[str, Any]] = []
    for axis, (dynamics, setting, values, names) in AXES.items():
        measures: dict[str, Measure] = {}
        cfg = config(size, dynamics, env, overrides)
        with arithmetic(cfg):  # the same threads for all values
            for value in values:
                cfg = config(size, dynamics, env, [*overrides, f"{setting}={value}"])
                if axis == "environments":
                    measures[f"{value}/iteration"] = iteration(cfg)
                    cfg.recipe.rollouts = value  # as many imagined rollouts as environments
                own = updates(Contender(cfg, OBS, ACT))
                measures |= {f"{value}/{name}": measure for name, measure in own.items() if name in names}
            found = take_turns(measures, turns, seconds)
        previous: dict[str, Any] | None = None
        for value in values:
            medians = {
                name: found[f"{value}/{name}"][name].median
                for name in (*names, "iteration")
                if f"{value}/{name}" in found
            }
            slopes = previous and {
                name: math.log(medians[name] / previous["seconds"][name]) / math.log(value / previous["value"])
                for name in medians
            }
            previous = {"axis": axis, "setting": setting, "value": value, "seconds": medians}
            previous["slopes"] = {name: round(slope, 2) for name, slope in (slopes or {}).items()}
            rows.append(previous)
        print(f"{axis}: done", flush=True)
    return rows


def linear_until(rows: list[dict[str, Any]], name: str) -> int | None:
    """The value from which the cost of `name` grows faster than linearly to the end of an axis; None if it does not."""
    turning = None
    for before, row in pairwise(rows):
        if row["slopes"][name] <= LINEAR:
            turning = None
        elif turning is None:
            turning = before["value"]
    return turning
