"""`wmzoo diagnose RUN`: quality of the policy gradients, and of the model's open-loop predictions, by horizon.

On real trajectories of the run's policy that no training has seen. Writes JSON, CSV and pictures into RUN/diagnostics/
(for anything but a run, --out says where) and prints a short table. Of an agent that plays several tasks --task chooses
one, whose files go into RUN/diagnostics/TASK/. A world model without a policy is looked at on random actions.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from wmzoo.cli._arguments import at_least
from wmzoo.errors import WmzooError

GROUP = "comparing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="RUN", help="a run folder, a checkpoint, or a name of the catalogue")
    parser.add_argument("--task", metavar="TASK", help="of a multi-task agent, by name or number")
    parser.add_argument("--horizons", metavar="H,H…", help="default: 1,2,4,8,16, as far as episodes are that long")
    parser.add_argument(
        "--estimates", type=int, default=64, metavar="N", help="policy gradients per horizon (default: 64)"
    )
    parser.add_argument("--episodes", type=int, default=16, metavar="N", help="trajectories to look at (default: 16)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/diagnostics")


def run(args: argparse.Namespace) -> int:
    horizons = None if args.horizons is None else _horizons(args.horizons)
    at_least(args, estimates=5, episodes=1)

    from wmzoo.agent.load import load
    from wmzoo.checkpoints.config import check_config
    from wmzoo.checkpoints.find import locate, run_of
    from wmzoo.compute.device import arithmetic
    from wmzoo.config.rules import every
    from wmzoo.diagnostics.diagnose import diagnose
    from wmzoo.diagnostics.files import table, write_diagnostics
    from wmzoo.diagnostics.subject import subject_of
    from wmzoo.storage.files import make_folder

    bundle = locate(args.path)
    folder = args.out or (run_of(bundle) or Path())
    if args.out is None and folder == Path():
        raise WmzooError(f"{args.path} lies in no run: say where the figures go, as with --out diagnostics")
    agent = load(bundle)
    try:
        subject = subject_of(agent, args.task)
    except WmzooError as error:
        raise WmzooError(f"{bundle}: {error}") from error
    agent.cfg.env = subject.env  # a model trained on data has another one, or none
    check_config(bundle, agent.cfg, every(agent.cfg))
    with arithmetic(agent.cfg):
        batch = int(agent.cfg.recipe.rollouts)
        figures = diagnose(agent, horizons, args.estimates, batch, args.episodes, args.task)
    folder = args.out or make_folder(folder, "diagnostics", *([subject.task] if subject.chosen else []))
    iteration = agent.cfg.checkpoint.iteration
    title = f"{subject.task} · {agent.cfg.dynamics.name} · seed {agent.cfg.seed}"
    title += "" if iteration is None else f" · iteration {iteration}"
    write_diagnostics(folder, {"task": subject.task, "iteration": iteration, **figures}, title)
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
