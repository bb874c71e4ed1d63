"""Seconds at the pace of undisturbed iterations; and what diagnostics tell over all tasks."""

from pathlib import Path

import numpy as np
import pytest

from wmzoo.compare import horizons
from wmzoo.compare.analysis import compare
from wmzoo.compare.runs import Run
from wmzoo.compare.tasks import PACE, Settings, make_task
from wmzoo.errors import WmzooError

ESNR = next(q for q in horizons.QUANTITIES if q.name == "esnr")


def run(arm, seed, first, speeds, task="t", esnr=None):
    """Evaluations after 100, 200 and 300 steps, of a run whose wall clock means nothing."""
    diagnostics = {} if esnr is None else {"horizons": [1, 2], "esnr": {"value": [esnr, 10 * esnr]}}
    return Run(
        folder=Path(arm), task=task, suite="dmc", arm=arm, seed=seed, status="done",
        steps=np.array([100.0, 200.0, 300.0]), seconds=np.array([1e3, 2e3, 3e3]) * (seed + 1),
        returns=np.array([1.0, 2.0, 3.0]) + seed, first=first, speeds=np.array(speeds), nonfinite=0, config={},
        facts={}, diagnostics=diagnostics,
    )  # fmt: skip


def test_an_arm_takes_its_fastest_warm_up_and_then_its_undisturbed_speed():
    """Of ten speeds 1 … 10 the 90th percentile is 9.1: (100 − 60) steps after a warm-up of 5 s end 40 / 9.1 s later."""
    busy, quiet = run("a", 0, (60, 9.0), [1, 2, 3, 4, 5]), run("a", 1, (60, 5.0), [6, 7, 8, 9, 10])
    task = make_task("t", ["a"], [busy, quiet], Settings(clock=PACE))
    for each in task.runs["a"]:
        assert each.seconds == pytest.approx(5 + (np.array([100, 200, 300]) - 60) / 9.1)
        assert each.fps == pytest.approx(9.1)
    assert make_task("t", ["a"], [busy, quiet], Settings()).runs["a"][0].seconds.tolist() == [1e3, 2e3, 3e3]


def test_runs_without_speeds_have_no_pace():
    with pytest.raises(WmzooError, match="clock `pace` needs"):
        make_task("t", ["a"], [run("a", 0, (60, 9.0), [])], Settings(clock=PACE))


def test_diagnostics_are_compared_by_the_ranks_of_runs_over_all_tasks():
    """On task s the arm's runs are above in all 4 pairs, on t, at another scale, in 1 of 4: 5/8 at both horizons."""
    values = {("s", "b"): (3, 4), ("s", "a"): (1, 2), ("t", "b"): (100, 300), ("t", "a"): (200, 400)}
    runs = [
        run(arm, seed, (60, 1.0), [1.0], task, esnr)
        for (task, arm), pair in sorted(values.items())
        for seed, esnr in enumerate(pair)
    ]
    found = horizons.differences(compare(runs, Settings(repetitions=200)), ESNR)
    assert [(each.at, each.arm, each.tasks) for each in found] == [(1.0, "b", 2), (2.0, "b", 2)]
    assert [float(each.probability.value) for each in found] == [5 / 8, 5 / 8]
