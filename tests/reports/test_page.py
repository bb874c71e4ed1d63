"""The report in headless Chromium: figures and tables are there, the console is silent, the network is not asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import PROBE, needs_chromium, visit
from synthetic_runs import undrawn, write_run, write_study

from wmzoo.compare.horizons import QUANTITIES
from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Margin, Settings

FIGURES = 7 + len(QUANTITIES)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser")
    made = Report(
        [write_study(root / "runs", seeds=2, tasks=1)], ["dynamics"], "wmzoo compare", Settings(repetitions=200)
    )
    return made.write(root / "report")


@pytest.mark.slow
def test_the_report_shows_everything_and_asks_the_network_for_nothing(report: Path) -> None:
    seen = visit(report)
    assert seen.console == [] and seen.requests == []
    assert seen.dom.count("<figure") == FIGURES
    names = re.findall(r'<table id="table-(\w+)"', seen.dom)
    assert names == [
        "aggregates",
        "differences",
        "power",
        "scores",
        "speed",
        "gradient_accuracy_over_training",
        "diagnostics",
        "parity",
        "configuration",
        "runs",
    ]


@pytest.mark.slow
def test_every_figure_is_drawn_and_nothing_sticks_out_of_a_narrow_window(report: Path) -> None:
    probed = report.with_name("probed.html")
    probed.write_text(allowing_scripts(report.read_text()).replace("</body>", PROBE + "</body>"))
    seen = visit(probed, width=600).probe
    assert len(seen["images"]) == FIGURES
    assert all(complete and pixels > 500 and words > 20 for complete, pixels, words in seen["images"])
    assert all(rows > 0 for _, rows in seen["tables"]) and seen["fits"]


@pytest.mark.slow
def test_no_column_of_the_widest_tables_is_cut_at_1400_pixels(tmp_path: Path) -> None:
    """Arms with long names, an interval in most cells, thresholds that are not reached, folders far down, other ones
    that they were trained as."""
    runs = tmp_path / "runs" / "studies" / "a_study_of_several_words"
    write_study(runs, seeds=3, tasks=2)
    for config in list(runs.glob("*/flow/seed*/config.yaml")):
        run, task = config.parent.parent.with_name("plan_flow") / config.parent.name, config.parts[-4]
        write_run(run, dynamics="flow_of_a_long_name", task=task, seed=int(run.name[4:]), returns=[1, 300, 899, 500])
        text = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(text.replace(str(run), f"runs/studies/a_former_study/{task}/flow/{run.name}"))
    settings = Settings(repetitions=200, margin=Margin(0.1, share=True))
    with undrawn("png", "svg"):
        page = Report([runs], ["dynamics", "integrator"], "wmzoo compare", settings).write(tmp_path / "report")
    page.write_text(allowing_scripts(page.read_text()).replace("</body>", PROBE + "</body>"))
    seen = visit(page, width=1400).probe
    assert len(seen["tables"]) > 8 and seen["cut"] == [] and seen["fits"]


def allowing_scripts(page: str) -> str:
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)


@pytest.mark.slow
def test_a_page_beside_its_pictures_shows_them_and_asks_for_nothing_else(tmp_path: Path) -> None:
    runs = write_study(tmp_path / "runs", seeds=2, tasks=1)
    made = Report([runs], ["dynamics"], "wmzoo compare", Settings(repetitions=200))
    with undrawn("svg"):  # a linked page has none
        page = made.write(tmp_path / "report", linked=True)
    assert "data:image" not in page.read_text() and "image.svg" not in page.read_text()
    page.write_text(
        page.read_text().replace("</body>", PROBE.replace("<script>", "<script nonce='probe'>") + "</body>")
    )
    page.write_text(page.read_text().replace("default-src 'none'", "default-src 'none'; script-src 'nonce-probe'"))
    seen = visit(page)
    drawn = {picture.as_uri() for picture in (page.parent / "figures").iterdir()}
    assert seen.console == [] and set(seen.requests) <= drawn
    images = seen.probe["images"]
    assert len(images) == len(drawn) and all(complete and pixels > 500 for complete, pixels, _ in images)


def test_a_page_that_misbehaves_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text('<body><img src="http://example.invalid/x.png"><script>nope()</script>')
    seen = visit(page)
    assert seen.requests == ["http://example.invalid/x.png"]
    assert any("nope is not defined" in line for line in seen.console)


def test_the_page_s_policy_keeps_it_from_the_network_whatever_is_in_it(report: Path) -> None:
    page = report.with_name("tempted.html")
    page.write_text(report.read_text().replace("</body>", '<img src="http://example.invalid/x.png"></body>'))
    assert visit(page).requests == []
