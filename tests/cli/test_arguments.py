"""What several commands ask of their arguments."""

from __future__ import annotations

from argparse import Namespace

import pytest

from wmzoo.cli._arguments import at_least
from wmzoo.errors import WmzooError


def test_an_argument_below_its_least_value_is_one_line_that_says_both() -> None:
    given = Namespace(episodes=0, seed=-1, workers=1)
    with pytest.raises(WmzooError) as error:
        at_least(given, workers=1, episodes=1)
    assert str(error.value) == "--episodes is 0; it must be 1 or more" and error.value.exit_code == 2
    with pytest.raises(WmzooError, match="--seed is -1; it must be 0 or more"):
        at_least(given, seed=0)


def test_the_least_value_itself_and_an_argument_that_is_left_out_are_fine() -> None:
    at_least(Namespace(episodes=1, seed=None), episodes=1, seed=0)
