"""Pieces of Markdown, with the directives that only the site's generator reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Empty without rows."""
    body = [_row(row) for row in rows]
    return "\n".join([_row(head), _row(["---"] * len(head)), *body]) if body else ""


def _row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def toctree(documents: Iterable[str], caption: str = "") -> str:
    """What lies beneath this page in the site's navigation, by paths from the repository's root."""
    options = [":hidden:", f":caption: {caption}"] if caption else [":hidden:"]
    return "\n".join(["```{toctree}", *options, "", *(f"/{document}" for document in documents), "```"])


def documented(directive: str, name: str) -> str:
    """What the docstring of a Python object says."""
    return f"```{{eval-rst}}\n.. {directive}:: {name}\n```"


def page(*parts: str) -> str:
    """What there is of the parts, a paragraph apart."""
    return "\n\n".join(part for part in parts if part) + "\n"
