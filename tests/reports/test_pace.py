"""Time left, and when to say so."""

from __future__ import annotations

import pytest

from wmzoo.reports.pace import Lines, Pace, duration


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_follows_from_the_pace_since_the_first_count_and_goes_down_between_counts() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    assert pace.left() is None
    pace.at(40)
    assert pace.left() is None
    clock.now += 5
    pace.at(50)
    assert pace.left() == pytest.approx(25)
    clock.now += 2
    assert pace.left() == pytest.approx(23)
    clock.now += 90  # the next step takes longer than the others did
    assert pace.left() == 0
    pace.at(100)
    assert pace.left() == 0


def test_a_new_beginning_forgets_the_pace_and_nothing_is_left_of_what_was_done_at_once() -> None:
    clock = Clock()
    pace = Pace(10, clock)
    pace.at(0)
    clock.now += 1000
    pace.begin(0)
    clock.now += 2
    pace.at(1)
    assert pace.left() == pytest.approx(18)
    done = Pace(10, clock)
    done.at(10)
    assert done.left() == 0


def test_lines_become_rarer_and_can_be_hurried() -> None:
    clock = Clock()
    lines, times = Lines(10, clock), []
    for second in range(1000):
        clock.now = 100 + second
        if second == 500:
            lines.hurry()
        if lines.due():
            lines.shown()
            times.append(second)
    assert times[:4] == [0, 10, 20, 30] and 500 in times
    late = [after - before for before, after in zip(times[-8:], times[-7:], strict=False)]
    assert all(30 < gap < 52 for gap in late)


def test_a_duration_is_written_as_clocks_do() -> None:
    assert [duration(seconds) for seconds in (None, 0.4, 59.6, 3723)] == ["–", "0:00:00", "0:01:00", "1:02:03"]
