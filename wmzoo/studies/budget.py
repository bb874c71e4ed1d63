"""What a whole job takes on this machine: bytes of its data, and by a short probe of every stage updates a second,
memory and hours."""

from __future__ import annotations

import gc
import math
import os
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from omegaconf import DictConfig

from wmzoo.agent.build import MATCH, build_agent, with_matched_units
from wmzoo.compute.device import arithmetic, compiles, device_of
from wmzoo.compute.rng import stream
from wmzoo.config.composition import compose
from wmzoo.data.replay import Slices
from wmzoo.data.sampler import TaskSlices
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.envs.task_sets import Task
from wmzoo.pwm.build import build_pwm
from wmzoo.registry import build_from
from wmzoo.runs.recorder import SilentRecorder
from wmzoo.studies.extraction import Plan, agent_overrides
from wmzoo.trainers.base import IterativeTrainer
from wmzoo.trainers.build import STREAMS, build_trainer
from wmzoo.trainers.online import OnlineTrainer

# Episodes of TD-MPC2's sets, and rows of each: what its public code makes room for (345,690,000 and 550,450,000 rows).
EPISODES = {"mt30": (690_000, 501), "mt80": (5_450_000, 101)}
NUMBER = 4  # bytes
AGENTS, EVALUATE = "agents", "evaluate"
ACTED = 20  # steps of the environments in its probe
UPDATED = 3  # first updates of an agent's model in its
Say = Callable[[str, int, int], object]
T = TypeVar("T")


class Bytes(NamedTuple):
    """Of the chunks, padded to the widest task, and of the data set made of them; equally many rows a task."""

    chunks: int
    data: int


def bytes_of(tasks: Sequence[Task], episodes: int, rows: int) -> Bytes:
    """episodes: of all tasks together; rows: of each, one more than its steps."""
    widest = max(task.obs_dim for task in tasks) + max(task.act_dim for task in tasks)
    own = sum(task.obs_dim + task.act_dim + 1 for task in tasks) / len(tasks)
    return Bytes(NUMBER * episodes * rows * (widest + 2), round(NUMBER * episodes * rows * own))


