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


def test_what_comes_before_the_first_iteration_is_shown_too_at_once_and_then_every_ten_seconds():
    clock = Clock()
    out, progress = plain_progress(clock, total=2)
    with progress:
        for done in range(0, 30, 2):
            progress.preparing("random steps", 1000 * done, 30_000)
            clock.now += 2
        progress.update(row(1))
        clock.now += 1
        progress.update(row(2))
    shown = [line.split("|")[0].strip() for line in out.getvalue().splitlines()]
    steps = [f"random steps {done:,}/30,000" for done in (0, 10_000, 20_000)]
    assert shown == [*steps, "iteration 1/2", "iteration 2/2"]


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
    assert fields["rewards"] == "20" and fields["evaluation"] == "200 ± 5"
    assert fields["iteration"] == "3/10" and fields["env steps"] == "192" and fields["fps"] == "1234"


def test_nothing_is_invented_before_the_first_row():
    _, progress = plain_progress(Clock(), total=10)
    fields = progress.fields()
    assert fields["rewards"] == fields["evaluation"] == fields["left"] == fields["dynamics loss"] == "–"


def test_a_line_is_one_line_however_narrow_the_output():
    out, progress = plain_progress(Clock(), total=10)
    with progress:
        progress.update(row(1, rewards=1.0, policy_loss=-2.0, value_loss=3.0, dynamics_loss=1e-5))
    assert len(out.getvalue().splitlines()) == 1
    assert "dynamics loss 1e-05" in out.getvalue()


@pytest.mark.parametrize("width", [60, 160])
def test_on_a_terminal_it_draws_a_live_table(width):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, _environ={})
    with Progress(10, title="cartpole", console=console) as progress:
        progress.update(row(4, rewards=321.0))
    assert "4/10" in out.getvalue() and "321" in out.getvalue()
