"""The first signal is a request, the second one an interruption; afterwards signals are what they were."""

from __future__ import annotations

import signal
import threading

import pytest

from wmzoo.runs.interrupt import stop_on_interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_one_interrupts(number: signal.Signals) -> None:
    before, said = signal.getsignal(number), list[str]()
    with stop_on_interrupt(said.append) as stop_requested:
        assert not stop_requested()
        signal.raise_signal(number)
        assert stop_requested() and len(said) == 1 and "saving after this iteration" in said[0]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_terminal_that_is_gone_does_not_keep_the_run_from_saving() -> None:
    def say(text: str) -> None:
        raise BrokenPipeError

    with stop_on_interrupt(say) as stop_requested:
        signal.raise_signal(signal.SIGINT)
        assert stop_requested()


def test_outside_of_the_main_thread_signals_are_left_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def run() -> None:
        with stop_on_interrupt(print) as stop_requested:
            seen.append((stop_requested(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
