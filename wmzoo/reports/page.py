"""One HTML page: its style and tables are inside it, and its pictures too, unless it is to lie beside their files."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from itertools import groupby

from wmzoo.reports.canvas import Picture
from wmzoo.reports.table import Cell, Table, text

# The policy forbids the page to ask the network for anything; the empty icon keeps a browser from asking for one.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src {pictures}; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --back: #ffffff; --band: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9da7b3; --line: #3d444d; --back: #14181d; --band: #1c2128; }
}
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1360px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 1.7em; line-height: 1.2; margin: 0.4em 0; }
h2 { font-size: 1.25em; margin: 2.2em 0 0.6em; border-bottom: 1px solid var(--line); padding-bottom: 0.2em; }
p, li { max-width: 48em; }
.soft { color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 0.2em 1.1em; font-size: 0.92em; }
a { color: inherit; }
figure { margin: 1.4em 0; }
figure img { max-width: 100%; height: auto; background: #ffffff; border-radius: 6px; display: block; }
figcaption, caption { color: var(--soft); font-size: 14.4px; text-align: left; padding: 0.5em 0; }
.wide { overflow-x: auto; margin: 1.2em 0; }
table { border-collapse: collapse; font-size: 0.86em; font-variant-numeric: tabular-nums; }
th, td { padding: 0.28em 0.7em; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody th { max-width: 24em; }
th.word, td.word { text-align: left; }
h3 { font-size: 1em; margin: 1.4em 0 0.4em; }
#table-configuration td { overflow-wrap: anywhere; }
thead th { background: var(--band); vertical-align: bottom; }
pre { background: var(--band); border: 1px solid var(--line); border-radius: 6px; padding: 0.8em; font-size: 0.84em;
  white-space: pre-wrap; overflow-wrap: anywhere; }
details summary { cursor: pointer; margin: 0.6em 0; }
"""


def page(title: str, sections: Sequence[tuple[str, str, str]], linked: bool = False) -> str:
    """The whole page.

    Args:
        sections: (anchor, heading, HTML); the first one's heading is the page's.
        linked: its pictures are files beside it, see `figure`.
    """
    first, *others = sections
    links = " ".join(f'<a href="#{anchor}">{escape(heading)}</a>' for anchor, heading, _ in others)
    body = [f"<h1>{escape(first[1])}</h1>", first[2], f"<nav>{links}</nav>"]
    for anchor, heading, content in others:
        body.append(f'<section id="{anchor}">\n<h2>{escape(heading)}</h2>\n{content}\n</section>')
    pictures = "data: 'self'" if linked else "data:"
    return PAGE.format(title=escape(title), style=STYLE, body="\n".join(body), pictures=pictures)


def paragraph(words: str, soft: bool = False) -> str:
    return f"<p{' class=soft' * soft}>{escape(words)}</p>"


def bullets(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def preformatted(lines: Sequence[str], summary: str | None = None) -> str:
    """Commands; folded away under `summary` if there is one."""
    block = f"<pre>{escape(chr(10).join(lines))}</pre>"
    return f"<details><summary>{escape(summary)}</summary>{block}</details>" if summary else block


def figure(picture: Picture, linked: bool = False) -> str:
    """The SVG as an image, so that no two figures' ids meet; or, linked, the file figures/<name>.png beside the page.

    96 pixels an inch.
    """
    inside = f"data:image/svg+xml;base64,{base64.b64encode(picture.svg).decode()}"
    source, caption = f"figures/{picture.name}.png" if linked else inside, escape(picture.caption)
    return (
        f'<figure><img src="{source}" width="{round(picture.width * 96)}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def table(content: Table) -> str:
    """Rows with the same first cell are one group, which names it once. Without rows it is its head alone."""
    words = [all(_is_word(row[place]) for row in content.rows) for place in range(len(content.columns))]
    head = "".join(
        f'<th scope="col"{_class(word)}>{escape(name)}</th>' for name, word in zip(content.columns, words, strict=True)
    )
    body = []
    for _, group in groupby(content.rows, key=lambda row: row[0]):
        rows = list(group)
        for number, row in enumerate(rows):
            first = f'<th scope="row" class="word" rowspan="{len(rows)}">{_text(row[0])}</th>' if number == 0 else ""
            cells = "".join(_cell(cell, word) for cell, word in zip(row[1:], words[1:], strict=True))
            body.append(f"<tr>{first}{cells}</tr>")
    return (
        f'<div class="wide"><table id="table-{content.name}"><caption>{escape(content.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(cell: Cell, word: bool) -> str:
    return f"<td{_class(word)}>{_text(cell)}</td>"


def _text(cell: Cell) -> str:
    """Where the table is wider than the window, lines may end behind a path's slashes, not inside an interval."""
    whole = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text(cell))
    return escape(whole).replace("/", "/<wbr>")


def _is_word(cell: Cell) -> bool:
    """Words stand on the left, numbers on the right, also those with a unit or something in brackets."""
    return isinstance(cell, str) and not cell[:1].isdigit()


def _class(word: bool) -> str:
    return ' class="word"' if word else ""
