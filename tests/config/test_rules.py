"""Values that make no sense are refused at composition; every key that has a meaning has a rule."""

from __future__ import annotations

import pytest
from omegaconf import DictConfig

from wmzoo.config import rules
from wmzoo.config.choices import options
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("on_nonfinite=halt", "on_nonfinite is one of stop, skip, not 'halt'"),
        ("eval.episodes=0", "eval.episodes is an integer from 1 to 4096, not 0"),
        ("save.every=0", "save.every is an integer of 1 or more, not 0"),
        ("trainer.batch_size=many", "trainer.batch_size is an integer from 1 to 1048576, not 'many'"),  # by reference
        ("trainer.horizon=16.0", "trainer.horizon is an integer from 1 to 4096, not 16.0"),
        ("seed=true", "seed is an integer .* not true"),
        ("precision=fp16", "precision is one of auto, fp32, bf16, not 'fp16'"),
        ("compile=1", "compile is auto, true or false, not 1"),
        ("recipe.gamma=1.01", "recipe.gamma is a number from 0 to 1, not 1.01"),
        ("recipe.model_lr=nan", "recipe.model_lr is a number from 0 to 1e.06, not nan"),
        ("recipe.model_betas=[0.9,1.0]", "a list of 2 entries, each a number from 0 to below 1"),
        ("dynamics.units=[64,-1]", "dynamics.units is match, or a list of 0 to 64 entries, each an integer from 1"),
        ("dynamics.substeps=two", "dynamics.substeps is an integer, not 'two'"),
        ("dynamics.condition_on_source=null", "dynamics.condition_on_source is true or false, not null"),
        ("env.task=3", "env.task is a text, not 3"),
        ("env.sticky=2", "env.sticky is a probability from 0 to below 1, not 2"),
        ("env.sticky=1", "env.sticky is a probability from 0 to below 1, not 1"),
        ("env.push=-0.5", "env.push is a number of 0 or more, not -0.5"),
        ("eval=null", "eval.every is missing from the config"),
        ("~recipe.gamma", "recipe.gamma is missing from the config"),
        ("model.latent_dim=30", "no multiple of model.simnorm_dim=8"),
        ("model.num_tasks=3 model.task_dim=0", "needs a width of the embedding"),
    ],
)
def test_a_value_without_sense_is_refused_at_composition(override: str, words: str) -> None:
    with pytest.raises(WmzooError, match=words) as mistake:
        compose(override.split())
    assert mistake.value.exit_code == 2


def test_a_config_from_before_there_were_perturbations_lacks_nothing() -> None:
    cfg = compose(["env=cartpole_swingup"])
    assert {"env.sticky", "env.push"} & {*rules.every(cfg)} == set() and "env.action_repeat" in rules.every(cfg)


@pytest.mark.slow
def test_every_value_of_every_composition_keeps_its_rule_and_every_key_has_one() -> None:
    """Composing checks the values. Every option is in one composition at least, with what is next of the others.

    `loss.add` is a list of nodes, which config/added.py checks.
    """
    groups = {group: options(group) for group in ("size", "recipe", "env")}
    for number in range(max(map(len, groups.values()))):
        chosen = {group: names[number % len(names)] for group, names in groups.items()}
        overrides = [f"{group}={name}" for group, name in chosen.items()]
        cfg = compose([*overrides, "env.task=any"] if chosen["env"] == "gymnasium" else overrides)
        ruled = {key for key, _ in rules.rules(cfg)}
        others = {key for key in keys(cfg) if key not in ruled and not key.endswith("name")} - {"loss.add"}
        assert others == set(), f"{overrides}: without a rule"


def keys(cfg: DictConfig) -> list[str]:
    return [
        f"{group}.{key}" if isinstance(node, DictConfig) else group
        for group, node in cfg.items()
        for key in (node if isinstance(node, DictConfig) else [""])
    ]
