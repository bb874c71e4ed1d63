"""The cases of a contract suite as parameters of a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest


def by_id(
    cases: Iterable[str], slow: Sequence[str] = (), usual: Sequence[str] | None = None, exhaustive: Sequence[str] = ()
) -> list[object]:
    """Ids such as "flow trunk=shared: gradient". Slow are those of an entry with further settings, whose code differs
    little from the entry's as its card has it, those whose check, in words, is one of `slow`, and those of entries that
    are none of the `usual` ones: most of a contract that breaks breaks on these, too. Of the checks `exhaustive` CI
    makes those of an entry as its card has it."""

    def marks(case: str) -> Sequence[pytest.MarkDecorator]:
        entry, _, check = case.partition(": ")
        further = " " in entry
        found = [pytest.mark.slow] if check in slow or entry not in (usual or [entry]) or further else []
        return [*found, pytest.mark.exhaustive] if further and check in exhaustive else found

    return [pytest.param(case, id=case, marks=marks(case)) for case in cases]
