"""The pages that nobody writes: of the registry in docs/zoo/, of the API in docs/api/. An extension of Sphinx."""

import shutil
from pathlib import Path
from typing import Any

import api
import zoo
from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]


def write(app: Sphinx) -> None:
    """In place of those of the last time."""
    for folder, pages in {"zoo": zoo.pages(), "api": api.pages()}.items():
        shutil.rmtree(DOCS / folder, ignore_errors=True)
        for name, text in pages.items():
            file = DOCS / folder / f"{name}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
