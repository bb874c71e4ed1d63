"""One name for a figure, wherever it is shown, and words that say what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.errors import DamagedFile
from wmzoo.runs import Progress
from wmzoo.runs.metrics import COLUMNS, read_metrics


def test_env_steps_are_described_as_agent_steps_and_by_what_to_multiply_them() -> None:
    assert "agent steps" in COLUMNS["env_steps"] and "× env.action_repeat" in COLUMNS["env_steps"]
    assert all(len(words) > 5 for words in COLUMNS.values())


def test_the_terminal_shows_the_rewards_of_the_last_row_that_has_some() -> None:
    progress = Progress(10)
    for iteration, rewards in enumerate((10.0, 20.0, None), start=1):
        progress.update({"iteration": iteration, "rewards": rewards})
    assert progress.fields()["rewards"] == "20" and "return" not in progress.fields()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "1" * 400, '"high"', "[1]", "[" * 100_000])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_row_that_is_whole_and_makes_no_sense_is_named_also_where_it_is_the_last(
    tmp_path: Path, value: str, end: str
) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text(f'{{"iteration": 1, "eval_return": 5.0}}\n{{"iteration": 2, "eval_return": {value}}}{end}')
    with pytest.raises(DamagedFile, match=r"metrics\.jsonl, line 2: no row of metrics") as refused:
        read_metrics(file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "high"])
def test_a_cell_of_a_csv_that_is_no_finite_number_is_named(tmp_path: Path, cell: str) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text(f"iteration,eval_return\n1,\n2,{cell}\n")
    with pytest.raises(DamagedFile, match=r"metrics\.csv, line 3: no row of metrics"):
        read_metrics(file)
