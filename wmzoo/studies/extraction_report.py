"""The report of `wmzoo mt30`: scores by task and over tasks, frozen against fine-tuned, and what has been published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from wmzoo.evaluation.published import CAVEATS, PUBLISHED
from wmzoo.reports import page
from wmzoo.reports.canvas import FEWEST_POINTS, Picture, finish, panels, styled
from wmzoo.reports.folder import check_folder, write_files
from wmzoo.reports.labels import LETTER, LINE, name_points
from wmzoo.reports.palette import COLOURS, MARKERS
from wmzoo.reports.table import Cell, Table
from wmzoo.reports.words import counted, interval
from wmzoo.studies.extraction_results import Results
from wmzoo.trainers.pretrain import of_task

DATA, AGENT = "data", "agent"
AGENTS = "; agent: of the online run whose replay the data are, the mean of its last three evaluations"


def write_report(results: Results, out: Path, title: str, commands: Sequence[str], chosen: str) -> Path:
    """report.html, figures and tables in `out`; chosen: the set, whose published scores stand beside if there are."""
    check_folder(out)
    made = [draw(results) for draw in (scores_by_task, modes, learning_curves)]
    pictures = [picture for picture in made if picture is not None]
    tables = [aggregates(results), scores(results), models(results)]
    errors, off, progress = model_errors(results), off_data(results), None if made[-1] else learning(results)
    tables += [table for table in (errors, off, progress) if table is not None]
    sections = [
        ("top", title, page.paragraph(_introduction(results))),
        ("aggregates", "Over all tasks", page.table(tables[0]) + _published(chosen)),
        ("tasks", "By task", _figures(pictures[:1]) + page.table(tables[1]) + (page.table(off) if off else "")),
        ("modes", "Frozen and fine-tuned models", _figures(pictures[1:]) + (page.table(progress) if progress else "")),
        ("models", "World models", page.table(tables[2]) + (page.table(errors) if errors else "")),
        ("commands", "Commands", page.preformatted(commands)),
        ("method", "How it was computed", page.bullets(METHOD)),
    ]
    return write_files(out, page.page(title, sections, linked=True), pictures, tables)


METHOD = (
    "A score is the mean over episodes of a tenth of the return (dm_control, at most 100), or of success in percent "
    "at an episode's last step (Meta-World).",
    "IQM is the interquartile mean over tasks. Intervals are of 95%, by a bootstrap over episodes within each task: "
    "they say nothing about other seeds of training.",
    "The data's return, which a policy is compared with, is the mean over their episodes. Policies act without noise.",
    "Errors of the world models are on episodes that were not learned from: 1 is as bad as predicting no change.",
)


def words(results: Results) -> list[str]:
    """What it shows, for the terminal."""
    lines = []
    for arm in results.arms:
        found, (above, of) = results.aggregate(arm), results.beaten(arm)
        lines.append(
            f"{arm}: score {interval(found.mean)}, IQM {interval(found.iqm)}; above its data on {above} of {of} tasks"
        )
    return lines


def _figures(pictures: Sequence[Picture]) -> str:
    return "".join(page.figure(picture, linked=True) for picture in pictures)


def _introduction(results: Results) -> str:
    arms = "; ".join(results.arms)
    return f"{counted(len(results.tasks), 'task')}, a policy for each, extracted inside a world model. Arms: {arms}."


def aggregates(results: Results) -> Table:
    rows: list[list[Cell]] = []
    for arm in results.arms:
        found, (above, of) = results.aggregate(arm), results.beaten(arm)
        rows.append([arm, of, found.mean, found.iqm, f"{above} of {of}"])
    caption = "Scores over all tasks, with 95% intervals, and on how many tasks the policy is above its data."
    return Table("aggregates", caption, ["arm", "tasks", "mean score", "IQM", "above the data"], rows)


def scores(results: Results) -> Table:
    rows: list[list[Cell]] = []
    for task in results.tasks:
        beside = [results.data_score(task), *([results.agent_score(task)] if results.agents else [])]
        rows.append([task.name, *beside, *(results.score(arm, task) for arm in results.arms)])
    columns = ["task", DATA, *([AGENT] if results.agents else []), *results.arms]
    return Table("scores", f"Scores by task{AGENTS * bool(results.agents)}.", columns, rows)


ERRORS = {  # of a world model: columns of its metrics
    "latent_error_first": "error, 1 step",
    "latent_error_last": "error, horizon",
    "reward_r2_last": "R² of the reward",
}


def models(results: Results) -> Table:
    rows: list[list[Cell]] = []
    for dynamics, (parameters, row) in results.models.items():
        figures = (row.get(name) for name in ERRORS)
        of_dynamics = parameters.get("dynamics")
        rows.append([dynamics, parameters.get("total"), of_dynamics, *figures, row.get("wall_clock")])
    columns = ["dynamics", "parameters", "of the dynamics", *ERRORS.values()]
    caption = "World models at the end of their pretraining, on episodes that were not learned from."
    return Table("models", caption, [*columns, "seconds"], rows)


def model_errors(results: Results) -> Table | None:
    """Task by task; None where a pretraining has noted none, of one task or by an older version."""
    rows: list[list[Cell]] = []
    for task in results.tasks:
        found = [row.get(of_task(name, task.name)) for _, row in results.models.values() for name in ERRORS]
        if any(figure is not None for figure in found):
            rows.append([task.name, *found])
    if not rows:
        return None
    columns = [f"{dynamics}: {words}" for dynamics in results.models for words in ERRORS.values()]
    caption = "World models by task, at the end of their pretraining, on episodes that were not learned from."
    return Table("model_errors", caption, ["task", *columns], rows)


def off_data(results: Results) -> Table | None:
    """Where the policies were in their last evaluation; None where no extraction has noted it."""
    rows: list[list[Cell]] = []
    for task in results.tasks:
        last = [(results.curves.get(arm, {}).get(task.name) or [{}])[-1].get("off_data") for arm in results.arms]
        if any(share is not None for share in last):
            rows.append([task.name, *last])
    caption = (
        "Share of the steps of the last evaluation during extraction that are off the data: on which the networks that "
        "learned the data's steps disagree more than on 95% of the data. 0.05 is as the data, 1 all beyond them."
    )
    return Table("off_data", caption, ["task", *results.arms], rows) if rows else None


def learning(results: Results) -> Table:
    """What `learning_curves` would draw."""
    steps = _steps(results)
    rows: list[list[Cell]] = []
    for arm, curves in results.curves.items():
        rows.append([arm, *(_mean_return(curves, step) for step in steps)])
    columns = ["arm", *(f"iteration {step}" for step in steps)]
    return Table("learning", "Mean evaluation return over the tasks during extraction.", columns, rows)


def _range(results: Results) -> tuple[float, float]:
    """Of the axis of scores, which are at most 100: as much of it as is needed."""
    scores = [results.score(arm, task) for arm in results.arms for task in results.tasks]
    scores += [of(task) for of in (results.data_score, results.agent_score) for task in results.tasks]
    top = max((score for score in scores if score is not None), default=100)
    end = next(end for end in (10, 25, 50, 100) if top <= end or end == 100)
    return -0.03 * end, 1.03 * end


def _published(chosen: str) -> str:
    if chosen not in PUBLISHED:
        return ""
    rows: list[list[Cell]] = [[one.name, one.mean, one.iqm, one.note] for one in PUBLISHED[chosen]]
    beside = page.table(Table("published", f"Published, {chosen.upper()}.", ["what", "mean score", "IQM", ""], rows))
    return beside + page.bullets(CAVEATS)


@styled
def scores_by_task(results: Results) -> Picture:
    figure, (axes,) = panels(1, 1, 1.4 + 0.34 * len(results.tasks))
    places = np.arange(len(results.tasks))[::-1]
    for task, place in zip(results.tasks, places, strict=True):
        beside = ((DATA, results.data_score(task), "-"), (AGENT, results.agent_score(task), (0, (1.5, 1))))
        for label, score, style in beside:
            if score is not None:
                ends = [place - 0.36, place + 0.36]
                axes.plot([score, score], ends, color="0.35", linewidth=1.6, linestyle=style, label=label)
        for number_, arm in enumerate(results.arms):
            score = results.score(arm, task)
            shift = 0.26 * (0.5 - (number_ + 0.5) / len(results.arms)) * 2
            if score is not None:
                axes.plot(score, place + shift, linestyle="none", label=arm, **_mark(number_))
    axes.set(yticks=places, yticklabels=[task.name for task in results.tasks], xlabel="score", xlim=_range(results))
    caption = "Scores by task; the line is the mean return of the data that the policies were extracted from."
    caption += " Dotted: of the agent whose replay they are, the mean of its last three evaluations." * bool(
        results.agents
    )
    return finish(figure, "scores", caption, [DATA, AGENT, *results.arms])


@styled
def modes(results: Results) -> Picture | None:
    """The second mode against the first, for every dynamics that has both."""
    pairs: dict[str, list[str]] = {}
    for arm in results.arms:
        pairs.setdefault(arm.partition(", ")[0], []).append(arm)
    whole = {dynamics: arms for dynamics, arms in pairs.items() if len(arms) == 2}
    if not whole:
        return None
    side = max(3.6, LINE * len(results.tasks))
    room = 0.9 + LETTER * max(len(task.name) for task in results.tasks)
    figure, found = panels(1, len(whole), side + 0.8, width=(side + room) * len(whole))
    for axes, (dynamics, (first, second)) in zip(found, whole.items(), strict=True):
        low, high = _range(results)
        axes.plot([0, high], [0, high], color="0.6", linewidth=1)
        both = [(task.name, results.score(first, task), results.score(second, task)) for task in results.tasks]
        points = [(name, x, y) for name, x, y in both if x is not None and y is not None]
        for _, x, y in points:
            axes.plot(x, y, linestyle="none", **_mark(0))
        axes.set(title=dynamics, xlabel=first.partition(", ")[2], ylabel=second.partition(", ")[2])
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        if points:
            names, xs, ys = zip(*points, strict=True)
            name_points(axes, names, xs, ys, side)
    return finish(figure, "modes", "Scores with the world model as it was and fine-tuned, task by task.")


@styled
def learning_curves(results: Results) -> Picture | None:
    """None where they have so few points that a table says more."""
    if len(_steps(results)) < FEWEST_POINTS:
        return None
    figure, (axes,) = panels(1, 1, 4.0)
    for number_, (arm, curves) in enumerate(results.curves.items()):
        steps = _steps(results, arm)
        means = [mean for step in steps if (mean := _mean_return(curves, step)) is not None]
        axes.plot(steps, means, label=arm, linewidth=1.7, **_mark(number_, 4))
    axes.set(xlabel="iterations of the extraction", ylabel="mean return over tasks")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return finish(
        figure, "learning_curves", "Mean evaluation return over the tasks during extraction.", [*results.arms]
    )


def _steps(results: Results, only: str | None = None) -> list[int]:
    """At which policies were evaluated: of all arms, or of one."""
    curves = [of_arm for arm, of_arm in results.curves.items() if only in (None, arm)]
    return sorted({row["iteration"] for of_arm in curves for rows in of_arm.values() for row in rows})


def _mean_return(curves: dict[str, list[dict[str, float]]], step: int) -> float | None:
    found = [row["eval_return"] for rows in curves.values() for row in rows if row["iteration"] == step]
    return float(np.mean(found)) if found else None


def _mark(index: int, size: float = 6) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": size,
        "clip_on": False,
    }
