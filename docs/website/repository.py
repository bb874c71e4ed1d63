"""Links to files and folders of the repository, which GitHub shows, lead to pages of the site: an extension of Sphinx.

The site mirrors the repository. Results are copied to their place, so that a report finds its pictures; of any other
file there is a listing, and of a folder a list of what is in it.
"""

import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from pygments.lexers import find_lexer_class_for_filename
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


class RepositoryLinks(SphinxTransform):
    """MyST makes downloads of links to files, and unknown references of links to folders."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        links = [*self.document.findall(download_reference), *self.document.findall(pending_xref)]
        for link in links:
            path = Path(self.env.relfn2path(link["reftarget"], self.env.docname)[1])
            if link["reftype"] == "myst" and link["refdomain"] is None and path.exists():
                self.env.repository_paths = {*linked(self.env), path}
                here = self.app.builder.get_target_uri(self.env.docname)
                link.replace_self(nodes.reference("", "", *link.children, refuri=relative_uri(here, address(path))))


def linked(env: Any) -> set[Path]:
    """Files and folders that documents link to."""
    return getattr(env, "repository_paths", set())


def address(path: Path) -> str:
    """Where the site has a file or folder of the repository."""
    place = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        return quote(f"{place}/index.html")
    return quote(place if RESULTS in path.parents else f"{place}.html")


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, context and template of a page for every folder and every file that is not a result."""
    paths = linked(app.env)
    paths |= {file for folder in paths if folder.is_dir() for file in files(folder)}
    for path in sorted(paths):
        if path.is_dir() or RESULTS not in path.parents:
            title, name = path.relative_to(ROOT).as_posix(), address(path).removesuffix(".html")
            body = list_of(path) if path.is_dir() else listing(path)
            yield name, {"title": title, "body": f"<h1>{escape(title)}</h1>\n{body}"}, "page.html"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def list_of(folder: Path) -> str:
    here = address(folder)
    items = [(relative_uri(here, address(file)), file.relative_to(folder).as_posix()) for file in files(folder)]
    links = (f'<li><a class="reference" href="{uri}">{escape(name)}</a></li>' for uri, name in items)
    return f"<ul>{''.join(links)}</ul>"


def listing(file: Path) -> str:
    """The text, with the colours of its language."""
    lexer = find_lexer_class_for_filename(file.name)
    language = lexer.aliases[0] if lexer else "text"
    return PygmentsBridge("html").highlight_block(file.read_text(encoding="utf-8"), language, linenos=False)


def copy_results(app: Sphinx, failure: Exception | None) -> None:
    if failure is None:
        place = app.outdir / RESULTS.relative_to(ROOT)
        shutil.copytree(RESULTS, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.md"))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_transform(RepositoryLinks)
    app.connect("html-collect-pages", pages)
    app.connect("build-finished", copy_results)
    return {"parallel_read_safe": True}
