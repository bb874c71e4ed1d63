"""Rules that a value of a config may have to keep: `integer(1, 8)`, `positive()`, `optional(TEXT)` … No torch here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

WIDEST = 2**15  # of a layer or a latent
MANY = 2**40  # more steps or rows than anyone can run


class Rule(NamedTuple):
    """`words`: what a value must be; `holds`: whether it is."""

    words: str
    holds: Callable[[Any], bool]


def integer(low: int, high: int) -> Rule:
    words = f"an integer of {low} or more" if high == MANY else f"an integer from {low} to {high}"
    return Rule(words, lambda value: type(value) is int and low <= value <= high)


def number(low: float, high: float = math.inf) -> Rule:
    """A finite one; booleans are none."""
    words = f"a number of {low:g} or more" if high == math.inf else f"a number from {low:g} to {high:g}"
    return Rule(words, lambda value: type(value) in (int, float) and math.isfinite(value) and low <= value <= high)


def positive() -> Rule:
    return Rule("a number above 0", lambda value: number(0).holds(value) and value > 0)


def one_of(*names: str) -> Rule:
    return Rule(f"one of {', '.join(names)}", lambda value: value in names)


def optional(rule: Rule) -> Rule:
    return Rule(f"null or {rule.words}", lambda value: value is None or rule.holds(value))


def several(rule: Rule, low: int = 0, high: int = 1000) -> Rule:
    """A list of values that each keep the rule."""
    count = f"{low}" if low == high else f"{low} to {high}"
    return Rule(
        f"a list of {count} entries, each {rule.words}",
        lambda value: isinstance(value, list) and low <= len(value) <= high and all(map(rule.holds, value)),
    )


BOOLEAN = Rule("true or false", lambda value: isinstance(value, bool))
TEXT = Rule("a text", lambda value: isinstance(value, str) and "\0" not in value)
COUNT = integer(1, MANY)
UNITS = several(integer(1, WIDEST), 0, 64)
MATCHED = Rule(f"match, or {UNITS.words}", lambda value: value == "match" or UNITS.holds(value))
BETAS = several(Rule("a number from 0 to below 1", lambda value: number(0, 1).holds(value) and value < 1), 2, 2)
CORRELATION = Rule(
    "a number from 0 to 0.9999, or two of them",
    lambda value: number(0, 0.9999).holds(value) or several(number(0, 0.9999), 2, 2).holds(value),
)
DECAY = Rule("run, none or an integer of 1 or more", lambda value: value in ("run", "none") or COUNT.holds(value))
