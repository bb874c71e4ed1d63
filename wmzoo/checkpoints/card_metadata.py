"""What stands above a model card, for machines: the metadata that the Hugging Face hub shows, finds and compares by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from wmzoo.envs.task_sets import task_of

KIND = "reinforcement-learning"
NOT_STATED = "not stated"  # as a licence


def card_metadata(cfg: Mapping[str, Any], name: str, licence: str) -> str:
    """YAML between two lines of dashes, as the hub's documentation of model cards has it.

    licence: one of the hub's identifiers, as apache-2.0. A result is there only if an evaluation was made
    (`checkpoint.origin.result`): the mean return over episodes, and beside it what it is a mean of.
    """
    task = task_of(cfg["env"]) if "env" in cfg else None
    tags = [KIND, "world-model", "pwm", str(cfg["dynamics"]["name"]), *([task] if task else [])]
    metadata: dict[str, Any] = {
        "library_name": "wmzoo",
        "pipeline_tag": KIND,
        "license": "unknown" if licence == NOT_STATED else licence.lower(),
        "tags": tags,
    }
    made = cfg.get("checkpoint") or {}
    if task and (measured := (made.get("origin") or {}).get("result")):
        found = {
            "task": {"type": KIND, "name": KIND},
            "dataset": {"type": task, "name": task},
            "metrics": [
                {
                    "type": "mean_reward",
                    "name": "mean return of the deterministic policy",
                    "value": measured["mean"],
                    "args": {
                        "std": measured["std"],
                        "episodes": measured["episodes"],
                        "evaluation_seed": measured["seed"],
                        "training_seed": cfg["seed"],
                        "agent_steps": made.get("env_steps"),
                    },
                }
            ],
        }
        metadata["model-index"] = [{"name": name, "results": [found]}]
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)}---\n"
