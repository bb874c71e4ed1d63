"""Tables in Markdown, and how a command writes one into a page of docs/, between two markers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH = 120  # of a line of prose


def replace(text: str, name: str, lines: Sequence[str], page: Path) -> str:
    """The text of `page` with the table called `name` in place of the one it had; SystemExit if it has no markers."""
    begin, end = f"<!-- table: {name} -->\n", "<!-- /table -->"
    before, found, rest = text.partition(begin)
    old, closed, after = rest.partition(end)
    if not found or not closed or "<!-- table" in old:
        raise SystemExit(f"{page}: there is no pair of markers `{begin.strip()}` and `{end}`")
    return before + begin + "\n".join(["", *lines, "", end]) + after


def markdown(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The lines of a table with the rows' columns."""
    head = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return head + ["| " + " | ".join(row.values()) + " |" for row in rows]


def wrapped(text: str) -> str:
    """Markdown with its paragraphs no wider than WIDTH; tables, code and pictures stay as they are."""
    lines = []
    for line in text.split("\n"):
        prose = len(line) > WIDTH and not line.startswith(("|", "    ", "!"))
        lines.append(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) if prose else line)
    return "\n".join(lines)
