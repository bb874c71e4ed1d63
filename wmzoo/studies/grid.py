"""A study: a grid of arms × tasks × seeds, each cell a run of `wmzoo train` in a process of its own.

It is written in the block `study` of an `experiment=` config, or in a file of its own:

    title: Flow against MLP
    overrides: [trainer.iterations=100]          # of every run
    arms: {mlp: [dynamics=mlp], flow: [dynamics=flow, integrator=heun]}
    tasks: [cartpole_swingup, reacher_easy]      # names after env=, or {name: [overrides]}
    seeds: [0, 1, 2]

Other keys are left alone. What there is on disk says how far it is: finished runs are kept, unfinished ones resumed,
missing ones begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.compare.diagnosed import diagnostics_of
from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Settings
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError, unknown
from wmzoo.storage.files import checked_name
from wmzoo.storage.foreign import parse_yaml, read_json
from wmzoo.storage.run_layout import is_trained
from wmzoo.studies.jobs import Job, training
from wmzoo.studies.kept import keep


@dataclass(frozen=True)
class Cell:
    """One cell of the grid: its folder below the study's, and the overrides that make it."""

    task: str
    arm: str
    seed: int
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.task}/{self.arm}/seed{self.seed}"


@dataclass(frozen=True)
class Study:
    """See the module's docstring; `spec` is what it was read from, `shared` are the overrides of every run."""

    name: str
    spec: str
    title: str
    shared: tuple[str, ...]
    arms: Mapping[str, Sequence[str]]
    tasks: Mapping[str, Sequence[str]]
    seeds: Sequence[int]

    def cells(self) -> Iterator[Cell]:
        """Seed by seed, so that a study cut short has all arms alike."""
        for seed in self.seeds:
            for task, of_task in self.tasks.items():
                for arm, of_arm in self.arms.items():
                    yield Cell(task, arm, seed, (*self.shared, *of_task, *of_arm, f"seed={seed}"))


def read_study(name: str) -> Study:
    """The study of `experiment=name`, or of the file `name`. WmzooError where it is none, or does not compose."""
    block, shared = read_block(name, "study", ("arms", "tasks", "seeds"))
    study = Study(
        name=Path(name).stem,
        spec=name,
        title=str(block.get("title", name)),
        shared=shared,
        arms={str(arm): [str(o) for o in overrides or ()] for arm, overrides in dict(block["arms"]).items()},
        tasks=tasks_of(block),
        seeds=[int(seed) for seed in block["seeds"]],
    )
    _check(study)
    return study


def read_block(name: str, what: str, needed: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The block `study` of `experiment=name`, or of the file `name`, with the overrides of all its runs.

    WmzooError, calling it `what`, where there is none, or it lacks some of the keys `needed`.
    """
    if name.endswith((".yaml", ".yml")):
        block, shared = _read_file(Path(name)), tuple[str, ...]()
    else:
        cfg = compose([f"experiment={name}"])
        block, shared = OmegaConf.to_container(cfg.get("study") or OmegaConf.create()), (f"experiment={name}",)
    if not isinstance(block, dict):
        raise WmzooError(f"{name}: a {what} is a mapping of title, {', '.join(needed)}")
    missing = [key for key in needed if not block.get(key)]
    if missing:
        raise WmzooError(f"{name}: a {what} needs {', '.join(missing)}")
    return block, (*shared, *map(str, block.get("overrides") or ()))


def tasks_of(block: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The overrides of each of its tasks."""
    tasks = block["tasks"]
    return dict(tasks) if isinstance(tasks, dict) else {str(task): [f"env={task}"] for task in tasks}


def _read_file(file: Path) -> Any:
    try:
        block = parse_yaml(file.read_text(encoding="utf-8"), aliases=True)
    except (OSError, ValueError) as error:
        raise WmzooError(f"{file}: cannot read it ({error})") from error
    return block.get("study", block) if isinstance(block, dict) else block


def _check(study: Study) -> None:
    """Compose every arm on every task once, so that a mistake is found before the first run."""
    for what, names in (("study", [study.name]), ("task", study.tasks), ("arm", study.arms)):
        for name in names:
            checked_name(name, f"study {study.name}: the {what}" if what != "study" else what)
    for cell in study.cells():
        if cell.seed == study.seeds[0]:
            try:
                compose(cell.overrides)
            except WmzooError as error:
                raise WmzooError(f"study {study.name}, {cell.task}/{cell.arm}: {error}") from error


def folder_of(study: Study, root: Path) -> Path:
    """Where the study's runs are."""
    return root / study.name


def is_diagnosed(folder: Path, along: Path | None = None, checkpoints: bool = False) -> bool:
    """Whether a run's diagnostics are there, along the policy of the run `along` if one is given, and of all its
    checkpoints if so wanted; a run that is not finished is none of theirs."""
    if not is_trained(folder):
        return True
    older = list_checkpoints(folder)[:-1] if checkpoints else []
    files = [folder / "diagnostics" / name / "diagnostics.json" for name in ("", *(each.name for each in older))]
    wanted = None if along is None else str(along)
    return all(file.is_file() and read_json(file).get("along") == wanted for file in files)


def trainings(study: Study, root: Path) -> list[Job]:
    """The runs, as jobs that train them."""
    return [training(c.name, c.arm, folder_of(study, root) / c.name, c.overrides) for c in study.cells()]


def diagnoses(study: Study, root: Path, along: str | None = None, checkpoints: bool = False) -> list[Job]:
    """The finished runs, as jobs that diagnose them.

    along: an arm, or what lies beside the arms, whose policy of the same task and seed acts for every arm's runs: for
        its own too, whose older checkpoints would act by themselves, elsewhere. ARM/seed0 acts for all seeds.
    checkpoints: all of them.

    WmzooError where there is no such arm.
    """
    arm, _, one = (along or "").partition("/")
    there = [along is None, arm in study.arms]
    if not any(there) and not all((folder_of(study, root) / task / arm).is_dir() for task in study.tasks):
        raise WmzooError(unknown("arm", arm, study.arms))
    found = []
    for job in trainings(study, root):
        guide = None if along is None else job.folder.parent.with_name(arm) / (one or job.folder.name)
        typed = [*(["--along", str(guide)] if guide else []), *(["--checkpoints"] if checkpoints else [])]
        words: Callable[[], list[str]] = partial(list, ["diagnose", str(job.folder), *typed])
        done = partial(is_diagnosed, job.folder, guide, checkpoints)
        found.append(Job(job.name, job.kind, job.folder, words, done))
    return found


def report(study: Study, root: Path, out: Path, settings: Settings, typed: Sequence[str] = ()) -> list[str]:
    """The arms compared, in `out`: the report, and below runs/ what it was made of (no weights). Gives its words.

    typed: the options of the command that gave the settings.
    """
    found = folder_of(study, root)
    command = " ".join([f"wmzoo study report {study.spec} --root {root} --out {out}", *typed])
    made = Report([found], ["folder"], command, settings, title=study.title, baseline=next(iter(study.arms)))
    page = made.write(out, linked=True)
    for cell in study.cells():
        if is_trained(run := found / cell.name):
            keep(run, out, f"runs/{cell.name}", diagnostics_of(run))
    return [*made.printed(), f"report: {page}"]