def episodes_of(plan: Plan, name: str) -> tuple[int, int]:
    """How many episodes the set `name` has, or what the plan collects, and the rows of each."""
    if plan.collect is None:
        return EPISODES[name]
    if runs := agent_overrides(plan):
        cfg, rows = _agent(plan), EPISODES["mt30"][1]
        steps = (cfg.trainer.warmup_steps or 0) + cfg.trainer.iterations * cfg.trainer.horizon * cfg.env.num_envs
        return len(runs) * (steps // (rows - 1)), rows
    return len(plan.collect["tasks"]) * int(plan.collect["episodes"]), EPISODES["mt30"][1]


def _agent(plan: Plan) -> DictConfig:
    """The config of the first of the agents' runs whose replays become the data."""
    return compose(next(iter(agent_overrides(plan).values())))


@dataclass(frozen=True)
class Stage:
    """Runs of one kind.

    steps: of each, what is measured. seconds: of a step, the median of the probe's. memory: bytes, see `_most_memory`.
    beside: seconds of each run that are none of its steps, of an agent its warm-up and evaluations.
    """

    what: str
    runs: int
    steps: int
    seconds: float
    memory: int
    beside: float = 0.0

    @property
    def hours(self) -> float:
        """One run after the other."""
        return self.runs * (self.steps * self.seconds + self.beside) / 3600


def stages(
    plan: Plan,
    tasks: Sequence[Task],
    seconds: float,
    say: Say = lambda what, done, total: None,
    collects: bool = True,
) -> list[Stage]:
    """Every stage of the plan, probed one after the other for `seconds` in all, but for at least one update each.

    collects: whether the plan makes its data itself, where it can.
    """
    wanted = [*_wanted(plan, tasks, collects)]
    found = []
    for number, (what, runs, cfg) in enumerate(wanted):
        say(f"probing {what}", number, len(wanted))
        with arithmetic(cfg):
            found.append(_probe(what, runs, cfg, tasks, seconds / len(wanted)))
    return found


def _wanted(plan: Plan, tasks: Sequence[Task], collects: bool) -> Iterator[tuple[str, int, DictConfig]]:
    if collects and (runs := agent_overrides(plan)):
        yield AGENTS, len(runs), _agent(plan)
    for name, words in plan.dynamics.items():
        cfg = compose([*plan.shared, "trainer=pretrain", *words, *plan.pretrain])
        yield f"pretrain {name}", 1, _settled(cfg, tasks)
    names = ",".join(task.name for task in tasks)
    for mode, more in plan.modes.items():
        for name, words in plan.dynamics.items():
            own = ["env=multitask", f"env.set=[{names}]", f"env.only=[{tasks[0].name}]"]
            cfg = compose([*plan.shared, "trainer=offline", *own, *words, *plan.extract, *more])
            yield f"extract {name}, {mode}", len(tasks), _settled(cfg, tasks)
    yield EVALUATE, len(tasks) * len(plan.modes) * len(plan.dynamics), _settled(cfg, tasks)


def _settled(cfg: DictConfig, tasks: Sequence[Task]) -> DictConfig:
    """As data of these tasks, which tell of no ends, would settle it."""
    cfg.recipe.termination = False
    if len(tasks) > 1:
        cfg.model.num_tasks, cfg.model.action_dims = len(tasks), [task.act_dim for task in tasks]
    if cfg.dynamics.get("units") == MATCH:
        cfg.dynamics.units = with_matched_units(cfg, max(task.act_dim for task in tasks)).dynamics.units
    if cfg.trainer.name == "pretrain":
        cfg.actor = cfg.critic = None
    return cfg


def _probe(what: str, runs: int, cfg: DictConfig, tasks: Sequence[Task], seconds: float) -> Stage:
    device = device_of(cfg)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    beside = 0.0
    if what == EVALUATE:  # every so often, and once more at the end
        steps, step = math.ceil(cfg.trainer.iterations / cfg.eval.every) + 1, _evaluation(cfg)
    elif what == AGENTS:
        steps, (step, beside) = cfg.trainer.iterations, _acting(cfg)
    else:
        steps, step = cfg.trainer.iterations * cfg.trainer.get("model_updates", 1), _iteration(cfg, tasks, device)
    times: list[float] = []
    while not times or sum(times) + times[-1] < seconds:
        took, parts = _timed(step, device)
        times.append(took)
    taken = times[1:] or times  # the first of several takes memory, and compiles
    return Stage(what, runs, steps, parts * statistics.median(taken), _most_memory(device), beside)


def _timed(step: Callable[[], T], device: torch.device) -> tuple[float, T]:
    """Its seconds, those of the GPU's work too, and what it gives."""
    began = time.perf_counter()
    found = step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began, found


class Drawn:
    """In the place of a sampler of data, the same random numbers every time: of all tasks, or of one alone."""

    def __init__(self, obs_dim: int, act_dim: int, tasks: int) -> None:
        self.sizes, self.tasks = (obs_dim, act_dim), tasks
        self.shards = (None,)
        self.slices = lru_cache(self._drawn)

    def check(self, horizon: int, what: str) -> None:
        """There are as many as are asked for."""

    def sample(self, batch: int, horizon: int) -> TaskSlices:
        return self.slices(batch, horizon)

    def _drawn(self, batch: int, horizon: int) -> TaskSlices:
        shapes = ((horizon + 1, batch, self.sizes[0]), (horizon, batch, self.sizes[1]), (horizon, batch))
        draws = torch.Generator().manual_seed(0)
        slices = Slices(*(torch.rand(shape, generator=draws) for shape in shapes))
        return TaskSlices(slices, (torch.arange(batch) % self.tasks).sort().values)


def _iteration(cfg: DictConfig, tasks: Sequence[Task], device: torch.device) -> Callable[[], float]:
    """One of the trainer's own, of a pretraining with a single update; gives 1, the measured part of it."""
    obs_dim, act_dim = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    agent, streams = build_agent(cfg, obs_dim, act_dim).to(device), {name: stream(cfg.seed, name) for name in STREAMS}
    extracts = agent.actor is not None
    data = Drawn(obs_dim, act_dim, 1 if extracts else len(tasks))
    parts: dict[str, Any] = {"agent": agent, "streams": streams, "recorder": None, "eval_every": 1, "save_every": 1}
    parts |= {"pwm": build_pwm(cfg, agent, streams, compiles(cfg, device), from_data=extracts), "data": data}
    parts |= {"evaluate": None} if extracts else {"held_out": data}
    trainer: IterativeTrainer = build_from(
        "trainer", {**cfg.trainer, **({} if extracts else {"model_updates": 1})}, **parts
    )

    def iteration() -> float:
        trainer.learn()
        return 1.0

    return iteration


def _acting(cfg: DictConfig) -> tuple[Callable[[], float], float]:
    """An online iteration, which gives 1, and the seconds of a run's warm-up, first updates and evaluations.

    These come out of parts of them: some random steps, some updates, some steps of an evaluation.
    """
    trainer, cfg = build_trainer(cfg, SilentRecorder(lambda: False).of)
    assert isinstance(trainer, OnlineTrainer)
    device, envs = device_of(cfg), trainer.env.num_envs
    whole = (trainer.warmup_steps / (ACTED * envs), trainer.pretrain_updates / UPDATED)
    trainer.warmup_steps = trainer.pretrain_updates = 0
    trainer.begin()  # the environments
    trainer.warmup_steps = ACTED * envs
    acting, _ = _timed(trainer.begin, device)
    trainer.pretrain_updates = UPDATED
    updating, _ = _timed(trainer.begin, device)
    assessing, parts = _timed(_evaluation(cfg), device)
    evaluations = math.ceil(cfg.trainer.iterations / cfg.eval.every)
    beside = whole[0] * acting + whole[1] * updating + evaluations * parts * assessing

    def iteration() -> float:
        trainer.learn()
        return 1.0

    return iteration, beside


def _evaluation(cfg: DictConfig) -> Callable[[], float]:
    """Some steps of it; gives how often as many are an evaluation."""
    env = build_env(cfg, cfg.eval.episodes)
    agent = build_agent(cfg, env.obs_dim, env.act_dim)
    obs = env.reset(evaluation_seed(cfg))
    task = getattr(env, "tasks", None) if cfg.model.num_tasks else None

    def step() -> float:
        for _ in range(ACTED):
            env.step(agent.act(obs, task))
        return env.episode_length / ACTED

    return step


def _most_memory(device: torch.device) -> int:
    """Of the GPU since the probe began; of a process since its own beginning, so that later stages show an earlier
    one's where that is more."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine() -> str:
    """This one, in words."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{len(os.sched_getaffinity(0))} cores, {memory / 1e9:,.0f} GB of memory{gpu}"


def free_bytes(folder: Path) -> int:
    """On the disk where the folder is, or would be."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free
