"""README is the front page, and all documents lie beneath it: an extension of Sphinx."""

import shutil
from typing import Any

from pieces import toctree
from sphinx.application import Sphinx

from wmzoo.registry import KINDS

NAVIGATION = {
    "Guides": [
        "docs/tutorial",
        "docs/environments",
        "docs/tasks",
        "docs/multitask",
        "docs/sharing",
        "docs/extending",
        "docs/recipe",
    ],
    "Method and results": [
        "docs/method",
        "docs/findings",
        "docs/protocol",
        "docs/scoreboard",
        "benchmarks/results/README",
        "benchmarks/results/environments/README",
        "docs/performance",
    ],
    "The zoo": ["docs/entries", *(f"docs/zoo/{kind}/index" for kind in KINDS)],
    "Reference": ["docs/api/index", "docs/architecture", "docs/decisions", "CONTRIBUTING", "CHANGELOG"],
}


def navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    """In the site alone: GitHub would show it."""
    if docname == app.config.root_doc:
        source[0] += "".join(f"\n\n{toctree(documents, caption)}\n" for caption, documents in NAVIGATION.items())


def index(app: Sphinx, failure: Exception | None) -> None:
    """The same page under the name that is opened first."""
    if failure is None:
        shutil.copyfile(app.outdir / f"{app.config.root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", navigation)
    app.connect("build-finished", index)
    return {"parallel_read_safe": True}
