"""A report's folder: a former report is replaced, and nothing else is mixed with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.errors import WmzooError
from wmzoo.reports.canvas import Picture
from wmzoo.reports.folder import check_folder, write_files
from wmzoo.reports.table import Table


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_report_takes_the_place_of_a_former_one_and_leaves_the_reader_s_notes(tmp_path: Path) -> None:
    curve, bar = (Picture(name, "", b"png", b"<svg/>", 5.0) for name in ("curve", "bar"))
    write_files(tmp_path, "<p>first</p>", [curve, bar], [Table("runs", "", ["run"], [["a"]])])
    (tmp_path / "tables" / "notes.txt").write_text("mine")
    check_folder(tmp_path)
    page = write_files(tmp_path, "<p>second</p>", [curve], [Table("scores", "", ["score"], [[1.5]])])
    assert page.read_text() == "<p>second</p>"
    left = {"report.html", ".written", "figures/curve.png", "tables/scores.csv", "tables/notes.txt"}
    assert files(tmp_path) == left
    assert (tmp_path / "tables" / "scores.csv").read_text().split() == ["score", "1.5"]


def test_a_folder_that_is_no_former_report_is_refused_and_an_empty_or_new_one_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for free in ("empty", "new"):
        check_folder(tmp_path / free)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(WmzooError, match="is not empty and no former report"):
        check_folder(tmp_path)
    with pytest.raises(WmzooError, match=r"thesis\.tex: is a file"):
        check_folder(tmp_path / "thesis.tex")
