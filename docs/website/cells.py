"""Short cells of a table stay on one line, so that a wide table tears no figure: an extension of Sphinx."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

SHORT = 30  # characters


class ShortCells(SphinxTransform):
    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for body in self.document.findall(nodes.tbody):
            for cell in body.findall(nodes.entry):
                if len(cell.astext()) <= SHORT:
                    cell["classes"].append("short")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_transform(ShortCells)
    return {"parallel_read_safe": True}
