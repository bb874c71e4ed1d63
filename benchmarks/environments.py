"""How many agent steps a second does each way of stepping a batch of environments make?

    python benchmarks/environments.py [--tasks TASK …] [--counts 16 64 256]     measure, and write the table
    python benchmarks/environments.py --quick                                   two tasks, briefly; prints only
    python benchmarks/environments.py --table                                   the table from the committed figures

The tasks are those of configs/env, with the action repeat of their card, and some that have no definition on arrays;
those whose package is not installed are left out. Beside the backends of wmzoo stand the vector environments of plain
Gymnasium (sync, async) and a loop over dm_control's own environments; dflex steps its batch itself. For each task and
number of environments all ways take turns, several times; a figure is the median of the turns, with their range.
Results: benchmarks/results/environments/ (steps.json, README.md).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from timing.machine import machine

from wmzoo.config.composition import compose
from wmzoo.envs.array_tasks.base import ArrayTask
from wmzoo.envs.backend import BACKENDS, fastest
from wmzoo.envs.dmc import ARRAY_TASKS as DMC_ARRAY_TASKS
from wmzoo.envs.gymnasium import ARRAY_TASKS as GYMNASIUM_ARRAY_TASKS
from wmzoo.envs.gymnasium_simulator import is_light
from wmzoo.errors import WmzooError
from wmzoo.registry import build
from wmzoo.storage.package_data import data_dir

RESULTS = Path(__file__).parent / "results" / "environments"
COUNTS = (16, 64, 256)
ARRAY_TASKS = {"dmc": DMC_ARRAY_TASKS, "gymnasium": GYMNASIUM_ARRAY_TASKS}
UNDEFINED = ("dmc/finger-spin", "dmc/quadruped-walk", "gymnasium/Humanoid-v5", "gymnasium/Pendulum-v1")
OUTSIDE = {"dmc": ("dm_control",), "gymnasium": ("gymnasium sync", "gymnasium async")}
OWN = "dflex"  # the way, and the suite, of an environment that is a batch already
BATCHES = 16  # of random actions, used in turn
Step = Callable[[int], object]  # the number of the batch of actions


def ways(suite: str, task: str) -> list[str]:
    """The ways of stepping that there are for a task."""
    if suite == OWN:
        return [OWN]
    definition = definition_of(suite, task)
    missing = {"auto"} | ({"arrays", "rollout"} if definition is None else set())
    missing |= set() if definition is None or definition.rollout_from else {"rollout"}
    return [*OUTSIDE.get(suite, ()), *(backend for backend in BACKENDS if backend not in missing)]


def definition_of(suite: str, task: str) -> type[ArrayTask] | None:
    return ARRAY_TASKS.get(suite, {}).get(task)


def wmzoo_batch(config: dict[str, Any], count: int, way: str) -> tuple[Step, Callable[[], None]]:
    """A step of wmzoo's environment, and what ends it."""
    params = {name: value for name, value in config.items() if name != "name"}
    backend = {} if way == OWN else {"backend": way}
    env = build("env", config["name"], **(params | {"num_envs": count} | backend))
    actions = 2 * torch.rand(BATCHES, count, env.act_dim, generator=torch.Generator().manual_seed(0)) - 1
    env.reset(0, stagger=True)
    return lambda index: env.step(actions[index]), env.close


def gymnasium_batch(config: dict[str, Any], count: int, mode: str) -> tuple[Step, Callable[[], None]]:
    """A step of Gymnasium's own vector environment (the cards' action repeat is 1)."""
    assert config["action_repeat"] == 1
    same_step = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}
    env = gymnasium.make_vec(config["task"], count, vectorization_mode=mode, vector_kwargs=same_step)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(BATCHES)]
    env.reset(seed=0)
    return lambda index: env.step(actions[index]), env.close


def dm_control_batch(config: dict[str, Any], count: int) -> tuple[Step, Callable[[], None]]:
    """A loop over dm_control's own environments, as an agent step of wmzoo has it. Their copies share a model here."""
    from dm_control.rl.control import Environment

    from wmzoo.envs.dmc_simulator import MakeDmcSimulators
    from wmzoo.envs.dmc_tasks import find

    made = MakeDmcSimulators(*find(config["task"]), config["action_repeat"])(count)
    environments = [Environment(each.physics, each.task, time_limit=1e9, n_sub_steps=each.sub_steps) for each in made]
    for environment in environments:
        environment.reset()
    spec = environments[0].action_spec()
    actions = np.random.default_rng(0).uniform(spec.minimum, spec.maximum, (BATCHES, count, *spec.shape))

    def step(index: int) -> None:
        for environment, action in zip(environments, actions[index], strict=True):
            sum(environment.step(action).reward for _ in range(config["action_repeat"]))

    return step, lambda: [each.close() for each in made] and None


def batch(way: str, config: dict[str, Any], count: int) -> tuple[Step, Callable[[], None]]:
    library, _, mode = way.partition(" ")
    if library == "gymnasium":
        return gymnasium_batch(config, count, mode)
    return dm_control_batch(config, count) if library == "dm_control" else wmzoo_batch(config, count, way)


def rate(step: Step, count: int, seconds: float) -> float:
    """Agent steps a second."""
    began, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        step(done % BATCHES)
        done += 1
    return count * done / passed


