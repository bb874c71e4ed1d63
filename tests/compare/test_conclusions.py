"""What is said of a difference, and of runs that cannot be compared without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats
from synthetic_runs import two_arms

from wmzoo.compare import tables
from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Settings

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
