"""What is trained, and where: the jobs of `wmzoo mt30`.

The block `extraction` of an `experiment=` config says how:

    collect: {tasks: [reacher-easy, …], episodes: 60}      # of --mini: random ones, where no data is given; or of
                                                            # policies: [random, 'runs/a,noise=0.2', …]; or
    collect: {tasks: […], agents: [dynamics=mlp]}           # what online agents, a task each, see while they learn;
                                                            # more overrides of one: agents_of: {reacher-easy: […]}
    dynamics: {mlp: [dynamics=mlp], flow: [dynamics=flow]}  # a world model each
    pretrain: [trainer.iterations=500]                      # overrides of their pretraining
    extract: [trainer.iterations=10000]                     # overrides of every policy's extraction
    modes: {frozen: [], finetuned: [trainer.finetune_lr=1e-5]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.config.composition import compose
from wmzoo.data.sampler import SliceSampler
from wmzoo.data.shards import Shards, read_index
from wmzoo.envs.task_sets import chosen_by, task_set
from wmzoo.errors import WmzooError
from wmzoo.storage.files import checked_name
from wmzoo.storage.foreign import read_json
from wmzoo.storage.run_layout import evaluations_asked_for, is_trained
from wmzoo.studies.jobs import Job, training
from wmzoo.trainers.from_data import LEARNED
from wmzoo.trainers.pretrain import HELD_OUT


@dataclass(frozen=True)
class Plan:
    """See the module's docstring. shared: overrides of every run. tasks: of the data, in the order of their numbers."""

    experiment: str
    shared: tuple[str, ...]
    dynamics: Mapping[str, Sequence[str]]
    pretrain: Sequence[str]
    extract: Sequence[str]
    modes: Mapping[str, Sequence[str]]
    collect: Mapping[str, Any] | None


@dataclass(frozen=True)
class Policy:
    """One policy to be extracted, and its folder."""

    task: str
    dynamics: str
    mode: str
    folder: Path

    @property
    def arm(self) -> str:
        return f"{self.dynamics}, {self.mode}"


def read_plan(experiment: str, overrides: Sequence[str] = ()) -> Plan:
    """The plan of `experiment=`; WmzooError where it has none, or one that does not compose."""
    shared = (f"experiment={experiment}", *overrides)
    block = OmegaConf.to_container(compose(list(shared)).get("extraction") or OmegaConf.create())
    assert isinstance(block, dict)
    missing = [key for key in ("dynamics", "pretrain", "extract", "modes") if key not in block]
    if missing:
        raise WmzooError(f"experiment={experiment} has no plan of an extraction: {', '.join(missing)}")
    plan = Plan(
        experiment=experiment,
        shared=shared,
        dynamics={str(name): list(map(str, words)) for name, words in block["dynamics"].items()},
        pretrain=list(map(str, block["pretrain"])),
        extract=list(map(str, block["extract"])),
        modes={str(name): list(map(str, words)) for name, words in block["modes"].items()},
        collect=block.get("collect"),
    )
    for what, names in (("dynamics", plan.dynamics), ("mode", plan.modes)):
        for name in names:
            checked_name(name, f"experiment={experiment}: the {what}")
    if plan.collect is not None and not {"agents", "episodes"} & {*plan.collect}:
        raise WmzooError(f"experiment={experiment}: what it collects is of so many episodes, or of agents")
    for words in plan.dynamics.values():
        compose([*shared, "trainer=pretrain", *words, *plan.pretrain])
        for mode in plan.modes.values():
            compose([*shared, "trainer=offline", *words, *plan.extract, *mode])
    for overrides in agent_overrides(plan).values():
        compose(overrides)
    return plan


def agent_overrides(plan: Plan) -> dict[str, list[str]]:
    """Of the online run of each task whose replay becomes the data, by its name; none where they are collected."""
    if plan.collect is None or "agents" not in plan.collect:
        return {}
    words, own = [*plan.shared, "trainer=online", *map(str, plan.collect["agents"])], plan.collect.get("agents_of", {})
    names = [task.name for task in task_set(plan.collect["tasks"])]
    return {name: [*words, f"env={name}", *map(str, own.get(name, []))] for name in names}


def agents(plan: Plan, out: Path) -> list[Job]:
    """These runs, in out/agents/."""
    runs = agent_overrides(plan).items()
    return [training(f"agents/{task}", "agent", out / "agents" / task, overrides) for task, overrides in runs]