def measure(config: dict[str, Any], count: int, turns: int, seconds: float) -> dict[str, dict[str, float]]:
    """Median, lowest and highest agent steps a second of every way."""
    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # of Gymnasium's workers; this process was spawned itself
    made = {}
    for way in ways(config["name"], config["task"]):
        try:
            made[way] = batch(way, config, count)
        except OSError as error:  # as many processes as environments do not always fit into memory
            print(f"{config['task']} {count}: {way} is left out: {error}", flush=True)
            for child in multiprocessing.active_children():  # the ways that are made so far have none
                child.kill()
    found = [*made]
    rates: dict[str, list[float]] = {way: [] for way in found}
    for step, _ in made.values():
        rate(step, count, seconds / 2)
    for turn in range(turns):
        for way in found if turn % 2 == 0 else found[::-1]:
            rates[way].append(rate(made[way][0], count, seconds))
    for _, close in made.values():
        close()
    return {
        way: {"median": round(statistics.median(each)), "low": round(min(each)), "high": round(max(each))}
        for way, each in rates.items()
    }


def table(facts: dict[str, Any]) -> str:
    """README.md of the results."""
    about = facts["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        "# Agent steps a second, by backend",
        "",
        f"`{facts['command']}` on {about['cores']} cores of {about['processor']} (load {about['load_at_start']:.1f} at "
        f"the start), Python {about['python']}, {versions}. Medians of {facts['turns']} turns of {facts['seconds']} s, "
        "and how far lowest and highest are from them. Bold: the fastest; *: what `env.backend=auto` takes there.",
    ]
    own = [row for row in facts["rows"] if OWN in row["ways"]]
    chosen = [row for row in facts["rows"] if OWN not in row["ways"]]
    columns = sorted({way for row in chosen for way in row["ways"]}, key=_order)
    for count in facts["counts"]:
        lines += ["", f"## {count} environments", "", f"| task | {' | '.join(columns)} |", "|-|" + "-:|" * len(columns)]
        for row in (row for row in chosen if row["num_envs"] == count):
            best = max(row["ways"], key=lambda way: row["ways"][way]["median"])
            cells = [_cell(row["ways"].get(way), way == best, way == row["auto"]) for way in columns]
            lines.append(f"| {row['task']} | {' | '.join(cells)} |")
    if own:
        lines += ["", f"## {OWN}, whose kernels step the whole batch", ""]
        lines += [f"| task | {' | '.join(f'{count} environments' for count in facts['counts'])} |"]
        lines += ["|-|" + "-:|" * len(facts["counts"])]
        for task in dict.fromkeys(row["task"] for row in own):
            cells = [_cell(row["ways"][OWN], False, False) for row in own if row["task"] == task]
            lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _order(way: str) -> tuple[int, str]:
    return (BACKENDS.index(way) if way in BACKENDS else -1, way)


def _cell(figures: dict[str, float] | None, best: bool, chosen: bool) -> str:
    if figures is None:
        return ""
    median = figures["median"]
    text = f"{median:,}" if median else "0"
    spread = max(figures["high"] - median, median - figures["low"]) / max(median, 1)
    return f"{'**' if best else ''}{text}{'**' if best else ''}{'*' if chosen else ''} ±{spread:.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = sorted(file.stem for file in (data_dir("configs") / "env").glob("*.yaml"))
    parser.add_argument(
        "--tasks", nargs="+", default=[*named, *UNDEFINED], metavar="TASK", help="a name of configs/env, or suite/task"
    )
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        (RESULTS / "README.md").write_text(table(json.loads((RESULTS / "steps.json").read_text())))
        return
    if args.quick:
        args.tasks, args.counts, args.turns, args.seconds = ["cartpole_swingup", "Hopper-v5"], [16, 64], 2, 0.2
    command = " ".join(["python benchmarks/environments.py", *sys.argv[1:]])
    facts = {"command": command, "machine": machine(), "counts": list(args.counts)}
    facts |= {"turns": args.turns, "seconds": args.seconds, "rows": []}

    def save() -> None:  # after every task: what was measured is kept
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / "steps.json").write_text(json.dumps(facts, indent=2) + "\n")
        (RESULTS / "README.md").write_text(table(facts))

    # a process for each row: memory and threads of the one before would weigh on the next
    alone = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1)
    for task in args.tasks:
        suite, _, name = task.partition("/")
        config = dict(compose([f"env={suite}", *([f"env.task={name}"] if name else [])]).env)
        definition = definition_of(config["name"], config["task"])
        for count in args.counts:
            try:
                figures = alone.submit(measure, config, count, args.turns, args.seconds).result()
            except WmzooError as error:
                print(f"{task} is left out: {error}", flush=True)
                break
            light = config["name"] == "gymnasium" and is_light(gymnasium.spec(config["task"]))
            auto = fastest(definition, count, light)
            row = {"task": config["task"], "num_envs": count, "auto": auto, "ways": figures}
            facts["rows"].append(row)
            print(config["task"], count, {way: each["median"] for way, each in figures.items()}, flush=True)
        if not args.quick:
            save()
    if args.quick:
        print(table(facts))


if __name__ == "__main__":
    main()
