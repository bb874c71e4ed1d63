"""Which runs are compared, and whether they can be: every arm on the same tasks, no run twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.runs import AGENT_STEPS, FOLDER, ITERATIONS, Config, Run, find_runs, read_run, select
from wmzoo.errors import WmzooError, unknown
from wmzoo.reports.words import counted
from wmzoo.storage.foreign import read_config


def select_runs(paths: Sequence[Path], by: Sequence[str], baseline: str | None = None) -> tuple[list[Run], list[str]]:
    """The runs to compare, the baseline's arm first, and a sentence about each kind of run that is left out.

    Raises:
        WmzooError: there are no runs, fewer than two arms, an arm without runs on some task, two runs of one arm,
            task and seed, or an unknown key or baseline.
    """
    configs = {folder: read_config(folder / CONFIG) for folder in find_runs(paths)}
    _check_keys(list(configs.values()), by)
    found = [read_run(folder, cfg, by) for folder, cfg in configs.items()]
    unit = _unit(found, baseline)
    runs = [run for run in found if _why_not(run, unit) is None]
    notes = [*_left_out(found, unit), *map(_without_return, (run for run in runs if run.without_return))]
    if not runs:
        why = " ".join(notes) or f"none in {', '.join(map(str, paths))}"
        raise WmzooError(f"no finished run with evaluations to compare: {why}")
    arms = list(dict.fromkeys(run.arm for run in runs))
    beside = f". {' '.join(notes)}" if notes else ""  # of what is missing, those may be the reason
    if len(arms) < 2:
        raise WmzooError(
            f"all {len(runs)} runs are one arm by {' and '.join(by)} ({arms[0]}): choose another --by, or add runs"
            f"{beside}"
        )
    if baseline is not None and baseline not in arms:
        raise WmzooError(f"--baseline {baseline}: no such arm; there are {', '.join(arms)}{beside}")
    _check_grid(runs, arms, beside)
    first = baseline or arms[0]
    return sorted(runs, key=lambda run: run.arm != first), notes


def _check_keys(configs: Sequence[Config], by: Sequence[str]) -> None:
    known = {FOLDER}
    for cfg in configs:
        known |= {str(key) for key in cfg} | {key for key in by if select(cfg, key) is not None}
    for key in by:
        if key not in known:
            listing = "a key is written as for `wmzoo train`: dynamics, recipe.gamma"
            raise WmzooError(f"--by: {unknown('key', key, sorted(known), listing=listing)}")


def _unit(found: Sequence[Run], baseline: str | None) -> str:
    """In what the steps of the comparison are: the baseline's, else agent steps where any run has them."""
    units = [run.unit for run in found if _why_not(run, run.unit) is None and baseline in (None, run.arm)]
    return ITERATIONS if units and AGENT_STEPS not in units else AGENT_STEPS


def _left_out(found: Sequence[Run], unit: str) -> list[str]:
    """A failed run is an outcome too, so each arm's are counted and named."""
    folders: dict[tuple[str, str, str], list[str]] = {}
    for run in found:
        if reason := _why_not(run, unit):
            folders.setdefault((run.arm, run.task, reason), []).append(str(run.folder))
    return [
        f"Left out: {counted(len(names), 'run')} of {arm} on {task}, {reason}: {', '.join(names)}."
        for (arm, task, reason), names in folders.items()
    ]


def _why_not(run: Run, unit: str) -> str | None:
    """Why a run is not compared with others whose steps are of this unit."""
    if run.status != "done":
        return run.status
    if not run.steps.size:
        return "without evaluations"
    if not run.steps.any():
        return "without steps of an environment"
    return None if run.unit == unit else f"counted in {run.unit}, not {unit}"


def _without_return(run: Run) -> str:
    where = ", ".join(map(str, run.without_return))
    return f"Evaluations that came to no number, and are missing here: {run.folder}, iteration {where}."


def _check_grid(runs: Sequence[Run], arms: Sequence[str], beside: str) -> None:
    """WmzooError, with `beside` where something is missing, unless every arm has runs on every task, each once."""
    seen: dict[tuple[str, str, int], Run] = {}
    for run in runs:
        other = seen.setdefault((run.arm, run.task, run.seed), run)
        if other is not run:
            raise WmzooError(
                f"{other.folder} and {run.folder} are both {run.arm} on {run.task} with seed {run.seed}:"
                " tell them apart with a further --by, or name fewer folders"
            )
    tasks = list(dict.fromkeys(run.task for run in runs))
    for arm in arms:
        missing = [task for task in tasks if not any(run.arm == arm and run.task == task for run in runs)]
        if missing:
            raise WmzooError(
                f"arm {arm} has no finished run on {', '.join(missing)}: arms are compared on the same tasks;"
                f" name folders of tasks that every arm has{beside}"
            )
