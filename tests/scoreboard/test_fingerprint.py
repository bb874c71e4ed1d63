"""Which keys of a config make two runs unlike."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from wmzoo.config.composition import compose
from wmzoo.scoreboard.fingerprint import differences, digest, fingerprint
from wmzoo.storage.rows import Row


def of(*overrides: str) -> Row:
    cfg: Any = OmegaConf.to_container(compose(["dynamics=mlp", *overrides]), resolve=True)
    return fingerprint(cfg)


MLP = of()


@pytest.mark.parametrize(
    "override",
    [
        *("seed=7", "run_dir=elsewhere", "device=cpu", "threads=1", "video=false", "loggers=[wandb]", "save.every=3"),
        *("trainer.iterations=17", "eval.every=4", "on_nonfinite=skip", "env.backend=serial"),
        "recipe.flow_rows=0.5",  # cards of flows alone refer to it
        "recipe.termination=false",
        *("recipe.task_moments=false", "recipe.disagreement_heads=0"),  # the suite's tasks come alone, and are played
        "experiment=standard",
    ],
)
def test_what_changes_no_beginning_of_a_run_changes_no_digest(override: str) -> None:
    assert digest(of(override)) == digest(MLP)
    assert differences(MLP, of(override)) == []


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("recipe.gamma=0.97", "recipe.gamma is 0.99 there and 0.97 here"),
        ("dynamics.residual=none", "dynamics.residual is logit there and none here"),
        ("loss.rows=0.5", "loss.rows is 1 there and 0.5 here"),
        ("env.sticky=0.25", "env.sticky is 0 there and 0.25 here"),
        ("eval.episodes=3", "eval.episodes is 10 there and 3 here"),
        ("precision=bf16", "precision is fp32 there and bf16 here"),
        ("trainer.buffer_size=5000", "trainer.buffer_size is 1000000 there and 5000 here"),
    ],
)
def test_every_other_key_changes_it_and_is_named(override: str, told: str) -> None:
    assert digest(of(override)) != digest(MLP)
    assert told in differences(MLP, of(override))


def test_a_flow_s_recipe_counts_where_its_loss_reads_it() -> None:
    found = differences(of("dynamics=flow"), of("dynamics=flow", "recipe.flow_rows=1"))
    assert found == ["loss.rows is 0.25 there and 1 here"]


def test_an_older_config_has_what_was_done_before_there_was_a_key() -> None:
    later = ("env.sticky", "loss.add", "precision", "recipe.samples")
    older = {key: value for key, value in MLP.items() if key not in later}
    assert fingerprint(older) == MLP and differences(older, MLP) == []


def test_widths_that_are_solved_for_are_those_of_any_solution() -> None:
    assert differences(MLP, {**MLP, "dynamics.units": "match"}) == []
    assert differences(MLP, {**MLP, "dynamics.units": [250, 250]}) != []
