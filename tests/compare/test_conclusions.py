"""What is said of a difference, and of runs that cannot be compared without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
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
        ([190.0, 205.0, 210.0], "a difference is not shown", None),
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
    assert steps.text.startswith("flow − mlp on cheetah-run: ") and steps.text.endswith(f": {words}.")
    assert steps.better == better
    assert ("3 seeds each" in steps.text) == (len(flow) == 3)
    in_table = tables.comparisons(report.comparison).rows[0][-1]
    assert in_table == (words if better else "not shown" if "not shown" in words else "too few seeds")
