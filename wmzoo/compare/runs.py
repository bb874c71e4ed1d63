"""Run folders as they are compared: what was set, what came out, and which arm they belong to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from wmzoo.envs.task_sets import task_of
from wmzoo.errors import WmzooError, one_line
from wmzoo.reports.words import typed
from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.aggregates import Array
from wmzoo.storage.rows import Row
from wmzoo.storage.run_layout import read_facts

METRICS = ("metrics.jsonl", "metrics.csv")  # a committed result has the second alone
FOLDER = "folder"  # --by folder: the arm is the name of the folder that the run lies in


@dataclass(frozen=True)
class Run:
    """One run with its E evaluations. `config` is flat, {"dynamics.name": "flow", …}; seconds are of the wall clock."""

    folder: Path
    task: str
    suite: str
    arm: str
    seed: int
    status: str
    steps: Array  # agent steps of the evaluations, increasing [E]
    seconds: Array  # [E]
    returns: Array  # mean over the episodes of each [E]
    first: tuple[float, float]  # agent steps and seconds after the first iteration, the warm-up among them
    speeds: Array  # agent steps per second of the iterations; empty if not recorded
    nonfinite: int  # updates skipped because of a number that was not finite
    config: dict[str, Any]
    facts: dict[str, Any]  # run.json
    diagnostics: dict[str, Any]  # diagnostics/diagnostics.json

    @property
    def fps(self) -> float:
        """Agent steps per second, the median iteration's; NaN if not recorded."""
        return float(np.median(self.speeds)) if self.speeds.size else float("nan")


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """The run folders among and below `paths`, each once, in the order given, below one path in natural order."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise WmzooError(f"{path}: no such folder")
        below = sorted(_run_folders(path), key=_natural)
        if not below:
            raise WmzooError(f"{path}: no run in it (a folder with config.yaml and metrics.jsonl or metrics.csv)")
        for folder in below:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _run_folders(path: Path) -> Iterator[Path]:
    for config in path.rglob("config.yaml"):
        if any((config.parent / name).is_file() for name in METRICS):
            yield config.parent


def _natural(path: Path) -> list[tuple[int, str]]:
    """seed2 before seed10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def read_run(folder: Path, by: Sequence[str]) -> Run:
    """WmzooError where a file of it cannot be read, or a key of `by` is none of its config's."""
    cfg = read_config(folder)
    rows = read_metrics(next(folder / name for name in METRICS if (folder / name).is_file()))
    evaluations = [
        row for row in rows if None not in (row.get("eval_return"), row.get("env_steps"), row.get("wall_clock"))
    ]
    facts = read_facts(folder)
    return Run(
        folder=folder,
        task=task_of(cfg.get("env") or {}),
        suite=str(OmegaConf.select(cfg, "env.name", default="")),
        arm=" ".join(_label(folder, cfg, key) for key in by),
        seed=int(OmegaConf.select(cfg, "seed", default=0)),
        status=str(facts.get("status", "done")),
        steps=_column(evaluations, "env_steps"),
        seconds=_column(evaluations, "wall_clock"),
        returns=_column(evaluations, "eval_return"),
        first=(float(rows[0].get("env_steps") or 0), float(rows[0].get("wall_clock") or 0)) if rows else (0.0, 0.0),
        speeds=_column(rows, "fps"),
        nonfinite=int(max(_column(rows, "nonfinite"), default=0)),
        config=dict(_flat("", OmegaConf.to_container(cfg))),
        facts=facts,
        diagnostics=_json(folder / "diagnostics" / "diagnostics.json"),
    )


def read_config(folder: Path) -> DictConfig:
    """config.yaml; WmzooError where it cannot be read."""
    try:
        cfg = OmegaConf.load(folder / "config.yaml")
    except Exception as error:  # YAML's, OmegaConf's or the file system's
        raise WmzooError(f"{folder / 'config.yaml'}: cannot read it ({one_line(error)})") from error
    if not isinstance(cfg, DictConfig):
        raise WmzooError(f"{folder / 'config.yaml'}: no mapping of keys")
    return cfg


def _json(file: Path) -> dict[str, Any]:
    """Empty where the file is not there."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WmzooError(f"{file}: cannot read it ({one_line(error)}); mend it or move it away") from error
    return found if isinstance(found, dict) else {}


def _column(rows: Sequence[Row], name: str) -> Array:
    return np.array([row[name] for row in rows if row.get(name) is not None], dtype=np.float64)


def _label(folder: Path, cfg: DictConfig, key: str) -> str:
    """An entry's name alone (flow), any other key as `substeps=2`; `key=null` where this run has no such key."""
    if key == FOLDER:
        return folder.resolve().parent.name
    value = OmegaConf.select(cfg, key, default=None)
    if isinstance(value, DictConfig):
        if "name" not in value:
            inside = ", ".join(map(str, value))
            raise WmzooError(f"--by {key}: a group of keys in {folder}; choose one of {key}.… ({inside})")
        return str(value["name"])
    leaf, is_name = key.rpartition(".")[2], key.endswith(".name")
    plain: Any = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
    return str(plain) if is_name and plain is not None else f"{leaf}={typed(plain)}"


def _flat(prefix: str, node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), value)
    else:
        yield prefix, node
