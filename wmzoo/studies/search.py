"""A search: values of keys are tried, each trial a training on every task with every seed, and the best is told.

It is written where a study is, in the block `study` of an `experiment=` config or in a file of its own, with the key
`search` in the place of arms: a list is of values, {from: 1e-4, to: 1e-2, log: true, step: …} a number between two, a
whole one where all of its numbers are. cli/study.py shows all keys; RULES has what is done without them. The default
seed is 100, because those below are for results, which no search may have seen.

Other keys are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from wmzoo.compare.tasks import DMC_RANGE
from wmzoo.config.composition import compose
from wmzoo.config.values import BOOLEAN, MANY, Rule, integer, number, one_of, positive, several
from wmzoo.errors import WmzooError
from wmzoo.registry import get
from wmzoo.reports.words import typed
from wmzoo.storage.files import checked_name
from wmzoo.storage.rows import Row
from wmzoo.studies.grid import read_block, tasks_of

ANY = number(-math.inf)
RANGE = {"from": ANY, "to": ANY, "log": BOOLEAN, "step": positive()}
RULES: dict[str, tuple[Any, Rule]] = {  # what is done without the key, and what it must be
    "seeds": ([100], several(integer(0, 2**63 - 1), 1)),
    "trials": (30, integer(1, MANY)),
    "pruner": ("median", one_of("median", "hyperband", "none")),
    "startup": (5, integer(0, MANY)),
    "last": (3, integer(1, MANY)),
}


@dataclass(frozen=True)
class Choices:
    """One of some values, as they are typed."""

    values: Sequence[str]

    def draw(self, key: str, trial: Any) -> str:
        """What Optuna's `trial` tries, as it is typed."""
        drawn: str = trial.suggest_categorical(key, self.values)
        return drawn

    def extremes(self) -> Sequence[str]:
        """Those of which at least one does not compose, if a key cannot be searched so."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, a whole one where both are; log: evenly in its logarithm; step: between values."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def draw(self, key: str, trial: Any) -> str:
        """What Optuna's `trial` tries, as it is typed."""
        if all(isinstance(value, int) for value in (self.low, self.high, self.step or 1)):
            return typed(trial.suggest_int(key, self.low, self.high, log=self.log, step=self.step or 1))
        return typed(trial.suggest_float(key, self.low, self.high, log=self.log, step=self.step))

    def extremes(self) -> Sequence[str]:
        """Those of which at least one does not compose, if a key cannot be searched so."""
        return typed(self.low), typed(self.high)


@dataclass(frozen=True)
class Scale:
    """What of an evaluation counts: a figure of its row, from `low`, which counts 0, to `high`, which counts 1."""

    figure: str
    low: float = 0.0
    high: float = 1.0

    def values(self, rows: Sequence[Row]) -> list[float]:
        """Of every evaluation among the rows of a run's metrics."""
        found = (row.get(self.figure) for row in rows)
        return [(value - self.low) / (self.high - self.low) for value in found if value is not None]


@dataclass(frozen=True)
class Search:
    """See the module's docstring; `spec` is what it was read from, `shared` are the overrides of every run.

    evaluations: that a run comes to, where it is not pruned.
    """

    name: str
    spec: str
    title: str
    shared: Sequence[str]
    space: Mapping[str, Choices | Range]
    tasks: Mapping[str, Sequence[str]]
    scales: Mapping[str, Scale]
    seeds: Sequence[int]
    trials: int
    pruner: str
    startup: int
    last: int
    evaluations: int

    def facts(self) -> dict[str, Any]:
        """What makes trials comparable: a search that goes on has to have the same."""
        return {
            "search": {key: asdict(values) for key, values in self.space.items()},
            "overrides": list(self.shared),
            "tasks": {task: list(overrides) for task, overrides in self.tasks.items()},
            "ranges": {task: asdict(scale) for task, scale in self.scales.items()},
            "seeds": list(self.seeds),
            "last": self.last,
        }


