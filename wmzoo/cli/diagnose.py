"""`wmzoo diagnose RUN`: quality of the policy gradients, and of the model's open-loop predictions, by horizon.

On real trajectories of the run's policy that no training has seen, along which the model's gradients by the actions are
also compared with the simulator's own: dflex's analytic ones, elsewhere differences from saved states. Writes JSON,
CSV and pictures into RUN/diagnostics/ (for anything but a run, --out says where), those of an older checkpoint into a
folder of its name in it, and prints a short table. Of an agent that plays several tasks --task chooses one, whose files
go into RUN/diagnostics/TASK/. A world model without a policy is looked at on random actions. With the same --along RUN2
all runs are looked at on the same trajectories.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from wmzoo.cli._arguments import at_least
from wmzoo.errors import WmzooError

if TYPE_CHECKING:
    from wmzoo.agent.agent import Agent

GROUP = "comparing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="RUN", help="a run folder, a checkpoint, or a name of the catalogue")
    parser.add_argument("--task", metavar="TASK", help="of a multi-task agent, by name or number")
    parser.add_argument("--horizons", metavar="H,H…", help="default: 1,2,4,8,16, as far as episodes are that long")
    parser.add_argument(
        "--estimates", type=int, default=64, metavar="N", help="policy gradients per horizon (default: 64)"
    )
    parser.add_argument("--episodes", type=int, default=16, metavar="N", help="trajectories to look at (default: 16)")
    parser.add_argument(
        "--moments",
        type=int,
        metavar="N",
        help="of every episode, at which the model's gradients are compared with the simulator's (default: 2, or as "
        "many as a minute or two allows; 0: none)",
    )
    parser.add_argument(
        "--along", type=Path, metavar="RUN2", help="another run, whose policy acts and whose seed draws (default: RUN)"
    )
    parser.add_argument("--checkpoints", action="store_true", help="every checkpoint that the run has kept")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/diagnostics")


def run(args: argparse.Namespace) -> int:
    horizons = None if args.horizons is None else _horizons(args.horizons)
    at_least(args, estimates=5, episodes=1, moments=0)

    from wmzoo.agent.load import load
    from wmzoo.checkpoints.find import list_checkpoints, locate, run_of

    bundles = list_checkpoints(args.path) if args.checkpoints else [locate(args.path)]
    if not bundles:
        raise WmzooError(f"--checkpoints: {args.path} is no run with a checkpoint")
    if args.out is None and run_of(bundles[0]) is None:
        raise WmzooError(f"{args.path} lies in no run: say where the figures go, as with --out diagnostics")
    along = None if args.along is None else load(locate(args.along))
    for bundle in bundles:
        _diagnose(bundle, along, horizons, args)
    return 0


def _diagnose(bundle: Path, along: Agent | None, horizons: list[int] | None, args: argparse.Namespace) -> None:
    from wmzoo.agent.load import load
    from wmzoo.checkpoints.config import check_config
    from wmzoo.compute.device import arithmetic
    from wmzoo.config.rules import every
    from wmzoo.diagnostics.diagnose import diagnose
    from wmzoo.diagnostics.files import table, write_diagnostics
    from wmzoo.diagnostics.subject import played_by, subject_of

    agent, at_fault = load(bundle), str(bundle)
    try:
        subject = subject_of(agent, args.task)
        if along is not None:
            at_fault = f"--along {args.along}"
            played_by(along, agent, subject)
    except WmzooError as error:
        raise WmzooError(f"{at_fault}: {error}") from error
    agent.cfg.env = subject.env  # a model trained on data has another one, or none
    check_config(bundle, agent.cfg, every(agent.cfg))
    with arithmetic(agent.cfg):
        batch = int(agent.cfg.recipe.rollouts)
        figures = diagnose(agent, horizons, args.estimates, batch, args.episodes, args.task, args.moments, along)
    folder = _folder(bundle, args, [subject.task] if subject.chosen else [])
    iteration = agent.cfg.checkpoint.iteration
    title = f"{subject.task} · {agent.cfg.dynamics.name} · seed {agent.cfg.seed}"
    title += "" if iteration is None else f" · iteration {iteration}"
    about = {"task": subject.task, "iteration": iteration, "along": None if along is None else str(args.along)}
    write_diagnostics(folder, {**about, **figures}, title)
    print(f"{title}\n{table(figures)}\nfigures: {folder}")


def _folder(bundle: Path, args: argparse.Namespace, task: list[str]) -> Path:
    """Where the figures go, which is made: an older checkpoint's into a folder of its own below the newest's."""
    from wmzoo.checkpoints.find import list_checkpoints, run_of
    from wmzoo.storage.files import make_folder

    run = run_of(bundle)
    older = [] if run is None or list_checkpoints(run)[-1].name == bundle.name else [bundle.name]
    if args.out is not None:
        return make_folder(args.out, *(older if args.checkpoints else []))
    assert run is not None, "run() has asked"
    return make_folder(run, "diagnostics", *task, *older)


def _horizons(text: str) -> list[int]:
    try:
        horizons = sorted({int(word) for word in text.split(",")})
    except ValueError:
        horizons = [0]
    if horizons[0] < 1:
        raise WmzooError(f"--horizons is {text}; it takes numbers from 1 on, as 1,2,4,8,16")
    return horizons
