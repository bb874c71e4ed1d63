import io

import pytest
from rich.console import Console

from wmzoo.runs import Progress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def plain_progress(clock, **kwargs):
    out = io.StringIO()
    return out, Progress(console=Console(file=out, force_terminal=False, width=80), clock=clock, **kwargs)


def drawn(progress, width=80):
    """What a terminal shows at this moment."""
    console = Console(file=io.StringIO(), width=width, _environ={})
    console.print(progress._drawn())
    return console.file.getvalue()


def row(iteration, **values):
    return {"iteration": iteration, "env_steps": 64 * iteration, "fps": 1234.4} | values


def test_without_a_terminal_it_prints_a_line_every_ten_seconds_and_the_last():
    clock = Clock()
    out, progress = plain_progress(clock, total=100)
    with progress:
        for iteration in range(1, 35):
            clock.now += 1
            progress.update(row(iteration))
    shown = [line.split("|")[0].strip() for line in out.getvalue().splitlines()]
    assert shown == [f"iteration {n}/100" for n in (1, 11, 21, 31, 34)]


def test_later_lines_are_rarer_so_that_a_day_has_some_hundred():
    clock = Clock()
    out, progress = plain_progress(clock, total=86_400)
    with progress:
        for iteration in range(1, 86_401):
            clock.now += 1
            progress.update(row(iteration))
    assert 100 < len(out.getvalue().splitlines()) < 200


def test_what_comes_before_the_first_iteration_is_shown_too_at_once_and_then_every_ten_seconds_with_its_time_left():
    clock = Clock()
    out, progress = plain_progress(clock, total=2)
    with progress:
        for done in range(0, 30, 2):
            progress.preparing("random steps", 1000 * done, 30_000)
            clock.now += 2
        progress.preparing("first model updates", 0, 300)
        clock.now += 5
        progress.preparing("first model updates", 100, 300)
        assert "left 0:00:10" in drawn(progress)
        progress.update(row(1))
        clock.now += 1
        progress.update(row(2))
    shown = [line.split(" | ") for line in out.getvalue().splitlines()]
    steps = [f"random steps {done:,}/30,000" for done in (0, 10_000, 20_000)]
    assert [line[0] for line in shown] == [*steps, "first model updates 0/300", "iteration 1/2", "iteration 2/2"]
    assert [line[-1] for line in shown[:3]] == ["left –", "left 0:00:20", "left 0:00:10"]


def test_the_time_left_is_known_after_the_first_iteration_where_it_was_seen_to_begin():
    clock = Clock()
    _, progress = plain_progress(clock, total=101)
    with progress:
        progress.preparing("random steps", 0, 64)
        clock.now += 500
        progress.preparing("random steps", 63, 64)
        clock.now += 3
        progress.update(row(1))
        assert progress.fields()["left"] == "0:05:00"
        clock.now += 2
        assert progress.fields()["left"] == "0:04:58"


def test_a_resumed_run_begins_with_what_was():
    clock = Clock()
    out, progress = plain_progress(clock, total=100, start=40)
    with progress:
        progress.recall([row(n, eval_return=float(n) if n % 5 == 0 else None, rewards=n) for n in range(1, 41)])
        assert progress.fields()["evaluations"] == "20.0, 25.0, 30.0, 35.0, 40.0"
        assert progress.fields()["rewards"] == "40"
        clock.now += 2
        progress.update(row(41, eval_return=41.0, eval_return_std=2.0))
        assert progress.fields()["left"] == "0:01:58"
    lines = out.getvalue().splitlines()
    assert len(lines) == 2 and "iteration 40/100" in lines[0]
    assert "evaluations 25.0, 30.0, 35.0, 40.0, 41.0 ± 2.00" in lines[1]


def test_the_time_left_follows_from_the_pace_of_this_process_alone():
    clock = Clock()
    _, progress = plain_progress(clock, total=1000, start=900)
    with progress:
        clock.now += 50
        progress.update(row(910))
        clock.now += 50
        progress.update(row(920))
        assert progress.fields()["elapsed"] == "0:01:40"
        assert progress.fields()["left"] == "0:06:40"


def test_a_slow_start_does_not_count_into_the_time_left():
    clock = Clock()
    _, progress = plain_progress(clock, total=110)
    with progress:
        clock.now += 500
        progress.update(row(1))
        assert progress.fields()["left"] == "–"
        clock.now += 18
        progress.update(row(10))
        assert progress.fields()["left"] == "0:03:20"


def test_nothing_is_left_after_the_last_iteration_even_if_it_was_the_first():
    _, progress = plain_progress(Clock(), total=1)
    with progress:
        progress.update(row(1))
        assert progress.fields()["left"] == "0:00:00"


def test_the_last_known_returns_stay_shown_between_episodes_and_evaluations():
    _, progress = plain_progress(Clock(), total=10)
    with progress:
        progress.update(row(1, rewards=10.0, eval_return=200.0, eval_return_std=5.0))
        progress.update(row(2, rewards=None, eval_return=None, policy_loss=0.25))
        progress.update(row(3, rewards=20.0))
    fields = progress.fields()
    assert fields["rewards"] == "20" and fields["evaluations"] == "200 ± 5.00"
    assert fields["iteration"] == "3/10" and fields["agent steps"] == "192" and fields["fps"] == "1234"


def test_nothing_is_invented_before_the_first_row():
    _, progress = plain_progress(Clock(), total=10)
    fields = progress.fields()
    assert fields["rewards"] == fields["evaluations"] == fields["left"] == fields["dynamics loss"] == "–"


def test_a_line_is_one_line_however_narrow_the_output():
    out, progress = plain_progress(Clock(), total=10)
    with progress:
        progress.update(row(1, rewards=1.0, policy_loss=-2.0, value_loss=3.0, dynamics_loss=1e-5))
    assert len(out.getvalue().splitlines()) == 1
    assert "dynamics loss 1e-05" in out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("before", [False, True])
def test_on_a_terminal_it_draws_a_live_table_with_the_last_five_evaluations(width, before):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, _environ={})
    with Progress(1000, start=500, console=console) as progress:
        progress.recall([row(n, eval_return=-1000.0 - n, eval_return_std=n / 7) for n in range(1, 501)])
        progress.update(row(501, rewards=321.0))
        if before:
            progress.preparing("first model updates", 1000, 10_000)
        shown = drawn(progress, width)
    assert ("first model updates 1,000/10,000" if before else "iteration 501/1,000") in shown
    assert "321" in shown and "…" not in shown and max(map(len, shown.splitlines())) <= width
    returns = ["−1,496 ± 70.9", "−1,497 ± 71.0", "−1,498 ± 71.1", "−1,499 ± 71.3", "−1,500 ± 71.4"]
    assert all(text in shown for text in returns) and "−1,495" not in shown
    assert "−1,500 ± 71.4" in out.getvalue()
