"""A table's cells for a reader, and its CSV with all figures."""

from __future__ import annotations

import csv
import io
import math

import numpy as np

from wmzoo.reports import page
from wmzoo.reports.table import Table, text, to_csv
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Reach


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(np.array(value), np.array(low), np.array(high))


SOME = Reach(estimate(61440.0, 51200.0, math.inf), 1, 3)
NEVER = Reach(estimate(math.inf, 51200.0, math.inf), 2, 3)
ALL = Reach(estimate(61440.0, 51200.0, 71680.0), 0, 3)


def test_a_time_to_a_threshold_says_how_many_runs_never_reached_it() -> None:
    assert text(ALL) == "61,440 [51,200, 71,680]"
    assert text(SOME) == "61,440 [51,200, ∞]; not reached (1 of 3)"
    assert text(NEVER) == "not reached (2 of 3)"


def test_the_csv_gives_an_estimate_its_ends_and_a_time_its_count_each_in_a_column() -> None:
    rows = [["mlp", None, ALL, 3], ["flow", estimate(0.123456789, 0.1, 0.2), NEVER, 4]]
    table = Table("speed", "a caption", ["arm", "IQM", "steps", "runs"], rows)
    header, first, second = csv.reader(io.StringIO(to_csv(table)))
    assert header == [
        *("arm", "IQM", "IQM low", "IQM high"),
        *("steps", "steps low", "steps high", "steps not reached", "runs"),
    ]
    assert first == ["mlp", "", "", "", "61440.0", "51200.0", "71680.0", "0", "3"]
    assert second == ["flow", "0.123456789", "0.1", "0.2", "inf", "51200.0", "inf", "2", "4"]


def test_a_cell_can_be_broken_behind_a_slash_and_not_inside_its_interval() -> None:
    made = page.table(Table("t", "", ["folder", "IQM"], [["runs/a <b>", estimate(868.0, 850.0, 880.0)]]))
    assert "runs/<wbr>a &lt;b&gt;</th>" in made and ">868 [850,\N{NO-BREAK SPACE}880]</td>" in made


def test_a_table_without_rows_is_its_head() -> None:
    made = page.table(Table("none", "a caption", ["arm", "IQM"], []))
    assert made.count("<th ") == 2 and made.count("<tr>") == 1 and ">IQM</th>" in made
