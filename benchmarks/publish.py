"""Put a run's newest checkpoint into the catalogue: python benchmarks/publish.py RUN NAME

Writes checkpoints/NAME/ (weights, config, model card) and registry/checkpoint/NAME.yaml (what it scores, and the files'
sha256, which loading checks). The weights keep ten bits behind the point, as half precision has: their lowest bits are
zero, which halves what a clone of the repository fetches. The result is that of the rounded policy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import yaml
from commands import without_folder

import wmzoo
from wmzoo.compute.device import arithmetic
from wmzoo.envs.build import build_env
from wmzoo.evaluation.episodes import evaluate
from wmzoo.storage.files import file_sha256

ROOT = Path(__file__).resolve().parent.parent
DROPPED = 13  # of the 23 bits behind the point of a float32


def publish(run: Path, name: str) -> None:
    agent = wmzoo.load(run)
    for weights in agent.parameters():
        weights.data = rounded(weights.data)
    checkpoint = agent.cfg.checkpoint
    agent.cfg.run_dir = f"runs/{name}"  # where it lay is nobody else's
    checkpoint.origin.command = without_folder(checkpoint.origin.command)
    result, steps = checkpoint.origin.result, checkpoint.env_steps
    with arithmetic(agent.cfg):
        found = evaluate(agent, build_env(agent.cfg, result.episodes), result.seed)
    result.mean, result.std = found.mean, found.std
    folder = ROOT / "checkpoints" / name
    agent.save(folder, licence="MIT")  # the project's own
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


def rounded(numbers: torch.Tensor) -> torch.Tensor:
    """float32 with DROPPED bits fewer, to the nearest, away from zero where two are."""
    bits = numbers.contiguous().view(torch.int32)
    return ((bits + (1 << (DROPPED - 1))) & -(1 << DROPPED)).view(torch.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()
    publish(args.run, args.name)
