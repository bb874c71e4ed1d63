"""benchmarks/results: its index opens everything that lies there, and a picture lies there once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wmzoo.storage.files import file_sha256

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
LINKS = re.findall(r"\]\(((?!http)[^)#]+)", (RESULTS / "README.md").read_text(encoding="utf-8"))
PICTURES = sorted(path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("*.png"))
REPORTS = sorted(path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("report.html"))


def test_the_index_shows_or_links_every_picture_and_every_report() -> None:
    assert len(PICTURES) > 20 and len(REPORTS) > 3
    assert [name for name in [*PICTURES, *REPORTS] if name not in LINKS] == []


def test_the_index_links_nothing_that_is_not_there() -> None:
    assert [link for link in LINKS if not (RESULTS / link).exists()] == []


def test_no_picture_lies_there_twice() -> None:
    assert not list(RESULTS.rglob("*.svg"))
    assert len({file_sha256(RESULTS / name) for name in PICTURES}) == len(PICTURES)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_shows_the_files_beside_it(name: str) -> None:
    page = (RESULTS / name).read_text(encoding="utf-8")
    shown = set(re.findall(r'<img src="([^"]+)"', page))
    figures = (RESULTS / name).parent / "figures"
    assert shown == {f"figures/{file.name}" for file in figures.iterdir()}
    assert "base64" not in page and "img-src data: 'self'" in page
