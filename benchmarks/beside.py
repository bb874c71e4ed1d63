"""Runs of other code beside wmzoo's runs of the standard study, or of another, for the same processor seconds.

A run of theirs lies where one of wmzoo's does, runs/studies/standard/TASK/ARM/seedN, with its config, facts and
metrics, and learning.py keeps it. It is given the processor seconds that the run of the study's first arm (the mlp) of
the same task and seed took, counted in the same way: from the first environment step on, random steps and evaluations
included, without imports. It has one thread, and as many evaluations as wmzoo's runs have, of the same episodes, at
equal shares of its seconds.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.config import CONFIG
from wmzoo.config.composition import compose
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.evaluation.episodes import Policy, evaluate
from wmzoo.runs.metrics import FILES, MetricsWriter, read_metrics
from wmzoo.runs.provenance import facts
from wmzoo.storage.files import write_json, write_text
from wmzoo.storage.run_layout import FACTS, is_trained
from wmzoo.studies.grid import folder_of, read_study
from wmzoo.trainers.clock import Clock

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "standard.yaml"
RUNS = HERE.parent / "runs" / "studies"
TASKS, SEEDS = ["cartpole_swingup", "walker_walk", "cheetah_run"], [0, 1, 2]


class Watch:
    """The seconds of a run, and the evaluations that it has to have on its way.

    cfg: of wmzoo's runs of the task and seed. seconds: processor seconds that there are. `clock`: those so far.
    """

    def __init__(self, cfg: DictConfig, metrics: MetricsWriter, seconds: float) -> None:
        self.env, self.seed, self.metrics = build_env(cfg, cfg.eval.episodes), evaluation_seed(cfg), metrics
        self.seconds, self.every = seconds, seconds / math.ceil(cfg.trainer.iterations / cfg.eval.every)
        self.clock, self.due = Clock(), self.every

    def look(self, policy: Policy, iteration: int, env_steps: int) -> bool:
        """To be called often: evaluates, and writes a row of metrics, where it is time to. Whether to stop."""
        self.clock.read()
        if self.clock.cpu < self.due:
            return False
        found = evaluate(policy, self.env, self.seed)
        self.clock.read()
        counted = {"iteration": iteration, "env_steps": env_steps}
        self.metrics.write(counted | {"wall_clock": self.clock.wall, "cpu_time": self.clock.cpu} | found.row())
        self.due = self.every * (self.clock.cpu // self.every + 1)
        return self.clock.cpu >= self.seconds


Train = Callable[[DictConfig, Watch], None]  # starts the watch's clock, and stops when told to


def train_one(train: Train, cfg: DictConfig, folder: Path, seconds: float, about: Mapping[str, object]) -> None:
    """A run in this process. about: what else its run.json says."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILES[0]
    file.unlink(missing_ok=True)  # of one that was interrupted
    write_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create({"env": cfg.env, "seed": cfg.seed})))
    known = facts() | {"seed": cfg.seed, "processor_seconds": seconds, **about}
    write_json(folder / FACTS, known | {"status": "running"})
    metrics = MetricsWriter(file)
    watch = Watch(cfg, metrics, seconds)
    train(cfg, watch)
    metrics.close()
    write_json(folder / FACTS, known | {"status": "done", "wall_clock": watch.clock.wall})


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Of a script that trains other code."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=STUDY, metavar="FILE", help="beside whose runs")
    parser.add_argument("--tasks", nargs="+", default=TASKS, metavar="TASK", help=f"left out: {' '.join(TASKS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="N")
    parser.add_argument("--seconds", type=float, help="processor seconds of a run; left out: the first arm's")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time")
    parser.add_argument("--here", action="store_true", help="one run, of one task and seed, in this process")
    return parser


def run(
    arm: str,
    train: Train,
    args: argparse.Namespace,
    command: str,
    about: Mapping[str, object],
    overrides: Sequence[str] = (),
) -> None:
    """What the arguments ask for.

    command: what starts the script, as it is kept, without folders of this machine. overrides: of the config.
    """
    if args.here:
        [task], [seed] = args.tasks, args.seeds
        study = read_study(str(args.study))
        folder = folder_of(study, RUNS) / task
        seconds = args.seconds or _seconds_of(folder / next(iter(study.arms)) / f"seed{seed}")
        cfg = compose([*study.shared, *study.tasks[task], f"seed={seed}", *overrides])
        command += f" --study benchmarks/studies/{args.study.name}" if args.study != STUDY else ""
        typed = f"{command} --tasks {task} --seeds {seed}" + (f" --seconds {args.seconds:g}" if args.seconds else "")
        train_one(train, cfg, folder / arm / f"seed{seed}", seconds, {**about, "command": typed})
    else:
        run_all(arm, args.study.stem, args.tasks, args.seeds, args.workers)


def run_all(arm: str, study: str, tasks: Sequence[str], seeds: Sequence[int], workers: int) -> None:
    """Each run in a process of its own, seed by seed; those that are finished are kept."""

    def one(task: str, seed: int) -> None:
        folder = RUNS / study / task / arm / f"seed{seed}"
        if not is_trained(folder):
            own = ["--tasks", task, "--seeds", str(seed), "--here"]  # the last ones of a script's options count
            subprocess.run([sys.executable, *sys.argv, *own], check=True)
            print(f"{task}, {arm}, seed {seed}: done", flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, *zip(*((task, seed) for seed in seeds for task in tasks), strict=True)))


def _seconds_of(run: Path) -> float:
    """Processor seconds of a finished run."""
    if not is_trained(run):
        raise SystemExit(f"{run}: not trained yet; its processor seconds are what other code gets, or --seconds")
    return float(read_metrics(run)[-1]["cpu_time"])
