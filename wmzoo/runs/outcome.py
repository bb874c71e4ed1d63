"""The end of a run in words: what it has reached, where its files are, and what to type next."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from wmzoo.reports.pace import duration
from wmzoo.reports.words import number
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.rows import Row


def outcome(folder: Path, cfg: DictConfig) -> list[str]:
    """Lines about a run that has come to its end."""
    more = 2 * int(cfg.trainer.iterations)
    rows = read_metrics(folder)
    evaluations = [row for row in rows if row.get("eval_return") is not None]
    models = [row for row in rows if row.get("latent_error_first") is not None]
    lines = [f"learning curve: {folder / 'learning_curve.png'}", f"metrics: {folder / 'metrics.csv'}"]
    if evaluations:
        lines = [reached(evaluations), *lines, f"next, more episodes: wmzoo evaluate {folder} --episodes 20"]
    elif models:
        lines = [predicted(models[-1]), *lines]
    return [*lines, f"next, train on: wmzoo resume {folder} trainer.iterations={more}"]


def predicted(row: Row) -> str:
    """How far a model's predictions stray, and its teacher's if it has one; see diagnostics/open_loop.py."""
    text = "reached: latent error {} after one step, {} at the end of a rollout"
    found = text.format(number(row["latent_error_first"]), number(row["latent_error_last"]))
    if row.get("teacher_latent_error_first") is None:
        return found
    teacher = (number(row[f"teacher_latent_error_{when}"]) for when in ("first", "last"))
    return f"{found}; its teacher's {' and '.join(teacher)}"


def reached(evaluations: list[Row]) -> str:
    """The last of a run's evaluations, and the first, beside which it is more or less."""
    first, last = evaluations[0], evaluations[-1]
    counted, steps = ("env_steps", "agent steps") if last.get("env_steps") else ("iteration", "iterations")
    text = f"reached: return {number(last['eval_return'])} ± {number(last['eval_return_std'])} at "
    text += f"{last[counted]:,} {steps}, in {duration(last.get('wall_clock'))}"
    return text if last is first else f"{text} ({number(first['eval_return'])} at {first[counted]:,})"
