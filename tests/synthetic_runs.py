"""Run folders written by hand, as `wmzoo train` and `wmzoo diagnose` leave them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure
from PIL import Image

from wmzoo.compare.runs import Run

HORIZONS = [1, 2, 4, 8, 16]
ITERATIONS = [24, 48, 72]  # of the checkpoints that were diagnosed


def write_run(
    folder: Path,
    *,
    dynamics: str,
    task: str,
    seed: int,
    returns: Sequence[float],
    every: int = 10,
    seconds: float = 4.0,
    start: float = 60.0,
    status: str = "done",
    nonfinite: int = 0,
    config: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    suite: str = "dmc",
    acts: bool = True,
) -> Path:
    """A run with one evaluation every `every` iterations of 1,024 steps and so many seconds each; one that does not act
    learns from data, and counts no steps."""
    folder.mkdir(parents=True)
    cfg = {
        "seed": seed, "run_dir": str(folder), "env": {"name": suite, "task": task, "episode_length": None},
        "dynamics": {"name": dynamics, "units": [256, 256] if dynamics == "mlp" else [250, 250]},
        "integrator": {"name": "heun"},
        "trainer": {"name": "online" if acts else "offline", "iterations": every * len(returns)},
        **(config or {}),
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(cfg, sort_keys=False))
    with open(folder / "metrics.jsonl", "w") as file:
        for i in range(1, every * len(returns) + 1):
            row = {"iteration": i, "env_steps": 20480 + 1024 * i if acts else 0, "wall_clock": start + seconds * i}
            row |= {"fps": 1024 / seconds if acts else None, "nonfinite": nonfinite}
            row |= {"eval_return": None if i % every else float(returns[i // every - 1])}
            file.write(json.dumps(row) + "\n")
    size = {"encoder": 35200, "dynamics": 133248 if dynamics == "mlp" else 133001, "actor": 153402, "critic": 399603}
    about = {
        "status": status, "device": "cpu", "threads": 1, "seed": seed,
        "command": f"wmzoo train dynamics={dynamics} env.task={task} seed={seed}", "versions": {"torch": "2.13.0"},
        "parameters": {**size, "total": sum(size.values())}, "nfe_per_latent_step": 1 if dynamics == "mlp" else 4,
        **(facts or {}),
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def write_diagnostics(run: Path, level: float, generator: np.random.Generator) -> None:
    """Gradient quality that falls with the horizon, and open-loop errors that grow with the step."""
    h, steps = np.array(HORIZONS), np.arange(1, 17)
    noise = lambda size: np.exp(generator.normal(0, 0.12, size))  # noqa: E731
    esnr = level / h**0.7 * noise(5)
    diagnostics = {
        "horizons": HORIZONS,
        "esnr": {"value": list(esnr), "low": list(0.8 * esnr), "high": list(1.25 * esnr)},
        "gradient_variance": list(h**1.3 / level * noise(5)),
        "cosine": list(np.clip(0.9 - 0.15 * np.log2(h) * noise(5), 0, 1)),
        "gradient_accuracy": {"cosine": _around(np.clip(1 - 0.1 * np.log2(2 * h) * noise(5), 0, 1))},
        "jacobian": {"mean": list(h**0.2 * noise(5))},
        "open_loop": {
            "step": steps.tolist(),
            "latent_error": list(0.05 * steps**0.8 / level * noise(16)),
            "reward_r2": list(0.97 - 0.02 * steps * noise(16) / level),
            "return_error": list(0.4 * steps * noise(16) / level),
        },
    }
    (run / "diagnostics").mkdir()
    (run / "diagnostics" / "diagnostics.json").write_text(json.dumps({"iteration": ITERATIONS[-1], **diagnostics}))
    for iteration in ITERATIONS[:-1]:
        cosines = np.clip(1 - 0.1 * np.log2(2 * h) * noise(5), 0, 1) * iteration / ITERATIONS[-1]
        write_accuracy(run / "diagnostics" / f"{iteration:08d}", iteration, cosines)


def write_accuracy(folder: Path, iteration: int, cosines: np.ndarray, along: str | None = None) -> None:
    """A checkpoint's diagnostics with its cosines at HORIZONS alone."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {"iteration": iteration, "along": along, "horizons": HORIZONS}
    (folder / "diagnostics.json").write_text(json.dumps({**found, "gradient_accuracy": {"cosine": _around(cosines)}}))


def _around(values: np.ndarray) -> dict[str, list[float]]:
    return {"value": list(values), "low": list(0.9 * values), "high": list(1.05 * values)}


def write_study(root: Path, seeds: int = 5, tasks: int = 5, diagnostics: bool = True) -> Path:
    """root/TASK/ARM/seedN: an mlp, and a flow that is slower, better on one task and worse on another."""
    names = ["cartpole-swingup", "pendulum-swingup", "reacher-easy", "point_mass-easy", "cheetah-run"][:tasks]
    tops = {"mlp": [860, 700, 900, 850, 480], "flow": [870, 650, 950, 850, 240]}
    generator = np.random.default_rng(7)
    for t, task in enumerate(names):
        for arm in ("mlp", "flow"):
            for seed in range(seeds):
                progress = np.arange(1, 9) / 8
                centre = generator.normal(0.45, 0.06)
                curve = tops[arm][t] / (1 + np.exp(-(progress - centre) * 9)) + generator.normal(0, 35, 8)
                run = write_run(
                    root / task / arm / f"seed{seed}", dynamics=arm, task=task, seed=seed,
                    returns=np.clip(curve + generator.normal(0, 30), 0, 1000).tolist(),
                    seconds=(4.0 if arm == "mlp" else 7.5) * generator.uniform(0.95, 1.05),
                    nonfinite=2 if (arm, seed) == ("flow", 1) else 0,
                )  # fmt: skip
                if diagnostics:
                    write_diagnostics(run, 2.0 if arm == "mlp" else 1.3, generator)
    return root


def two_arms(root: Path, returns: dict[str, list[list[float]]], task: str = "cheetah-run", **more: Any) -> Path:
    """root/ARM/seedN; returns: by arm, of each seed."""
    for arm, seeds in returns.items():
        for seed, values in enumerate(seeds):
            folder = root / arm / f"seed{seed}"
            write_run(folder, dynamics=arm, task=task, seed=seed, returns=values, **more)
    return root


@contextmanager
def undrawn(*formats: str) -> Iterator[None]:
    """Within it pictures of these formats are one pixel: to draw them is most of a report's work."""
    draw = Figure.savefig

    def save(figure: Figure, file: Any, **how: Any) -> None:
        if how["format"] in formats:
            Image.new("RGB", (1, 1)).save(file, "png")
        else:
            draw(figure, file, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save)
        yield


def rows(file: Path) -> list[dict[str, str]]:
    """Of a CSV file."""
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))


def run_in_memory(
    arm: str, seed: int, first: tuple[int, float], speeds: list[float], task: str = "t", esnr: float | None = None
) -> Run:
    """Evaluations after 100, 200 and 300 steps, of a run whose wall clock means nothing."""
    diagnostics = {} if esnr is None else {"horizons": [1, 2], "esnr": {"value": [esnr, 10 * esnr]}}
    return Run(
        folder=Path(arm), task=task, suite="dmc", arm=arm, seed=seed, status="done",
        steps=np.array([100.0, 200.0, 300.0]), seconds=np.array([1e3, 2e3, 3e3]) * (seed + 1),
        returns=np.array([1.0, 2.0, 3.0]) + seed, first=first, speeds=np.array(speeds), nonfinite=0, config={},
        facts={}, diagnostics=diagnostics,
    )  # fmt: skip
