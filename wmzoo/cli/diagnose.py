"""`wmzoo diagnose RUN`: quality of the policy gradients, and of the model's open-loop predictions, by horizon.

On real trajectories of the run's policy that no training has seen. Writes JSON, CSV and pictures into RUN/diagnostics/
(for anything but a run, --out says where) and prints a short table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from wmzoo.errors import WmzooError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="RUN", help="a run folder, a checkpoint, or a name of the catalogue")
    parser.add_argument("--horizons", metavar="H,H…", help="default: 1,2,4,8,16, as far as episodes are that long")
    parser.add_argument(
        "--estimates", type=int, default=64, metavar="N", help="policy gradients per horizon (default: 64)"
    )
    parser.add_argument("--episodes", type=int, default=16, metavar="N", help="trajectories to look at (default: 16)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/diagnostics")


def run(args: argparse.Namespace) -> int:
    horizons = None if args.horizons is None else _horizons(args.horizons)
    for name, least in (("estimates", 5), ("episodes", 1)):
        if getattr(args, name) < least:
            raise WmzooError(f"--{name} is {getattr(args, name)}; it must be {least} or more")

    from wmzoo import checkpoints
    from wmzoo.build import arithmetic
    from wmzoo.bundle_config import check_config
    from wmzoo.diagnose import diagnose
    from wmzoo.runs.diagnostics import table, write_diagnostics
    from wmzoo.task_sets import task_of
    from wmzoo.values import every

    bundle = checkpoints.locate(args.path)
    folder = args.out or (checkpoints.run_of(bundle) or Path())
    if args.out is None and folder == Path():
        raise WmzooError(f"{args.path} lies in no run: say where the figures go, as with --out diagnostics")
    agent = checkpoints.load(bundle)
    if agent.actor is None or agent.critic is None:
        raise WmzooError(f"{bundle}: holds a world model without policy and critics, whose gradients are looked at")
    check_config(bundle, agent.cfg, every(agent.cfg))
    with arithmetic(agent.cfg):
        figures = diagnose(agent, horizons, args.estimates, int(agent.cfg.recipe.rollouts), args.episodes)
    folder = args.out or folder / "diagnostics"
    iteration = agent.cfg.checkpoint.iteration
    task = task_of(agent.cfg.env)
    title = f"{task} · {agent.cfg.dynamics.name} · seed {agent.cfg.seed} · iteration {iteration}"
    write_diagnostics(folder, {"task": task, "iteration": iteration, **figures}, title)
    print(f"{title}\n{table(figures)}\nfigures: {folder}")
    return 0


def _horizons(text: str) -> list[int]:
    try:
        horizons = sorted({int(word) for word in text.split(",")})
    except ValueError:
        horizons = [0]
    if horizons[0] < 1:
        raise WmzooError(f"--horizons is {text}; it takes numbers from 1 on, as 1,2,4,8,16")
    return horizons
