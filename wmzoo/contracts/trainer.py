"""What every trainer must keep. Each check takes `make`: make(recorder) gives a new tiny training of 2 iterations."""

from __future__ import annotations

import atexit
import functools
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wmzoo.agent.agent import Agent
from wmzoo.agent.build import build_agent
from wmzoo.checkpoints.state import load_state, save_state
from wmzoo.config.composition import compose
from wmzoo.contracts.common import Case, cases, expect, variants
from wmzoo.data.collect import collect, uniform
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import find
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.registry import get
from wmzoo.trainers.base import Recorder, Trainer
from wmzoo.trainers.build import build_trainer, extracts

ITERATIONS = 2
TINY = (
    "size=tiny", "env=pendulum_swingup", "env.num_envs=4", "device=cpu", "threads=1",
    f"trainer.iterations={ITERATIONS}", "eval.every=2", "eval.episodes=1", "save.every=1000",
    "recipe.actor_updates=2", "recipe.rollouts=16", "recipe.imagination_horizon=3",
)  # fmt: skip
SMALLER = {"horizon": 3, "batch_size": 8, "buffer_size": 4096, "warmup_steps": 64, "pretrain_updates": 2}
SMALLER |= {"model_updates": 2}
DATA, OBS_DIM, ACT_DIM = "cartpole-swingup", 5, 1  # a task with rewards whatever is done
CLOCKS = frozenset({"wall_clock", "cpu_time", "fps", "iterations_per_second"})
POLICY_LOSSES = ("policy_loss", "value_loss")
MODEL_LOSSES = ("wm_loss", "dynamics_loss", "reward_loss")
TAUGHT_LOSSES = ("wm_loss", "dynamics_loss")
MODEL_PARTS = ("world_model.encoder", "world_model.dynamics", "world_model.reward_head")


class Notes:
    """A recorder that keeps the rows, and the trainer's whole state at each checkpoint, as it is stored.

    stop_after: the iteration after which it asks the trainer to stop; None lets it run to the end.
    """

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.rows: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.agent: Agent | None = None

    def of(self, agent: Agent) -> Notes:
        """This recorder, as the recorder of `agent`'s run."""
        self.agent = agent
        return self

    def preparing(self, what: str, done: int, total: int) -> None:
        """Nothing to keep."""

    def log(self, row: Mapping[str, Any]) -> None:
        self.rows.append(dict(row))

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        """Nothing to keep: the row has it."""

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            save_state(Path(folder), state)
            self.states.append(load_state(Path(folder)))

    def stop_requested(self) -> bool:
        return len(self.rows) == self.stop_after


@dataclass(frozen=True)
class Make:
    """Makes tiny trainings, each anew: of random data and inside a random model, where the trainer needs these."""

    overrides: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        return get("trainer", compose(list(self.overrides)).trainer.name).needs

    def __call__(self, recorder: Callable[[Agent], Recorder]) -> Trainer:
        node = compose(list(self.overrides)).trainer
        smaller = [f"trainer.{key}={value}" for key, value in SMALLER.items() if key in node]
        overrides = [*TINY, *smaller, *self.overrides]
        if "data" in self.needs:
            overrides += [f"data.dir={_random_data()}", "env=dmc", f"env.task={DATA}"]
        if "teacher" in self.needs or extracts(self.needs):
            with tempfile.TemporaryDirectory() as folder:
                _random_agent(overrides).save(Path(folder) / "model")
                return build_trainer(compose([*overrides, f"init_from={folder}/model"]), recorder)[0]
        return build_trainer(compose(overrides), recorder)[0]


@torch.no_grad()
def _random_agent(overrides: list[str]) -> Agent:
    """With no weight left at zero, where a new one has whole layers of them: its rewards depend on what it does."""
    agent = build_agent(compose(overrides), OBS_DIM, ACT_DIM)
    generator = torch.Generator().manual_seed(0)
    for parameter in agent.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return agent


@functools.cache
def _random_data() -> Path:
    """A data set of two random episodes of DATA; it is gone when the process ends."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    collect([find(DATA)], [(2, uniform)], folder / "chunks", seed=0, facts={})
    convert([folder / "chunks"], folder / "data")
    return folder / "data"


def factories(name: str, settings: Iterable[str] = ()) -> dict[str, Make]:
    """By test id: the entry as its card has it, and with the settings of the card's `checked_with`."""
    return {variant.id: Make((*variant.overrides, *settings)) for variant in variants("trainer", name)}


