"""Lines of progress on stderr."""

from __future__ import annotations

import io

from rich.console import Console

from wmzoo.reports.bar import Bar


def test_where_there_is_no_terminal_lines_say_what_how_far_and_how_long() -> None:
    now, out = [0.0], io.StringIO()
    with Bar(interval=5, console=Console(file=out, width=20), clock=lambda: now[0]) as bar:
        for done in range(0, 101, 10):
            bar.at("drawing frames", done, 100)
            now[0] += 2
        bar.at("something else", 0, 30)
        now[0] += 6
        bar.at("something else", 10, 30)
    lines = out.getvalue().splitlines()
    assert lines[0] == "drawing frames: 30 of 100, 0:00:14 left" and len(lines) == 4
    assert lines[-1] == "something else: 10 of 30, 0:00:12 left"


def test_on_a_terminal_a_bar_is_drawn_and_taken_away() -> None:
    out = io.StringIO()
    with Bar(console=Console(file=out, force_terminal=True, width=80, _environ={})) as bar:
        bar.at("timing flow: actor update", 3, 42)
        bar._bar.refresh()
    assert "timing flow: actor update" in out.getvalue() and "3/42" in out.getvalue()
    assert out.getvalue().endswith("\x1b[1A\x1b[2K")
