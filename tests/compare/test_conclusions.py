"""What is said of a difference, and of runs that cannot be compared without a word."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from synthetic_runs import two_arms

from wmzoo.compare import tables
from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Margin, Settings, read_margin
from wmzoo.errors import WmzooError
from wmzoo.reports.words import number

QUICK = Settings(repetitions=200)


@pytest.mark.parametrize(
    ("flow", "words", "better"),
    [
        ([500.0, 510.0, 505.0], "flow is better", "flow"),
        ([100.0, 110.0, 105.0], "mlp is better", "mlp"),
        ([190.0, 205.0, 210.0], "not shown", None),
        ([211.0, 215.0, 300.0], "a hint, not shown", None),  # by the bootstrap alone, of three seeds
        ([500.0, 510.0], "no conclusion from fewer than 3 seeds of each", None),
        ([900.0], "no conclusion from fewer than 3 seeds of each", None),
    ],
)
def test_a_difference_is_claimed_only_with_seeds_and_an_interval_without_zero(
    tmp_path: Path, flow: list[float], words: str, better: str | None
) -> None:
    two_arms(tmp_path, {"mlp": [[v] * 4 for v in (200.0, 210.0, 190.0)], "flow": [[v] * 4 for v in flow]})
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    steps = report.conclusions[0]
    assert steps.text.startswith("flow − mlp on cheetah-run: ") and f": {words}." in steps.text
    assert steps.better == better
    assert ("3 seeds each" in steps.text) == (len(flow) == 3)
    in_table = tables.comparisons(report.comparison).rows[0][-1]
    assert in_table == ("too few seeds" if "fewer" in words else words)


def test_what_is_shown_on_one_task_of_several_is_corrected_for_their_number(tmp_path: Path) -> None:
    mlp, flow = (200.0, 210.0, 190.0, 205.0), (217.0, 223.0, 208.0, 214.0)
    for task in ("cheetah-run", "walker-walk", "finger-spin"):
        arms = {"mlp": mlp, "flow": flow if task == "cheetah-run" else mlp[::-1]}
        two_arms(tmp_path / task, {arm: [[v] * 4 for v in values] for arm, values in arms.items()}, task=task)
    p = stats.ttest_ind(mlp, flow, equal_var=False).pvalue
    alone = Report([tmp_path / "cheetah-run"], ["dynamics"], "", QUICK, baseline="mlp").conclusions[0]
    assert p < 0.05 and alone.better == "flow" and f", p = {p:.3f} at equal steps" in alone.text
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    (among,) = (c for c in report.conclusions if c.scope == "on cheetah-run" and c.axis == "steps")
    assert 3 * p > 0.05 and among.better is None
    assert (
        f"p = {p:.3f}, corrected for 3 tasks p = {3 * p:.3f}, at equal steps" in among.text
        and ": a hint, not shown." in among.text
    )


def test_what_the_seeds_could_have_shown_stands_beside(tmp_path: Path) -> None:
    two_arms(
        tmp_path, {"mlp": [[v] * 4 for v in (190.0, 200.0, 210.0)], "flow": [[v] * 4 for v in (191.0, 201.0, 211.0)]}
    )
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    # Both arms have a standard deviation of 10: three seeds show 3.07 of them (Cohen's d), and 2 take six.
    assert report.conclusions[0].text.endswith(
        "These seeds would show 30.7 or more; 10% of mlp's mean would take 6 each."
    )
    row = tables.power(report.comparison).rows[0]
    assert row[0] == "cheetah-run" and row[4:] == ["15%", 6.0]


def test_of_several_tasks_the_seeds_show_what_the_correction_leaves_of_it(tmp_path: Path) -> None:
    """On each of two tasks both arms have a standard deviation of 10 and three seeds, as above: p has to be below 2.5%,
    by the noncentral t of 4 degrees of freedom. Over both the level is 5%, of the mean."""
    for task in ("s", "t"):
        mlp, flow = ([[v + up] * 4 for v in (190.0, 200.0, 210.0)] for up in (0.0, 1.0))
        two_arms(tmp_path / task, {"mlp": mlp, "flow": flow}, task=task)
    report = Report([tmp_path], ["dynamics"], "", QUICK, baseline="mlp")
    error = 10 * (2 / 3) ** 0.5
    for row in tables.summary(report.comparison).rows:
        if row[2] == "at equal steps" and row[0] in ("s", "t"):
            assert stats.nct.sf(stats.t.ppf(1 - 0.025 / 2, 4), 4, row[5] / error) == pytest.approx(0.8, abs=1e-6)
        elif row[2] == "at equal steps":
            assert row[0] == "all (normalised: IQM; could show: mean)"
            freedom, of_mean = 8, 1e-3 * error / 2**0.5  # of four groups of three, two tasks' mean, returns over 1000
            assert stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, row[5] / of_mean) == pytest.approx(0.8, abs=1e-6)
    (over,) = (c.text for c in report.conclusions if c.scope == "over 2 tasks" and c.axis == "steps")
    assert "These seeds would show a difference of means of 0.0" in over


def every_draw(runs: Sequence[float]) -> list[tuple[tuple[float, ...], float]]:
    """All that can be drawn from these with replacement, each in order and with its chance."""
    drawn = Counter(tuple(sorted(draw)) for draw in itertools.product(runs, repeat=len(runs)))
    return [(draw, count / len(runs) ** len(runs)) for draw, count in drawn.items()]


def lower_end(differences: Sequence[tuple[float, float]]) -> float:
    """The value below which 2.5% of the chance lies."""
    cumulated = 0.0
    for value, chance in sorted(differences):
        cumulated += chance
        if cumulated >= 0.025:
            return value
    raise AssertionError


MLP, FLOW = (
    {"a": (700.0, 731.0, 805.0), "b": (402.0, 467.0, 555.0)},
    {"a": (640.0, 718.0, 790.0), "b": (361.0, 470.0, 498.0)},
)


def exact_ends() -> tuple[dict[str, float], float]:
    """Lower ends of the bootstrap's intervals over all of its draws: by task, of the mean; over both, of the IQM of
    the return divided by 1000."""
    by_task = {
        task: lower_end(
            [(np.mean(x) - np.mean(y), p * q) for x, p in every_draw(FLOW[task]) for y, q in every_draw(MLP[task])]
        )
        for task in MLP
    }
    arms = [
        [
            (stats.trim_mean([*a, *b], 0.25) / 1000, p * q)
            for a, p in every_draw(arm["a"])
            for b, q in every_draw(arm["b"])
        ]
        for arm in (FLOW, MLP)
    ]
    return by_task, lower_end([(x - y, p * q) for x, p in arms[0] for y, q in arms[1]])


@pytest.mark.parametrize(("beyond", "words"), [(1.1, "is not worse"), (0.9, "may be worse")])
@pytest.mark.parametrize("share", [False, True], ids=["points", "share"])
def test_not_worse_is_said_where_the_interval_s_lower_end_is_above_the_margin(
    tmp_path: Path, beyond: float, words: str, share: bool
) -> None:
    """By the exact distribution of the bootstrap; no difference is shown on any of them."""
    for task in MLP:
        returns = {arm: [[v] * 4 for v in values[task]] for arm, values in (("mlp", MLP), ("flow", FLOW))}
        two_arms(tmp_path / task, returns, task=task)
    by_task, over = exact_ends()
    assert all(end < -20 for end in by_task.values()) and over < -0.02
    for scope, end in {**{f"on {task}": end for task, end in by_task.items()}, "over 2 tasks": 1000 * over}.items():
        margin = read_margin(f"{-beyond * end / 10}%" if share else f"{-beyond * end}")
        report = Report([tmp_path], ["dynamics"], "", Settings(repetitions=20_000, margin=margin), baseline="mlp")
        (said,) = (c.text for c in report.conclusions if c.scope == scope and c.axis == "steps")
        size = number(-beyond * end / (1000 if "over" in scope else 1))
        assert f" flow {words} by {size} or more." in said and "not shown" in said


def test_of_too_few_seeds_or_of_ranges_that_differ_nothing_is_said_of_a_margin(tmp_path: Path) -> None:
    two_arms(tmp_path / "few", {"mlp": [[200.0]] * 2, "flow": [[201.0], [202.0]]})
    few = Report([tmp_path / "few"], ["dynamics"], "", Settings(repetitions=200, margin=Margin(100.0)), baseline="mlp")
    assert "worse" not in few.conclusions[0].text and tables.comparisons(few.comparison).rows[0][-1] == "–"
    for task, factor in (("s", 1.0), ("t", 7.0)):  # of no suite with a range of its own: that of the evaluations
        returns = {arm: [[factor * (v + up)] * 2 for v in (1.0, 2.0, 3.0)] for arm, up in (("mlp", 0.0), ("flow", 0.1))}
        two_arms(tmp_path / "own" / task, returns, task=task, suite="toy")
    for margin, over in ((Margin(20.0), "–"), (Margin(2.0, share=True), "not worse")):
        settings = Settings(repetitions=200, margin=margin)
        rows = tables.summary(Report([tmp_path / "own"], ["dynamics"], "", settings, baseline="mlp").comparison).rows
        assert [row[-1] for row in rows if row[2] == "at equal steps"] == [over, "not worse", "not worse"]


@pytest.mark.parametrize("text", ["ten", "0", "-5", "%", "inf", "nan"])
def test_a_margin_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(WmzooError, match=f"--margin is {text}; it takes points of return, as 100, or a share"):
        read_margin(text)