def suite(name: str) -> Iterator[Case]:
    """Every check of entry `name`."""
    yield from cases(factories(name), CHECKS)


def check_metrics(make: Make) -> None:
    """One row per iteration, counted from 1, with finite losses; the weights of every part move."""
    notes = Notes()
    trainer = make(notes.of)
    assert notes.agent is not None
    before = {name: p.detach().clone() for name, p in notes.agent.named_parameters()}
    taught = "teacher" in make.needs
    trainer.run()
    iterations = [row["iteration"] for row in notes.rows]
    expect(iterations == [1, 2], f"rows were logged for iterations {iterations}, not [1, 2]")
    expected = {*(POLICY_LOSSES if "policy" in make.needs else TAUGHT_LOSSES if taught else MODEL_LOSSES)}
    expected |= {*MODEL_LOSSES} if "env" in make.needs else set()
    for row in notes.rows:
        for name in expected | {name for name in MODEL_LOSSES if name in row}:
            value = row.get(name)
            expect(value is not None, f"the row of iteration {row['iteration']} has no {name}")
            expect(math.isfinite(row[name]), f"{name} is {value} in iteration {row['iteration']}")
        for name, value in row.items():
            plain = value is None or isinstance(value, int | float)
            expect(plain, f"the metric {name} is a {type(value).__name__}, not a number or None")
    steps = [row["env_steps"] for row in notes.rows]
    expect(steps == sorted(steps), f"env_steps goes back: {steps}")
    if "policy" in make.needs:
        expect(notes.rows[-1].get("eval_return") is not None, "the last row has no eval_return")
    learning: tuple[str, ...] = ("actor", "critic") if "policy" in make.needs else ()
    if "wm_loss" in notes.rows[-1]:
        learning += ("world_model.dynamics",) if taught else MODEL_PARTS
    for part in learning:
        moved = [not torch.equal(p, before[n]) for n, p in notes.agent.named_parameters() if n.startswith(part)]
        expect(any(moved), f"no weight of {part} changed in {ITERATIONS} iterations")
    for part in {"actor", "critic", *MODEL_PARTS} - set(learning):
        moved = [not torch.equal(p, before[n]) for n, p in notes.agent.named_parameters() if n.startswith(part)]
        expect(not any(moved), f"a weight of {part} changed, though no loss of it is reported")


def check_repeats(make: Make) -> None:
    """With one seed, two trainings give the same rows and weights bit for bit."""
    first, again = _trained(make), _trained(make)
    _same_rows(first, again, "two trainings with one seed")
    _same_weights(first, again, "two trainings with one seed")


def check_resume(make: Make) -> None:
    """Asked to stop it saves and returns; a new trainer that loads what was stored goes on bit for bit."""
    whole, stopped, resumed = _trained(make), Notes(stop_after=1), Notes()
    make(stopped.of).run()
    expect(len(stopped.rows) == 1, f"asked to stop after one iteration, it logged {len(stopped.rows)} rows")
    expect(len(stopped.states) == 1, f"asked to stop, it called `checkpoint` {len(stopped.states)} times, not once")
    trainer = make(resumed.of)
    trainer.load_state_dict(stopped.states[0])
    trainer.run()
    whole.rows = whole.rows[1:]
    _same_rows(whole, resumed, "a training and its continuation from iteration 1")
    _same_weights(whole, resumed, "a training and its continuation from iteration 1")


CHECKS: tuple[Callable[[Make], None], ...] = (check_metrics, check_repeats, check_resume)


def _trained(make: Make) -> Notes:
    notes = Notes()
    make(notes.of).run()
    return notes


def _same_rows(left: Notes, right: Notes, what: str) -> None:
    expect(len(left.rows) == len(right.rows), f"{what} log {len(left.rows)} and {len(right.rows)} rows")
    for mine, theirs in zip(left.rows, right.rows, strict=True):
        expect(mine.keys() == theirs.keys(), f"{what} log different metrics: {mine.keys() ^ theirs.keys()}")
        for name in mine.keys() - CLOCKS:
            words = f"{what} differ in {name} of iteration {mine['iteration']}: {mine[name]} and {theirs[name]}"
            expect(mine[name] == theirs[name], words)


def _same_weights(left: Notes, right: Notes, what: str) -> None:
    assert left.agent is not None and right.agent is not None
    theirs = right.agent.state_dict()
    for name, tensor in left.agent.state_dict().items():
        expect(torch.equal(tensor, theirs[name]), f"{what} end with different {name}")