def set_of(data: Path) -> tuple[str, list[str]]:
    """What `env.set` is for a data set, and the names of the tasks that it has.

    WmzooError for data whose tasks are not those of MT30, of MT80, or of a list of theirs.
    """
    index = read_index(data)
    names = [task.name for task in index.tasks]
    chosen = chosen_by({task.task: task.name for task in index.tasks}, index.num_tasks)
    if chosen is None and len(names) != index.num_tasks:
        raise WmzooError(f"{data}: has {len(names)} of {index.num_tasks} tasks, and these are not MT30's or MT80's")
    if chosen is None:
        task_set(names)  # says which of them is none of MT80's
    assert chosen is not None
    return chosen, names


def check_data(plan: Plan, data: Path) -> None:
    """WmzooError where the data are too few or too short for a training of the plan: here, and not run by run."""
    shards = Shards(data)
    learned, held_out = (SliceSampler(shards, torch.Generator(), part=part) for part in ("train", "held_out"))
    own = {t.name: SliceSampler(shards, torch.Generator(), [t.name]) for t in shards.index.tasks}
    try:
        for words in plan.dynamics.values():
            pretrain = compose([*plan.shared, "trainer=pretrain", *words, *plan.pretrain])
            learned.check(_slice_steps(pretrain), LEARNED)
            held_out.check(pretrain.trainer.horizon, HELD_OUT)
            for mode in plan.modes.values():
                extract = compose([*plan.shared, "trainer=offline", *words, *plan.extract, *mode])
                for task, episodes in own.items():
                    episodes.check(_slice_steps(extract), f"episodes of {task}")
    except ValueError as error:
        raise WmzooError(str(error)) from error


def _slice_steps(cfg: DictConfig) -> int:
    """Of the slices that a config's trainer learns from."""
    steps: int = cfg.trainer.model_horizon or cfg.trainer.horizon
    return steps


def pretrainings(plan: Plan, data: Path, out: Path) -> list[Job]:
    """A world model per dynamics, in out/pretrain/."""
    jobs = []
    for name, words in plan.dynamics.items():
        folder = out / "pretrain" / name
        overrides = [*plan.shared, "trainer=pretrain", f"data.dir={data}", *words, *plan.pretrain]
        jobs.append(training(f"pretrain/{name}", f"pretrain {name}", folder, overrides))
    return jobs


def policies(plan: Plan, out: Path, tasks: Sequence[str]) -> list[Policy]:
    """Every task's, one mode and dynamics after another, so that an extraction cut short has whole arms."""
    return [
        Policy(task, dynamics, mode, out / "extract" / f"{dynamics}-{mode}" / task)
        for mode in plan.modes
        for dynamics in plan.dynamics
        for task in tasks
    ]


def extractions(plan: Plan, data: Path, out: Path, chosen: str, wanted: Sequence[Policy]) -> list[Job]:
    """A policy per task, dynamics and mode, in out/extract/; chosen: what `env.set` is."""
    jobs = []
    for policy in wanted:
        overrides = [
            *plan.shared, "trainer=offline", f"data.dir={data}", f"data.tasks=[{policy.task}]",
            "env=multitask", f"env.set={chosen}", f"env.only=[{policy.task}]",
            f"init_from={out / 'pretrain' / policy.dynamics}",
            *plan.dynamics[policy.dynamics], *plan.extract, *plan.modes[policy.mode],
        ]  # fmt: skip
        name = f"extract/{policy.dynamics}-{policy.mode}/{policy.task}"
        jobs.append(training(name, policy.arm, policy.folder, overrides))
    return jobs


def evaluations(wanted: Sequence[Policy], episodes: int) -> list[Job]:
    """Episodes of every extracted policy, in the eval/ of its run."""
    return [
        Job(
            f"evaluate/{policy.arm}/{policy.task}",
            "evaluate",
            policy.folder,
            partial(list, ["evaluate", str(policy.folder), "--episodes", str(episodes)]),
            partial(_is_evaluated, policy.folder, episodes),
        )
        for policy in wanted
        if is_trained(policy.folder)
    ]


def evaluation_of(folder: Path, episodes: int) -> dict[str, Any] | None:
    """What `wmzoo evaluate --episodes` wrote into the run of its last checkpoint; None where it did not yet."""
    files = evaluations_asked_for(folder, episodes)
    return read_json(files[-1]) if files else None


def _is_evaluated(folder: Path, episodes: int) -> bool:
    return evaluation_of(folder, episodes) is not None
