"""Docstrings as they are written here, for autodoc: an extension of Sphinx."""

from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import GoogleDocstring


def arguments(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """`Args:` becomes a list. Not by Sphinx's extension, which takes a property's words before a colon for a type."""
    lines[:] = GoogleDocstring(lines, what="function").lines()


def signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Of a network without a constructor PyTorch says that it takes anything."""
    return ("", None) if what == "class" and "**kwargs: Any" in (arguments or "") else None


def skipped(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Of a named tuple's fields Python says which number each has, and its own docstring what they are."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def code_letters(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    """What stands in code letters is a link where it names something documented, and no mistake where it does not."""
    return text if node["reftype"] == "obj" else None


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", arguments)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skipped)
    app.connect("missing-reference", code_letters)
    return {"parallel_read_safe": True}