def read_search(name: str) -> Search:
    """The search of `experiment=name`, or of the file `name`. WmzooError where it is none, or does not compose."""
    block, shared = read_block(name, "search", ("search", "tasks"))
    for key, (default, rule) in RULES.items():
        if not rule.holds(block.setdefault(key, default)):
            raise WmzooError(f"{name}: {key} is {rule.words}, not {typed(block[key])}")
    if not isinstance(block["search"], dict):
        raise WmzooError(f"{name}: search is a mapping of keys to what is tried of them")
    space = {str(key): _values(f"{name}: search {key}", of) for key, of in block["search"].items()}
    tasks = tasks_of(block)
    for task in tasks:
        checked_name(task, f"{name}: the task")
    composed = _composed(name, shared, space, tasks)
    one = next(iter(composed.values()))
    ranges = _ranges(name, block.get("ranges") or {})
    return Search(
        name=checked_name(Path(name).stem, "search"),
        spec=name,
        title=str(block.get("title", name)),
        shared=shared,
        space=space,
        tasks=tasks,
        scales={task: ranges.get(task) or _scale(name, task, cfg, len(tasks) == 1) for task, cfg in composed.items()},
        evaluations=math.ceil((one.trainer.get("iterations") or 1) / one.eval.every),
        **{key: block[key] for key in RULES},
    )


def _values(what: str, of: Any) -> Choices | Range:
    """What is tried of a key; WmzooError, naming it, where that makes no sense."""
    if isinstance(of, list) and of:
        return Choices(tuple(typed(value) for value in of))
    if not isinstance(of, dict) or not {"from", "to"} <= of.keys() <= RANGE.keys():
        raise WmzooError(f"{what} is a list of values, or {{from: 1e-4, to: 1e-2}} with log: true or a step")
    for key, rule in RANGE.items():
        if key in of and not rule.holds(of[key]):
            raise WmzooError(f"{what}: {key} is {rule.words}, not {typed(of[key])}")
    found = Range(of["from"], of["to"], of.get("log", False), of.get("step"))
    if found.low >= found.high or (found.log and (found.low <= 0 or found.step)):
        raise WmzooError(f"{what} goes from a number to a higher one; with log: true from one above 0, without a step")
    return found


def _ranges(name: str, block: Any) -> dict[str, Scale]:
    rule = several(ANY, 2, 2)
    if not isinstance(block, dict) or not all(rule.holds(ends) and ends[0] < ends[1] for ends in block.values()):
        raise WmzooError(f"{name}: ranges are {{TASK: [LOW, HIGH]}}, the returns that count 0 and 1")
    return {str(task): Scale("eval_return", *ends) for task, ends in block.items()}


def _composed(
    name: str, shared: Sequence[str], space: Mapping[str, Choices | Range], tasks: Mapping[str, Sequence[str]]
) -> dict[str, DictConfig]:
    """Compose every task, and on the first every extreme of every key, so that a mistake is found before the first run.

    Gives the tasks' configs.
    """
    first = {key: of.extremes()[0] for key, of in space.items()}
    trials = [(task, first) for task in tasks]
    trials += [(next(iter(tasks)), {**first, key: text}) for key, of in space.items() for text in of.extremes()[1:]]
    composed: dict[str, DictConfig] = {}
    for task, values in trials:
        overrides = [*shared, *tasks[task], *(f"{key}={text}" for key, text in values.items())]
        try:
            cfg = composed.setdefault(task, compose(overrides))
        except WmzooError as error:
            raise WmzooError(f"{name}, {task}: {error}") from error
        if "policy" not in get("trainer", cfg.trainer.name).needs:
            raise WmzooError(f"{name}: trainer={cfg.trainer.name} evaluates no policy, which tells trials apart")
    return composed


def _scale(name: str, task: str, cfg: DictConfig, alone: bool) -> Scale:
    """Success in Meta-World; else the return, of several tasks as a part of the task's range."""
    if cfg.env.name == "metaworld":
        return Scale("eval_success")
    if alone:
        return Scale("eval_return")
    if cfg.env.name == "dmc" and cfg.env.get("episode_length") is None:
        return Scale("eval_return", *DMC_RANGE)
    raise WmzooError(f"{name}: returns of {task} have no range of their own; give ranges: {{{task}: [LOW, HIGH]}}")
