"""Checks that say nothing about an entry are skipped with the reason, and neither hold nor fail."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from unittest import SkipTest

import pytest

from wmzoo.cli.check import judged
from wmzoo.contracts import dynamics, loss
from wmzoo.contracts.common import Case, DoesNotApply, cases, expect
from wmzoo.registry import list_entries


def check_is_even(number: int) -> None:
    """Numbers are even.

    Of any size.
    """
    expect(number % 2 == 0, f"{number} is odd")


def check_has_half_that_is_even(number: int) -> None:
    """Half of it is even, where there is a half."""
    if number % 2:
        raise DoesNotApply("it has no half")
    check_is_even(number // 2)


def test_every_check_is_a_case_of_everything_named_by_both_with_its_law() -> None:
    found = list(cases({"two": 2, "three": 3}, [check_is_even, check_has_half_that_is_even]))
    assert [case.id for case in found] == [
        *("two: is even", "two: has half that is even", "three: is even", "three: has half that is even"),
    ]
    assert found[0].law == "Numbers are even."
    verdicts = [judged(case, Path("numbers.py")) for case in found]
    assert verdicts == [("holds", ""), ("fails", "1 is odd"), ("fails", "3 is odd"), ("skipped", "it has no half")]


def test_an_exempt_check_is_still_listed_and_says_why_it_is_not_run() -> None:
    (case,) = cases({"three": 3}, [check_is_even], exempt={check_is_even: "three is meant to be odd"})
    assert (case.id, judged(case, Path("numbers.py"))) == ("three: is even", ("skipped", "three is meant to be odd"))
    with pytest.raises(SkipTest, match="three is meant to be odd"):  # which a test runner counts as a skipped test
        case.run()


def skipped(suite: Iterable[Case], setting: str) -> dict[str, str]:
    """Of an entry's cases with this setting those that are skipped, and why; the others are not run."""
    found = {}
    for case in suite:
        if setting in case.id and getattr(case.run, "func", None).__name__ == "_does_not_apply":
            with pytest.raises(DoesNotApply) as why:
                case.run()
            found[case.id] = str(why.value)
    return found


def test_predictions_without_a_retraction_are_not_asked_to_lie_on_the_simplices() -> None:
    found = skipped((case for name in list_entries("dynamics") for case in dynamics.suite(name)), "retract=none")
    assert {id_.rpartition(": ")[2] for id_ in found} == {"simplex"}
    assert {id_.split()[0] for id_ in found} == {"mlp", "flow"}
    assert set(found.values()) == {"retract=none lets predictions off the simplices"}


def test_a_cut_source_is_not_asked_for_its_gradient() -> None:
    found = skipped(loss.suite("rectified_flow"), "detached=1.0")
    assert {id_.rpartition(": ")[2]: why for id_, why in found.items()} == {
        "gradient": "a part of the gradient is cut on purpose"
    }
