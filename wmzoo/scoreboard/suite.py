"""The standard suite (configs/experiment/standard.yaml), and the runs of an arm on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.runs import FOLDER, Run, read_run
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError
from wmzoo.registry import get
from wmzoo.registry.tasks import why_missing
from wmzoo.scoreboard.arm import Arm
from wmzoo.scoreboard.row import WITHIN
from wmzoo.storage.files import checked_name, remove
from wmzoo.storage.foreign import read_config
from wmzoo.storage.run_layout import is_trained, training_seconds
from wmzoo.studies.estimate import how_far
from wmzoo.studies.grid import Study, folder_of, read_block, tasks_of
from wmzoo.studies.jobs import Job, train_or_resume

STANDARD = "standard"  # of experiment=
ITERATIONS = "trainer.iterations"


def suite(tasks: str = STANDARD) -> tuple[tuple[str, ...], dict[str, Sequence[str]]]:
    """The overrides of every run, and of each task's: of the suite's, or of those named in `tasks` (NAME,NAME…), which
    may be any that can stand after env=."""
    block, shared = read_block(STANDARD, "study", ("arms", "tasks", "seeds"))
    own = tasks_of(block)
    if tasks == STANDARD:
        return shared, own
    names = [checked_name(name, "the task") for name in tasks.split(",")]
    return shared, {name: own.get(name, [f"env={name}"]) for name in names}


def study_of(arm: Arm, tasks: str, seeds: int, steps: int | None = None) -> tuple[Study, dict[str, DictConfig]]:
    """The arm's trainings, and the composed config of each task's; steps: agent steps, where not the suite's.

    WmzooError where one does not compose, has no returns, or is of a suite that is not installed.
    """
    shared, overrides = suite(tasks)
    typed = [text for text in arm.overrides if text.startswith(f"{ITERATIONS}=")]
    if typed and steps is not None:
        raise WmzooError(f"--steps {steps} and {typed[0]}: give one of them")
    cfgs = {}
    for task in overrides:
        cfgs[task] = compose([*shared, *overrides[task], *arm.overrides])
        if "policy" not in get("trainer", cfgs[task].trainer.name).needs:
            raise WmzooError(f"trainer={cfgs[task].trainer.name} evaluates no policy: there is no return to compare")
        if why := why_missing(cfgs[task].env.name):
            raise WmzooError(f"{task} is a task of {cfgs[task].env.name}, which is not installed: {why}")
        if steps is not None:
            cfgs[task].trainer.iterations = iterations(cfgs[task], steps)
            overrides[task] = [*overrides[task], f"{ITERATIONS}={cfgs[task].trainer.iterations}"]
    title = f"{arm.name} on {', '.join(overrides)}"
    study = Study(arm.name, arm.name, title, shared, {arm.name: arm.overrides}, overrides, range(seeds))
    return study, cfgs


def shortfall(cfgs: Mapping[str, DictConfig], steps: int | None) -> str:
    """A sentence where the runs, which are no longer than the suite's, end before so many agent steps; else empty."""
    ends = {task: _warm_up(cfg) + cfg.trainer.iterations * _each(cfg) for task, cfg in cfgs.items()}
    short = [f"{task} at {end:,}" for task, end in ends.items() if steps is not None and end < WITHIN * steps]
    return f"--steps {steps}: runs are no longer than the suite's and end earlier, {', '.join(short)}" if short else ""


def iterations(cfg: DictConfig, steps: int) -> int:
    """How many take a run to so many agent steps, and on to its next evaluation; no more than the config has."""
    each, warm_up = _each(cfg), _warm_up(cfg)
    evaluations = math.ceil(max(1, steps - warm_up) / each / cfg.eval.every)
    needed: int = min(cfg.trainer.iterations, evaluations * cfg.eval.every)
    return needed


def _each(cfg: DictConfig) -> int:
    """Agent steps of an iteration."""
    return int(cfg.env.num_envs * cfg.trainer.horizon)


def _warm_up(cfg: DictConfig) -> int:
    """Agent steps before the first one."""
    return int(cfg.trainer.warmup_steps or 0)


def trainings(study: Study, cfgs: Mapping[str, DictConfig], root: Path) -> list[Job]:
    """The runs, as jobs that train them: to their end, or a finished one that is shorter than is asked for, further."""
    found = []
    for cell in study.cells():
        folder, wanted = folder_of(study, root) / cell.name, int(cfgs[cell.task].trainer.iterations)
        words, done = partial(_words, folder, cell.overrides, wanted), partial(_is_long_enough, folder, wanted)
        seconds, far = partial(training_seconds, folder), partial(how_far, folder)
        found.append(Job(cell.name, cell.task, folder, words, done, seconds, far))
    return found


def finished(study: Study, root: Path) -> dict[str, list[Run]]:
    """Its finished runs by task, those of a task in the order of their seeds."""
    found: dict[str, list[Run]] = {}
    for cell in study.cells():
        folder = folder_of(study, root) / cell.name
        if is_trained(folder):
            found.setdefault(cell.task, []).append(read_run(folder, read_config(folder / CONFIG), [FOLDER]))
    return found


def _is_long_enough(folder: Path, wanted: int) -> bool:
    return is_trained(folder) and _planned(folder) >= wanted


def _planned(folder: Path) -> int:
    return int(read_config(folder / CONFIG)["trainer"]["iterations"])


def _words(folder: Path, overrides: Sequence[str], wanted: int) -> list[str]:
    words = train_or_resume(folder, overrides)
    if words[0] == "train":
        return words
    remove(folder / "diagnostics")  # of an earlier checkpoint
    return [*words, f"{ITERATIONS}={wanted}"] if _planned(folder) < wanted else words
