"""Names that somebody has chosen stay text: in a spreadsheet, and in a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from matplotlib.text import Text

from wmzoo.diagnostics.files import write_diagnostics
from wmzoo.reports.canvas import finish, panels, plain_numbers, styled
from wmzoo.reports.table import Table, to_csv
from wmzoo.runs.learning_curve import plot_learning_curve
from wmzoo.runs.metrics import MetricsWriter
from wmzoo.storage.rows import write_csv

RUN = ['=HYPERLINK("http://x","y")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1+1", "＝1+1"]


@pytest.mark.parametrize("text", RUN)
def test_a_cell_that_a_spreadsheet_would_run_is_written_as_text(tmp_path: Path, text: str) -> None:
    table = to_csv(Table("t", "", ["arm", text], [[text, 1.0]]))
    assert list(csv.reader(io.StringIO(table))) == [["arm", f"'{text}"], [f"'{text}", "1.0"]]
    write_csv([{"name": text, text: -1}], tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="") as file:
        assert list(csv.reader(file)) == [["name", f"'{text}"], [f"'{text}", "-1"]]


def test_numbers_also_those_in_texts_are_left_alone() -> None:
    cells = [-1.5, "-2", "4 (+300.0%)", "-365 ± 209", "-340, -2.5E-3, 7"]
    table = to_csv(Table("t", "", ["a", "b", "c", "d", "e", "f", "g"], [[*cells, "-340 (one seed)", "-.5"]]))
    assert table.splitlines()[1] == '-1.5,-2,4 (+300.0%),-365 ± 209,"-340, -2.5E-3, 7",-340 (one seed),-.5'


@pytest.mark.parametrize("name", ["$x$", r"$\frac{", "a$b", "$$", r"\$5$"])
def test_a_dollar_in_a_name_is_drawn_and_not_taken_for_a_formula(name: str) -> None:
    @styled
    def picture() -> bytes:
        figure, (axes,) = panels(1, 1, 2.0)
        axes.plot([1, 2], [1, 2], label=name)
        axes.set(title=name, xlabel=name, yticks=[1, 2], yticklabels=[name, name])
        return finish(figure, "p", "", [name]).png

    assert picture().startswith(b"\x89PNG")


def test_nor_is_it_in_the_pictures_of_a_run_and_of_its_diagnostics(tmp_path: Path) -> None:
    name = r"$\frac{"
    writer = MetricsWriter(tmp_path / "metrics.jsonl")
    writer.write({"iteration": 1, "env_steps": 1, "eval_return": 2.0})
    plot_learning_curve(tmp_path, tmp_path / "curve.png", title=name)
    loop = {"step": [1, 2], "latent_error": [0.1, 0.2], "reward_r2": [1, 0.9], "return_error": [0.1, 0.2]}
    figures = {"horizons": [1, 2], "jacobian": {"mean": [1, 5.0], "p95": [2, 6.0]}, "open_loop": loop}
    write_diagnostics(tmp_path / "diagnostics", figures, name)


def test_numbers_of_a_logarithmic_axis_are_no_formulas() -> None:
    @styled
    def labels() -> list[str]:
        figure, (axes,) = panels(1, 1, 2.0)
        axes.plot([1, 2], [0.2, 0.7])
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
        finish(figure, "p", "")
        return [text.get_text() for text in figure.findobj(Text)]

    assert not [text for text in labels() if "$" in text] and any(text for text in labels())


def test_a_report_does_not_remove_what_a_link_leads_to(tmp_path: Path) -> None:
    from wmzoo.reports.folder import write_files

    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "holiday.png").write_text("x")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "figures").symlink_to(tmp_path / "pictures")
    (tmp_path / "report" / ".written").write_text("figures/holiday.png\nfigures/../../pictures/holiday.png\n")
    with pytest.raises(OSError):
        write_files(tmp_path / "report", "", [], [])
    assert (tmp_path / "pictures" / "holiday.png").exists()
