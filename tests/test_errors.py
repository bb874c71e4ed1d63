"""What is said to the person who made the mistake."""

from __future__ import annotations

import errno

import pytest

from wmzoo.errors import CheckFailed, DamagedFile, RunFailed, RunInterrupted, WmzooError, about_file, named, one_line
from wmzoo.errors import unknown as said


def test_an_unknown_name_is_told_with_what_was_perhaps_meant_and_what_there_is() -> None:
    assert said("loss", "msee", ["mse", "rectified_flow"]) == (
        "unknown loss 'msee': did you mean mse? there is mse, rectified_flow"
    )
    assert said("loss", "huber", ["mse", "rectified_flow"]) == "unknown loss 'huber': there is mse, rectified_flow"
    assert said("loss", "mse", []) == "unknown loss 'mse': there is none"


def test_several_near_matches_are_all_named_the_nearest_first() -> None:
    """Of `walk` 4 letters in common with each: 2·4/(4+7) and 2·4/(4+5) of all letters."""
    assert said("task", "walk", ["walking", "walks", "hop"]) == (
        "unknown task 'walk': did you mean walks or walking? there is walking, walks, hop"
    )


def test_near_matches_may_be_sought_elsewhere_and_shown_under_their_own_names() -> None:
    there = ["seed", "env"]
    assert said("key", "batch", there, near=["batch_size", "seed"]) == (
        "unknown key 'batch': did you mean batch_size? there is seed, env"
    )
    spelled = {"doortopen": "door-open", "dooropen": "door-open"}
    assert said("task", "dooropn", there, near=spelled, listing="wmzoo list env has all").endswith(
        "'dooropn': did you mean door-open? wmzoo list env has all"
    )


def test_what_an_error_says_is_one_line_of_single_spaces() -> None:
    error = ValueError("\n  expected   3\n\n   got 4\n  for more: docs")
    assert one_line(error) == "expected 3"
    assert one_line(error, 2) == "expected 3 got 4"
    assert one_line(error, None) == "expected 3 got 4 for more: docs"


def test_an_error_without_words_is_its_kind() -> None:
    assert one_line(KeyError()) == named(KeyError()) == "KeyError"
    assert one_line(ValueError(" \n ")) == named(ValueError(" \n ")) == "ValueError"
    assert named(ValueError("odd\nand more")) == "ValueError: odd"
    assert named(ValueError("odd\nand more"), None) == "ValueError: odd and more"


def test_what_the_system_says_of_a_file_comes_with_what_to_do() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "runs/a")
    assert about_file(full) == "runs/a: No space left on device; free some space, or choose another place"
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "a.pt")
    assert about_file(missing) == "a.pt: No such file or directory"
    assert about_file(OSError("odd")) == "odd"


@pytest.mark.parametrize(
    ("error", "code"),
    [(WmzooError, 2), (DamagedFile, 2), (CheckFailed, 1), (RunFailed, 3), (RunInterrupted, 130)],
)
def test_every_error_is_a_wmzoo_error_with_the_exit_code_that_the_guide_promises(
    error: type[WmzooError], code: int
) -> None:
    assert issubclass(error, WmzooError) and error("x").exit_code == code
