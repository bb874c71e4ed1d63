"""The recipe's options, its rules, and what an older config is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from toy_bundle import saved

from wmzoo.checkpoints.config import load_config
from wmzoo.config import recipe
from wmzoo.config.composition import compose
from wmzoo.config.recipe import Recipe, options

# As configs/recipe/default.yaml and paper.yaml had them, the last version in which the options were files.
DEFAULT: dict[str, Any] = {
    "name": "default",
    "activation": "silu",
    "residual": "logit",
    "coordinates": "logit",
    "normalise_obs": True,
    "dynamics_coef": 20.0,
    "reward_coef": 0.2,
    "reward_scale": "std",
    "reward_clip": None,
    "model_lr": 1.0e-3,
    "encoder_lr_scale": 0.1,
    "model_betas": [0.9, 0.999],
    "model_grad_clip": 20.0,
    "model_updates": 8,
    "warmup_steps": 20480,
    "pretrain_updates": 300,
    "act_on": "observations",
    "stagger": True,
    "gamma": 0.99,
    "td_lambda": 0.95,
    "actor_updates": 8,
    "rollouts": 64,
    "detach": True,
    "return_scale": True,
    "actor_lr": 5.0e-4,
    "critic_lr": 5.0e-4,
    "actor_critic_betas": [0.7, 0.95],
    "actor_grad_clip": 1.0,
    "critic_grad_clip": 100.0,
    "critic_passes": 1,
    "critic_minibatches": 4,
    "final_lr": 1.0e-5,
}
NEW: dict[str, tuple[Any, Any]] = {  # keys added since: in the default, and what the paper does and did before them
    "flow_train_integrator": ("euler", None),
    "flow_train_substeps": (1, None),
    "flow_metric": ("landed", "path"),
    "flow_rollout_weight": (0.5, 0.0),
    "flow_path_weight": (0.5, 1.0),
    "flow_tau_zero": (0.5, 0.0),
    "flow_encoded": (1.0, 0.0),
    "flow_rows": (0.25, 1.0),
    "task_moments": (True, False),
    "task_balance": (0.5, 0.0),
    "model_horizon": (8, None),
    "termination": (True, False),
    "termination_coef": (1.0, 1.0),
    "recency": (2.0, 1.0),
    "noise_correlation": ([0.0, 0.97], 0.0),
    "samples": (1, 1),
    "imagination_horizon": (8, None),
    "starts": ("replay", "visited"),
    "policy_std": ("state", "parameter"),
    "entropy": ("auto", "none"),
    "entropy_coef": (0.1, 0.1),
    "entropy_target": (-0.5, -0.5),
    "entropy_lr": (0.02, 0.02),
    "reward_latents": ("predicted", "predicted"),
    "disagreement_heads": (4, 0),
    "disagreement_penalty": (0.0, 0.0),
    "bc_alpha": (None, None),
    "actor_units": ([256, 256], [400, 200, 100]),
    "critic_units": ([256, 256], [400, 200]),
    "critics": (2, 3),
    "critic_zero_init": (True, False),
    "target_tau": (0.02, None),
    "policy_tau": (0.02, None),
    "lr_decay": (250_000, "run"),
}
CHANGED = {"model_updates": 24, "warmup_steps": 8192, "actor_updates": 24, "rollouts": 128, "critic_minibatches": 2}
CHANGED |= {"actor_lr": 1.5e-3, "critic_lr": 1.0e-3, "final_lr": 1.0e-4}
PAPER = DEFAULT | {
    "name": "paper",
    "activation": "mish",
    "residual": "none",
    "coordinates": "latent",
    "normalise_obs": False,
    "dynamics_coef": 1.0,
    "reward_coef": 1.0,
    "reward_scale": "mean_std",
    "reward_clip": 5.0,
    "model_lr": 3.0e-4,
    "encoder_lr_scale": 1.0,
    "warmup_steps": None,
    "pretrain_updates": None,
    "act_on": "imagination",
    "stagger": False,
    "actor_updates": 1,
    "critic_passes": 8,
}


DEFAULT_NOW = DEFAULT | CHANGED | {name: pair[0] for name, pair in NEW.items()}
PAPER_NOW = PAPER | {name: pair[1] for name, pair in NEW.items()}


FIRST_NOW = DEFAULT | {"name": "first"} | {name: pair[1] for name, pair in NEW.items()}


@pytest.mark.parametrize("expected", [DEFAULT_NOW, PAPER_NOW, FIRST_NOW], ids=lambda option: option["name"])
def test_an_option_has_its_values_and_the_paper_those_that_its_file_had(expected: dict[str, Any]) -> None:
    assert options()[expected["name"]] == expected
    assert OmegaConf.to_container(compose([f"recipe={expected['name']}"]).recipe) == expected


def test_the_algorithm_s_recipe_is_that_of_the_config() -> None:
    cfg = compose(["recipe=paper", "recipe.gamma=0.5", "recipe.actor_critic_betas=[0.5,0.75]"])
    mine = Recipe.of(cfg.recipe)
    assert {name: getattr(mine, name) for name in PAPER_NOW if name != "name"} == {
        name: value for name, value in (PAPER_NOW | {"gamma": 0.5, "actor_critic_betas": [0.5, 0.75]}).items()
        if name != "name"
    }  # fmt: skip
    assert Recipe() == Recipe.of(
        options()["default"]
        | {"model_betas": (0.9, 0.999), "actor_critic_betas": (0.7, 0.95)}
        | {"actor_units": (256, 256), "critic_units": (256, 256), "noise_correlation": (0.0, 0.97)}
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reward_scale": "max"}, r"recipe.reward_scale is one of none, std, mean_std, not 'max'"),
        ({"gamma": 1.5}, r"recipe.gamma is a number from 0 to 1, not 1.5"),
        ({"model_lr": float("nan")}, r"recipe.model_lr is a number from 0 to 1e\+06, not nan"),
        ({"reward_clip": 0.0}, r"recipe.reward_clip is null or a number above 0, not 0.0"),
        ({"actor_updates": 0}, r"recipe.actor_updates is an integer of 1 or more, not 0"),
        ({"rollouts": True}, r"recipe.rollouts is an integer from 1 to 1048576, not True"),
        ({"model_betas": (0.9, 1.0)}, r"recipe.model_betas is a list of 2 entries, each a number from 0 to below 1"),
        ({"model_betas": "09"}, r"recipe.model_betas is a list"),
        ({"lr_decay": "half"}, r"recipe.lr_decay is run, none or an integer of 1 or more, not 'half'"),
        ({"target_tau": 0.0}, r"recipe.target_tau is null or a number above 0, up to 1, not 0.0"),
        ({"recency": 0.5}, r"recipe.recency is a number from 1 to 100, not 0.5"),
        ({"disagreement_heads": 1}, r"recipe.disagreement_heads is 0 or an integer from 2 to 64, not 1"),
        ({"disagreement_heads": 0, "disagreement_penalty": 1.0}, r"disagreement_penalty=1.0 needs recipe.disagreem"),
        ({"detach": None}, r"recipe.detach is true or false, not None"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_with_its_key(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Recipe(**wrong)


def test_a_bundle_from_before_a_key_gets_what_was_done_then_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "added", lambda: {"entropy_coef": 0.0, "gamma": 0.5})
    saved(tmp_path / "older", OmegaConf.create({"recipe": {"name": "paper", "gamma": 0.99}}))
    assert load_config(tmp_path / "older").recipe == {"name": "paper", "gamma": 0.99, "entropy_coef": 0.0}
    saved(tmp_path / "without", OmegaConf.create({"model": {}}))
    assert "recipe" not in load_config(tmp_path / "without")


def test_an_older_config_does_what_was_done_before_the_keys_it_lacks() -> None:
    assert recipe.added() == {name: pair[1] for name, pair in NEW.items()}
