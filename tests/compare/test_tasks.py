"""Seconds at the pace of undisturbed iterations; and what diagnostics tell over all tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_runs import run_in_memory, two_arms

from wmzoo.compare.analysis import compare
from wmzoo.compare.figures import axis_label
from wmzoo.compare.report import Report
from wmzoo.compare.tasks import CPU, PACE, SECONDS, STEPS, WALL, Settings, make_task
from wmzoo.errors import WmzooError


def test_an_arm_takes_its_fastest_warm_up_and_then_its_undisturbed_speed():
    """Of ten speeds 1 … 10 the 90th percentile is 9.1: (100 − 60) steps after a warm-up of 5 s end 40 / 9.1 s later."""
    busy, quiet = run_in_memory("a", 0, (60, 9.0), [1, 2, 3, 4, 5]), run_in_memory("a", 1, (60, 5.0), [6, 7, 8, 9, 10])
    task = make_task("t", ["a"], [busy, quiet], Settings(clock=PACE))
    for each in task.runs["a"]:
        assert each.seconds == pytest.approx(5 + (np.array([100, 200, 300]) - 60) / 9.1)
        assert each.fps == pytest.approx(9.1)
    assert make_task("t", ["a"], [busy, quiet], Settings()).runs["a"][0].seconds.tolist() == [1e3, 2e3, 3e3]


def test_runs_without_speeds_have_no_pace():
    with pytest.raises(WmzooError, match="clock `pace` needs"):
        make_task("t", ["a"], [run_in_memory("a", 0, (60, 9.0), [])], Settings(clock=PACE))


def test_processor_seconds_are_taken_for_those_of_the_wall_where_so_asked() -> None:
    run = run_in_memory("a", 0, (60, 9.0), [1])
    worked = replace(run, cpu_time=np.array([7.0, 8.0, 9.0]))
    assert make_task("t", ["a"], [worked], Settings(clock=CPU)).runs["a"][0].seconds.tolist() == [7.0, 8.0, 9.0]
    with pytest.raises(WmzooError, match="no cpu_time in its metrics, which the clock `cpu` needs"):
        make_task("t", ["a"], [worked, replace(run, seed=1)], Settings(clock=CPU))


@pytest.mark.parametrize(("clock", "words"), [(WALL, "seconds"), (CPU, "processor"), (PACE, "modelled")])
def test_the_axis_says_whose_seconds_they_are(clock: str, words: str) -> None:
    runs = [replace(run_in_memory("a", 0, (60, 9.0), [1]), cpu_time=np.array([7.0, 8.0, 9.0]))]
    comparison = compare(runs, Settings(clock=clock))
    assert words in axis_label(comparison, SECONDS) and axis_label(comparison, STEPS) == "agent steps"


@pytest.mark.usefixtures("no_drawing")
def test_other_suites_are_normalised_by_the_evaluations_and_the_report_says_so(tmp_path: Path) -> None:
    two_arms(tmp_path, {"mlp": [[-50.0, 150.0]] * 3, "flow": [[0, 50.0]] * 3}, task="Hopper-v5", suite="gymnasium")
    report = Report([tmp_path], ["dynamics"], "", Settings(last=1, repetitions=200), baseline="mlp")
    (task,) = report.comparison.tasks
    assert (task.low, task.high, task.natural) == (-50.0, 150.0, False)
    assert report.comparison.scores("steps", "flow")[0].tolist() == [0.5] * 3
    assert task.threshold == pytest.approx(-50 + 0.8 * 200)
    assert "Hopper-v5: 0 at −50.0, 1 at 150, the lowest" in report.write(tmp_path / "report").read_text()
