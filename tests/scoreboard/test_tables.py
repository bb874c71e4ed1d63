"""The tables of rows, and what is said of parity."""

from __future__ import annotations

from pathlib import Path

from synthetic_runs import undrawn

from wmzoo.reports.table import text
from wmzoo.scoreboard.report import write_report
from wmzoo.scoreboard.row import Evaluations, Row, TaskRow
from wmzoo.scoreboard.tables import costs, disparity, lines, returns

ALONE = {"0": Evaluations([20_000, 100_000, 250_000], [100, 200, 300])}


def row(
    name: str, parameters: int, seeds: dict[str, Evaluations] = ALONE, cosine: list[float | None] | None = None
) -> Row:
    figures = {"ratio": 2.0, "parameters": parameters, "baseline_parameters": 1000, "nfe": 4, "esnr": 0.5}
    more = {"latent_errors": [0.25, 0.5], "gradient_cosine": cosine, "nonfinite": 3}
    made = TaskRow("", {}, None, seeds, **figures, **more)  # type: ignore[arg-type]
    return Row(name, [], f"wmzoo bench {name}", {}, {"walker_walk": made})


def test_a_line_for_each_task_and_arm_that_has_it() -> None:
    """Scores are 100, 150 and 200; half the steps of 250,000 are 125,000, a sixth of the way from 150 to 200."""
    head, first, second = lines(returns([row("mine", 1000), row("mlp", 1000)], ["walker_walk", "cheetah_run"]))
    assert head.split() == [
        "task",
        "arm",
        "seeds",
        "50k",
        "100k",
        "250k",
        "time",
        "of",
        "50k",
        "time",
        "of",
        "100k",
        "time",
        "of",
        "250k",
    ]
    assert first.split() == ["walker_walk", "mine", "1", "119", "150", "200", "103", "119", "158"]
    assert second.split()[:2] == ["walker_walk", "mlp"]
    assert lines(costs([row("mine", 1031)], ["walker_walk"]))[1].split() == [
        *("walker_walk", "mine", "2.00", "1,031", "+3.1%", "4", "0.250", "0.500", "0.500", "–", "3")
    ]


def test_gradient_accuracy_is_shown_with_its_interval_where_there_is_one() -> None:
    for cosine, shown in (([0.9, 0.8, 0.95], "0.900 [0.800, 0.950]"), ([0.9, None, None], "0.900")):
        table = costs([row("mine", 1000, cosine=cosine)], ["walker_walk"])
        assert text(table.rows[0][list(table.columns).index("gradient accuracy")]) == shown


def test_a_run_that_ends_early_shows_its_end() -> None:
    table = returns([row("mine", 1000, {"0": Evaluations([20_000, 40_000], [100, 300])})], ["walker_walk"])
    assert dict(zip(table.columns, lines(table)[1].split(), strict=True))["the end"] == "200"


def test_more_than_two_percent_of_the_mlp_s_parameters_is_no_parity() -> None:
    assert disparity(row("mine", 1019), "mend it") == disparity(row("mine", 981), "mend it") == ""
    assert "within 2% (+3.1% on walker_walk); mend it" in disparity(row("mine", 1031), "mend it")
    assert "−50.0% on walker_walk" in disparity(row("mine", 500), "mend it")


def test_the_report_has_the_curves_the_tables_and_what_is_to_be_doubted(tmp_path: Path) -> None:
    with undrawn("png"):
        page = write_report([row("mine", 1031), row("mlp", 1000)], ["no parity: mine"], tmp_path)
    text = page.read_text()
    assert "mine on 1 task, beside mlp." in text and "no parity: mine" in text and "wmzoo bench mlp" in text
    assert {file.name for file in tmp_path.rglob("*.*")} >= {"learning_curves.png", "returns.csv", "costs.csv"}
