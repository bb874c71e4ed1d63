"""Put a run's newest checkpoint into the catalogue: python benchmarks/publish.py RUN NAME

Writes checkpoints/NAME/ (weights, config, model card) and registry/checkpoint/NAME.yaml (what it scores, and the files'
sha256, which loading checks).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

import wmzoo
from wmzoo.storage.files import file_sha256

ROOT = Path(__file__).resolve().parent.parent


def publish(run: Path, name: str) -> None:
    agent = wmzoo.load(run)
    folder = ROOT / "checkpoints" / name
    agent.save(folder)
    checkpoint = agent.cfg.checkpoint
    result, steps = checkpoint.origin.result, checkpoint.env_steps
    dynamics = agent.cfg.dynamics.name
    card = {
        "summary": f"{dynamics} on {agent.cfg.env.task}: return {result.mean:.0f} after {steps:,} agent steps",
        "reference": checkpoint.origin.command,
        "task": agent.cfg.env.task,
        "result": {"mean": result.mean, "std": result.std, "episodes": result.episodes, "seed": result.seed},
        "sha256": {file: file_sha256(folder / file) for file in ("model.safetensors", "config.yaml")},
    }
    target = ROOT / "registry" / "checkpoint" / f"{name}.yaml"
    target.parent.mkdir(exist_ok=True)
    target.write_text(yaml.safe_dump(card, sort_keys=False, width=200), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()
    publish(args.run, args.name)
