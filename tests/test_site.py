"""The documentation's site, `make docs`: it builds without a warning, its links lead somewhere, and it fits a phone.

One test tells it in order: the site takes a minute to build, and pytest-xdist's workers share no fixture.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import CHROMIUM, PROBE, visit
from lxml import html

from wmzoo.registry import KINDS, get, list_entries

ROOT = Path(__file__).parent.parent
PUBLIC = ("wmzoo", "wmzoo.dynamics", "wmzoo.integrators", "wmzoo.nets")
OPENED = ("index", "docs/method", "docs/recipe", "docs/zoo/dynamics/flow", "docs/api/wmzoo.contracts")
PHONE, DESKTOP = 390, 1440


@dataclass(frozen=True)
class Page:
    file: Path

    @cached_property
    def tree(self) -> html.HtmlElement:
        return html.parse(self.file, html.HTMLParser(encoding="utf-8")).getroot()

    @cached_property
    def anchors(self) -> set[str]:
        return {*self.tree.xpath("//@id"), *self.tree.xpath("//a/@name")}

    @property
    def loaded(self) -> set[str]:
        """What a browser fetches to show it."""
        return {*self.tree.xpath("//img/@src | //script/@src | //link[not(@rel='canonical')]/@href")}

    @property
    def links(self) -> set[str]:
        return {*self.tree.xpath("//a/@href")}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a minute of processor time, which a busy machine may take a while to give
@pytest.mark.skipif(
    not importlib.util.find_spec("sphinx"), reason="Sphinx is not installed (pip install 'wmzoo[docs]')"
)
def test_the_site_holds_everything_and_every_link_of_it_leads_somewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    builds_without_a_warning(site)
    pages = {file: Page(file) for file in sorted(site.rglob("*.html")) if "_static" not in file.parts}
    every_link_leads_somewhere(site, pages)
    nothing_comes_from_the_network(pages)
    every_document_and_every_entry_has_a_page(site)
    every_public_name_is_documented(site, pages)
    no_formula_is_taken_for_emphasis(pages)
    nothing_tells_of_this_machine(site)
    if CHROMIUM:
        in_a_browser_it_is_quiet_and_fits_the_window(site)


def builds_without_a_warning(site: Path) -> None:
    """With the command of `make docs`."""
    found = re.search(r"^\t\$\(BIN\)/python (-m sphinx .*) build/docs$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found, "the Makefile has no sphinx"
    command = [sys.executable, *shlex.split(found[1]), str(site)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    """Those within the site to a file and an anchor that are there; of others the form is looked at."""
    broken = [
        f"{file.relative_to(site)}: {link}"
        for file in pages
        for link in sorted(pages[file].links | pages[file].loaded)
        if not leads(file, link, site, pages)
    ]
    assert not broken, "\n".join(broken)


def leads(file: Path, link: str, site: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme == "data":
        return True
    if parts.scheme or parts.netloc:
        return (
            parts.scheme == "https" and re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc) is not None and " " not in link
        )
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file() or site.resolve() not in target.parents:
        return False
    return not parts.fragment or unquote(parts.fragment) in pages[target].anchors


def nothing_comes_from_the_network(pages: dict[Path, Page]) -> None:
    assert [link for page in pages.values() for link in page.loaded if urlsplit(link).scheme not in ("", "data")] == []


def every_document_and_every_entry_has_a_page(site: Path) -> None:
    documents = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "benchmarks" / "results" / "README.md"]
    assert [file for file in documents if not (site / file.relative_to(ROOT)).with_suffix(".html").is_file()] == []
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()
    for kind in KINDS:
        for name in list_entries(kind):
            text = html.parse(site / "docs" / "zoo" / kind / f"{name}.html").getroot().text_content()
            entry = get(kind, name)
            assert all((key if entry.regularises else f"{kind}.{key}") in text for key in entry.params)
            assert kind == "checkpoint" or entry.summary in text


def every_public_name_is_documented(site: Path, pages: dict[Path, Page]) -> None:
    for room in PUBLIC:
        anchors = pages[site / "docs" / "api" / f"{room}.html"].anchors
        assert {f"{room}.{name}" for name in importlib.import_module(room).__all__} <= anchors


def no_formula_is_taken_for_emphasis(pages: dict[Path, Page]) -> None:
    """As Markdown does with `z*_{t+1} = E(obs_{t+1})` outside of code letters."""
    torn = [
        em
        for page in pages.values()
        for em in page.tree.xpath("//article//em[not(@class)]")
        if re.search("[{}=_]", em.text_content())
    ]
    assert [em.text_content() for em in torn] == []


def nothing_tells_of_this_machine(site: Path) -> None:
    places = [str(path).encode() for path in (ROOT, site.parent, Path(pytest.__file__).parents[1])]
    files = [file for file in site.rglob("*") if file.suffix in (".html", ".js", ".inv", ".txt", ".css", "")]
    assert [file for file in files if file.is_file() and any(place in file.read_bytes() for place in places)] == []


def in_a_browser_it_is_quiet_and_fits_the_window(site: Path) -> None:
    for name in OPENED:
        widths = (PHONE, DESKTOP) if name == "docs/recipe" else (PHONE,)  # it has wide tables beside the columns
        file = site / f"{name}.html"
        file.write_text(file.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"), encoding="utf-8")
        for width in widths:
            seen = visit(file, width)
            said = [line for line in seen.console if "[PST]" not in line]  # the theme names its mode
            assert said == [] and all(request.startswith("file:") for request in seen.requests)
            assert seen.probe["fits"], f"{name} is wider than {width} pixels"
