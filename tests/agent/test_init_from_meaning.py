"""Weights that fit by their shapes and mean something else: named and refused, unless that is said to be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.agent.init_from import init_from
from wmzoo.cli.main import main
from wmzoo.config.rules import ADDED
from wmzoo.errors import WmzooError

BINS = ["model.num_bins=21"]


def agent(*words: str, seed: int = 0) -> Any:
    made = build_agent(wmzoo.compose(["size=tiny", "dynamics=mlp", *words, f"seed={seed}"]), 5, 2)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():  # no layer stays at zero, behind which nothing would show
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return made


def answers(made: Any) -> list[torch.Tensor]:
    """What the model says about some observations and actions: latents, next latents, rewards."""
    generator = torch.Generator().manual_seed(1)
    obs, actions = 3 * torch.randn(8, 5, generator=generator), torch.rand(8, 2, generator=generator)
    if made.world_model.observation_moments is not None:
        made.world_model.observation_moments.update(torch.randn(99, 5, generator=generator) + 2)
    with torch.no_grad():
        z = made.world_model.encode(obs)
        return [z, *made.world_model.step(z, actions)]


FLOW = ["dynamics=flow"]
AS_ASKED = [*FLOW, "dynamics.train_integrator=null", "dynamics.train_substeps=null"]
DIFFERENCES = {
    "chart of a flow": ([*FLOW], "dynamics.coordinates", "logit", "latent"),
    "residual": ([], "dynamics.residual", "logit", "latent"),
    "width of SimNorm": ([], "model.simnorm_dim", "8", "4"),
    "width of a dynamics' simplices": ([], "dynamics.simnorm_dim", "8", "4"),
    "normalised observations": ([], "recipe.normalise_obs", "true", "false"),
    "observations as they are": ([], "recipe.normalise_obs", "false", "true"),
    "range of the bins": (BINS, "model.bin_range", "10.0", "5.0"),
    "units of the bins": (BINS, "model.symexp", "true", "false"),
    "activation": ([], "recipe.activation", "silu", "mish"),
    "activation of the dynamics": ([], "dynamics.activation", "silu", "mish"),
    "sub-steps": (AS_ASKED, "dynamics.substeps", "2", "4"),
    "integrator": (AS_ASKED, "integrator.name", "heun", "euler"),
    "sub-steps of training": (FLOW, "dynamics.train_substeps", "1", "2"),
    "integrator of training": (FLOW, "dynamics.train_integrator", "euler", "heun"),
    "the way back to the simplices": (["dynamics.residual=latent"], "dynamics.retract", "project", "renormalise"),
}


def pair(common: list[str], key: str, there: str, here: str) -> tuple[Any, Any]:
    typed = key.removesuffix(".name")
    return agent(*common, f"{typed}={there}", seed=1), agent(*common, f"{typed}={here}", seed=2)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_named_and_refused_and_nothing_is_taken(tmp_path: Path, name: str) -> None:
    common, key, there, here = DIFFERENCES[name]
    source, own = pair(common, key, there, here)
    source.save(tmp_path / "source")
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    with pytest.raises(WmzooError) as refused:
        init_from(own, tmp_path / "source")
    line = str(refused.value)
    assert "\n" not in line and "its weights mean something else here: " in line
    assert f"{key} is {there} there and {here} here" in line and f"{key}={there}" in line.partition("; give ")[2]
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_that_is_meant_is_taken_and_told_and_does_change_what_the_weights_say(
    tmp_path: Path, name: str
) -> None:
    common, key, there, here = DIFFERENCES[name]
    source, own = pair(common, key, there, here)
    source.save(tmp_path / "source")
    with pytest.raises(WmzooError) as refused:
        init_from(own, tmp_path / "source")
    allow = str(refused.value).partition("init_from_allow=[")[2].partition("]")[0].split(",")
    assert key in allow
    line = init_from(own, tmp_path / "source", allow=allow)
    assert line.endswith(f"; differing, as allowed: {', '.join(allow)}")
    weights = source.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in own.state_dict().items() if name in weights)
    assert any(not torch.allclose(one, other) for one, other in zip(answers(source), answers(own), strict=True))


@pytest.mark.parametrize("name", DIFFERENCES)
def test_an_extraction_takes_no_difference_whatever_is_allowed(tmp_path: Path, name: str) -> None:
    common, key, there, here = DIFFERENCES[name]
    source, own = pair(common, key, there, here)
    source.save(tmp_path / "source")
    with pytest.raises(WmzooError, match=r"mean something else here|its world model is another one") as refused:
        init_from(own, tmp_path / "source", may_lack=("actor", "critic"))
    assert "init_from_allow" not in str(refused.value)


def test_one_that_is_allowed_does_not_allow_the_others(tmp_path: Path) -> None:
    agent("model.simnorm_dim=4", seed=1).save(tmp_path / "source")
    with pytest.raises(WmzooError, match=r"here: dynamics.simnorm_dim is 4 there and 8 here; give") as refused:
        init_from(agent(), tmp_path / "source", allow=["model.simnorm_dim"])
    assert "init_from_allow=[model.simnorm_dim,dynamics.simnorm_dim]" in str(refused.value)


@pytest.mark.parametrize(
    ("words", "here"),
    [
        ([], ["dynamics=flow", "dynamics.coordinates=latent"]),  # the dynamics starts fresh: it is another one
        ([], ["integrator=euler"]),  # which an MLP does not use
        ([], ["model.bin_range=5", "model.symexp=false"]),  # of bins that neither has
        ([], ["recipe.model_lr=1", "model.batch_size=7", "loss=mse", "seed=9"]),  # how it is trained
        (["dynamics.units=[48]"], ["dynamics.residual=latent"]),  # the dynamics does not fit anyway
    ],
)
def test_what_gives_no_weight_that_is_taken_its_meaning_may_differ(
    tmp_path: Path, words: list[str], here: list[str]
) -> None:
    agent(*words).save(tmp_path / "source")
    assert "took over encoder" in init_from(agent(*here), tmp_path / "source")


def test_rewards_of_another_scale_and_values_of_another_discount_mean_something_else(tmp_path: Path) -> None:
    agent("recipe.reward_scale=none", "recipe.gamma=0.9").save(tmp_path / "source")
    with pytest.raises(WmzooError, match=r"recipe.reward_scale is none there and std here, recipe.gamma is 0.9 there"):
        init_from(agent(), tmp_path / "source")


@pytest.mark.slow
def test_a_training_refuses_in_one_line_before_it_begins_and_takes_what_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from short_run import SHORT_RUN

    words = [*SHORT_RUN, "dynamics=mlp", "env=pendulum_swingup", "trainer.iterations=1", "eval.episodes=1"]
    build_agent(wmzoo.compose([*words, "dynamics.residual=latent"]), 3, 1).save(tmp_path / "source")
    words = ["train", *words, f"run_dir={tmp_path / 'run'}", f"init_from={tmp_path / 'source'}"]
    assert main(words) == 2 and not (tmp_path / "run").exists()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wmzoo: ")]
    assert "dynamics.residual is latent there and logit here" in line
    assert main([*words, "init_from_allow=[dynamics.residual]"]) == 0
    assert main(["resume", str(tmp_path / "run")]) == 0


def test_a_config_of_an_older_version_allows_nothing() -> None:
    assert ADDED["init_from_allow"] == []
