"""Where a checkpoint came from, as its run or the hub tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from wmzoo.checkpoints import hub
from wmzoo.checkpoints.find import run_of
from wmzoo.errors import WmzooError
from wmzoo.storage.foreign import parse_json
from wmzoo.storage.run_layout import evaluation_file, read_facts


def note_origin(cfg: DictConfig, bundle: Path) -> None:
    """Put into a bundle's config what its place tells: of a run see `origin_of`, of the hub repository and commit."""
    if run := run_of(bundle):
        cfg.checkpoint.origin = origin_of(run, cfg.checkpoint.iteration)
    elif found := hub.commit_of(bundle):
        cfg.checkpoint.origin = {**(cfg.checkpoint.get("origin") or {}), "hub": str(found)}


def origin_of(run: Path, iteration: int | None) -> dict[str, Any]:
    """What a run tells of one of its checkpoints: command, commit, versions, and the evaluation at that time."""
    origin: dict[str, Any] = {}
    try:
        facts = read_facts(run)
        origin = {name: facts[name] for name in ("command", "commit", "versions") if facts.get(name)}
        if "${" in str(origin.get("command")):  # a typed reference, which would be resolved in a config
            del origin["command"]
        result = parse_json(evaluation_file(run, iteration).read_bytes())
        episodes = len(result["returns"])
        origin["result"] = {"mean": result["mean"], "std": result["std"], "episodes": episodes, "seed": result["seed"]}
    except (OSError, ValueError, KeyError, TypeError, WmzooError):
        pass  # a card can do without
    return origin
