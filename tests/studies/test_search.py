"""What a search tries, as it is written, and what is told before its first run."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from wmzoo.cli import study
from wmzoo.errors import WmzooError
from wmzoo.studies.search import RULES, Choices, Range, Scale, read_search

SPEC = """
title: A rate and a dynamics
overrides: [size=tiny, trainer.iterations=10, eval.every=4]
search:
  dynamics: [mlp, flow]
  recipe.actor_lr: {from: 1e-4, to: 1e-2, log: true}
  recipe.model_updates: {from: 8, to: 48, step: 8}
  recipe.actor_units: [[64, 64], [128]]
  recipe.stagger: [true, false]
tasks: [pendulum_swingup]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "rates.yaml").write_text(SPEC)
    return tmp_path / "rates.yaml"


def test_a_list_is_of_values_as_they_are_typed_and_a_mapping_is_a_range(spec: Path) -> None:
    search = read_search(str(spec))
    assert search.space == {
        "dynamics": Choices(("mlp", "flow")),
        "recipe.actor_lr": Range(1e-4, 1e-2, log=True),
        "recipe.model_updates": Range(8, 48, step=8),
        "recipe.actor_units": Choices(("[64,64]", "[128]")),
        "recipe.stagger": Choices(("true", "false")),
    }
    assert search.seeds == [100] and search.evaluations == 3  # of iterations 4, 8 and the last one
    assert search.name == "rates" and search.scales == {"pendulum_swingup": Scale("eval_return")}


def test_the_form_that_the_help_shows_is_read_and_shows_what_is_done_without_a_key(tmp_path: Path) -> None:
    shown = (study.__doc__ or "").partition("    search:\n")
    (tmp_path / "shown.yaml").write_text(dedent("".join(shown[1:])))
    search = read_search(str(tmp_path / "shown.yaml"))
    assert search.space["recipe.actor_lr"] == Range(1e-4, 1e-2, log=True) and list(search.tasks) == ["cartpole_swingup"]
    assert {key: getattr(search, key) for key in RULES} == {key: default for key, (default, _) in RULES.items()}


class Trial:
    """Optuna's, as far as it is asked: gives the lowest, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def suggest_int(self, key: str, low: int, high: int, **more: object) -> int:
        self.asked.append((key, low, high, more))
        return low

    suggest_float = suggest_int  # type: ignore[assignment]


def test_a_range_between_whole_numbers_gives_whole_ones() -> None:
    trial = Trial()
    assert Range(8, 48, step=8).draw("updates", trial) == "8"
    assert Range(1, 64, log=True).draw("batch", trial) == "1"
    assert Range(1e-05, 1, log=True).draw("rate", trial) == "1e-05"
    assert trial.asked == [
        ("updates", 8, 48, {"log": False, "step": 8}),
        ("batch", 1, 64, {"log": True, "step": 1}),
        ("rate", 1e-05, 1, {"log": True, "step": None}),
    ]


RANGES = "ranges: {Hopper-v5: [-100, 900]}"


def test_returns_of_several_tasks_count_as_a_part_of_their_range(spec: Path) -> None:
    spec.write_text(SPEC.replace("[pendulum_swingup]", "[pendulum_swingup, Hopper-v5]") + RANGES)
    scales = read_search(str(spec)).scales
    assert scales == {"pendulum_swingup": Scale("eval_return", 0, 1000), "Hopper-v5": Scale("eval_return", -100, 900)}
    rows = [{"eval_return": 400.0}, {"eval_return": None}, {}, {"eval_return": 900.0}]
    assert scales["Hopper-v5"].values(rows) == [0.5, 1.0]


def test_meta_world_counts_its_success(spec: Path) -> None:
    pytest.importorskip("metaworld")
    spec.write_text(SPEC.replace("[pendulum_swingup]", "{door: [env=metaworld, env.task=door-open]}"))
    assert read_search(str(spec)).scales == {"door": Scale("eval_success")}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("search:", "arms:", "a search needs search$"),
        ("[mlp, flow]", "[mlp, flwo]", "pendulum_swingup: unknown dynamics 'flwo': did you mean flow"),
        ("[mlp, flow]", "mlp", r"search dynamics is a list of values, or \{from: 1e-4, to: 1e-2\}"),
        ("recipe.actor_lr", "recipe.acter_lr", r"unknown key 'recipe.acter_lr': did you mean recipe.actor_lr"),
        ("to: 1e-2, log", "to: 1e7, log", "recipe.actor_lr is a number from 0 to 1e\\+06"),
        ("{from: 1e-4, to: 1e-2, log: true}", "[1e-4, 1e-2, log]", "recipe.actor_lr is a number .*, not 'log'"),
        ("from: 1e-4", "from: 0", "search recipe.actor_lr goes from a number to a higher one; with log: true from one"),
        ("to: 1e-2", "to: 1e-5", "search recipe.actor_lr goes from a number to a higher one"),
        ("log: true", "log: 10", "search recipe.actor_lr: log is true or false, not 10"),
        ("log: true", "base: 10", r"search recipe.actor_lr is a list of values, or"),
        ("step: 8", "step: -8", "step is a number above 0, not -8"),
        ("tasks:", "trials: 0\ntasks:", "trials is an integer of 1 or more, not 0"),
        ("tasks:", "pruner: mean\ntasks:", "pruner is one of median, hyperband, none, not mean"),
        ("tasks:", "ranges: {x: [1]}\ntasks:", r"ranges are \{TASK: \[LOW, HIGH\]\}"),
        ("[pendulum_swingup]", "[Hopper-v5, pendulum_swingup]", r"of Hopper-v5 have no range .* {Hopper-v5: \[LOW"),
        ("[size=tiny,", "[size=tiny, trainer=pretrain,", "trainer=pretrain evaluates no policy"),
        ("[pendulum_swingup]", "{'../x': [env=pendulum_swingup]}", "becomes a folder's name"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_the_first_run(spec: Path, old: str, new: str, says: str) -> None:
    assert old in SPEC
    spec.write_text(SPEC.replace(old, new))
    with pytest.raises(WmzooError, match=says) as told:
        read_search(str(spec))
    assert "\n" not in str(told.value)
