"""What composes, what is refused, and how it is said."""

from __future__ import annotations

import logging
from importlib import metadata
from pathlib import Path

import pytest
from composed import choices_kept
from omegaconf import DictConfig, OmegaConf

from wmzoo.config.choices import options
from wmzoo.config.composition import ConfigError, compose, prepare
from wmzoo.errors import WmzooError
from wmzoo.registry import register

pytestmark = pytest.mark.usefixtures("configs_by_hydra")
SIZES = ["tiny", "small", "dflex", "1M", "5M", "19M", "48M", "317M"]


def names(cfg: DictConfig) -> tuple[str, str, str]:
    return cfg.dynamics.name, cfg.integrator.name, cfg.loss.name


def test_the_default_is_the_flow_on_cartpole_swingup() -> None:
    cfg = compose()
    assert names(cfg) == ("flow", "heun", "rectified_flow")
    assert (cfg.env.name, cfg.env.task, cfg.env.num_envs) == ("dmc", "cartpole-swingup", 64)
    assert (cfg.model.latent_dim, cfg.model.units, cfg.model.batch_size) == (128, [256, 256], 128)


@pytest.mark.parametrize(
    "overrides",
    [
        ["size=tiny", "dynamics=mlp", "env=Hopper-v5", "model.units=[8,4]", "run_dir=a b", "seed=1", "seed=2"],
        ["experiment=paper", "trainer.horizon=4", "actor.units=${model.units}", "plugins=[]"],
        ["dynamics=flow", "seed=1", "++seed=2", "init_from=null"],
    ],
)
def test_the_other_tests_configs_are_those_that_hydra_composes(overrides: list[str]) -> None:
    cfg = compose(overrides)
    with choices_kept():
        for _ in range(2):
            kept = compose(overrides)
            assert OmegaConf.to_yaml(kept) == OmegaConf.to_yaml(cfg) and OmegaConf.is_struct(kept)
            kept.model.units = 0  # the caller's own


@pytest.mark.parametrize(("env", "repeats"), [("bet2", None), ("dflex_hopper", None), ("cheetah_run", 8)])
def test_an_experiment_sets_of_a_suite_what_that_has(env: str, repeats: int | None) -> None:
    cfg = compose(["experiment=quick", f"env={env}"])
    assert (cfg.env.num_envs, cfg.env.get("action_repeat")) == (32, repeats)


def test_what_a_user_adds_to_a_suite_that_does_not_have_it_is_kept_to_be_refused() -> None:
    assert compose(["experiment=quick", "env=bet2", "++env.action_repeat=3"]).env.action_repeat == 3


def test_every_key_a_user_types_is_there() -> None:
    keys = """seed device precision compile threads run_dir plugins on_nonfinite init_from trainer.iterations
    trainer.horizon trainer.batch_size model.latent_dim model.units env.task env.num_envs eval.every eval.episodes
    save.every save.keep recipe.name actor.units critic.units critic.num model.simnorm_dim model.num_bins"""
    cfg = compose()
    missing = object()
    assert [key for key in keys.split() if OmegaConf.select(cfg, key, default=missing) is missing] == []


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["dynamics=mlp"], ("mlp", "heun", "mse")),
        (["dynamics=flow"], ("flow", "heun", "rectified_flow")),
        (["dynamics=flow", "loss=mse"], ("flow", "heun", "mse")),
        (["dynamics=flow", "integrator=rk4"], ("flow", "rk4", "rectified_flow")),
        (["loss.tau=midpoint"], ("flow", "heun", "rectified_flow")),
        (["experiment=paper"], ("mlp", "heun", "mse")),
        (["experiment=paper", "dynamics=flow"], ("flow", "heun", "rectified_flow")),
    ],
)
def test_loss_and_integrator_follow_the_dynamics_unless_given(
    overrides: list[str], expected: tuple[str, str, str]
) -> None:
    assert names(compose(overrides)) == expected


def test_parameters_follow_the_size_and_the_recipe_and_can_be_overridden() -> None:
    cfg = compose(["size=tiny", "recipe=paper", "dynamics=mlp", "trainer.batch_size=7", "dynamics.units=[9]"])
    assert (cfg.model.latent_dim, cfg.dynamics.units, cfg.trainer.batch_size) == (32, [9], 7)
    assert (cfg.dynamics.residual, cfg.dynamics.activation) == ("none", "mish")


@pytest.mark.parametrize("size", SIZES)
def test_every_size_composes(size: str) -> None:
    model = compose([f"size={size}"]).model
    assert model.latent_dim % model.simnorm_dim == 0 and len(model.units) == 2
    assert size in options("size")


@pytest.mark.parametrize("task", ["Hopper-v5", "HalfCheetah-v5", "Walker2d-v5", "Ant-v5"])
def test_named_gymnasium_tasks_are_typed_by_gymnasium_s_names(task: str) -> None:
    env = compose([f"env={task}"]).env
    assert (env.name, env.task) == ("gymnasium", task)


@pytest.mark.parametrize("task", ["cartpole_swingup", "pendulum_swingup", "reacher_easy", "cheetah_run", "walker_walk"])
def test_named_control_suite_tasks(task: str) -> None:
    env = compose([f"env={task}", "env.num_envs=3"]).env
    assert (env.name, env.task, env.num_envs) == ("dmc", task.replace("_", "-"), 3)


def test_a_pair_that_cannot_work_is_refused_with_the_pairs_that_do() -> None:
    with pytest.raises(ConfigError) as refused:
        compose(["dynamics=mlp", "loss=rectified_flow"])
    assert "needs velocity" in str(refused.value)
    assert "dynamics=mlp loss=mse" in str(refused.value)
    assert "dynamics=flow loss=rectified_flow" in str(refused.value)


@pytest.mark.parametrize("loss", ["mse", "cosine", "cross_entropy", "value_equivalent"])
@pytest.mark.parametrize(
    ("dynamics", "part", "works"),
    [
        ("gaussian", "density", "dynamics=gaussian loss=likelihood;"),
        ("noise_flow", "noise_velocity", "dynamics=noise_flow loss=end_flow; dynamics=noise_flow loss=noise_flow;"),
        ("end_flow", "noise_velocity", "dynamics=end_flow loss=end_flow; dynamics=end_flow loss=noise_flow;"),
    ],
)
def test_a_loss_that_never_trains_the_chance_is_refused(dynamics: str, part: str, works: str, loss: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compose([f"dynamics={dynamics}", f"loss={loss}"])
    assert str(refused.value).startswith(
        f"loss={loss} does not train the {part} of dynamics={dynamics}; these work: {works} dynamics="
    )
    if loss != "mse":
        compose([f"dynamics={dynamics}", f"loss.add=[{{name: {loss}}}, {{name: jacobian}}]"])


def test_one_line_names_the_keys_that_a_rollout_which_is_acted_does_not_follow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    typed = ["recipe.rollouts=32", "recipe.gamma=0.9", "recipe.starts=visited"]
    with caplog.at_level(logging.WARNING, logger="wmzoo"):
        compose(typed)
        compose(["recipe=paper", "recipe.gamma=0.9"])
        assert caplog.messages == []
        compose(["recipe=paper", *typed])
    (said,) = caplog.messages
    assert said.startswith("recipe.rollouts, recipe.starts: no effect, with recipe.act_on=imagination")


def test_one_line_says_that_an_integrator_has_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="wmzoo"):
        compose(["dynamics=flow", "integrator=heun"])
        compose(["dynamics=flow", "integrator=rk4", "dynamics.train_integrator=null", "dynamics.train_substeps=null"])
        compose(["dynamics=mlp"])
        assert caplog.messages == []
        compose(["dynamics=mlp", "integrator=rk4"])
        compose(["dynamics=flow", "integrator=rk4"])
    assert caplog.messages == [
        "integrator=rk4 has no effect: dynamics=mlp has no velocity to integrate",
        "integrator=rk4 is for dynamics(z, a) alone: training takes euler, unless "
        "dynamics.train_integrator=null dynamics.train_substeps=null",
    ]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("dynamics=flwo", "unknown dynamics 'flwo': did you mean flow? there is"),
        ("size=Tiny", "did you mean tiny?"),
        ("env=cartpole_swing", "did you mean cartpole_swingup or "),
        ("recipe=papr", "did you mean paper?"),
        ("dynamics=null", "unknown dynamics"),
        ("dynamics.substpes=3", "did you mean dynamics.substeps"),
        ("trianer.iterations=3", "did you mean trainer.iterations"),
        ("seeed=3", "did you mean seed?"),
        ("gamma=0.9", "did you mean recipe.gamma? there is"),
        ("model.gamma=0.9", "did you mean recipe.gamma? there is"),
        ("critic_lr=1", "did you mean recipe.critic_lr? there is"),
        ("lr=1", "recipe.entropy_lr or recipe.actor_lr or recipe.critic_lr or recipe.final_lr? there is"),
        ("dynamics.units=${model.nope}", "model.nope"),
        ("dynamics=[1", "dynamics=[1"),
        ("seed=???", "seed"),
        ("model=3", "model"),
        ("dynamics=flow,mlp", "-m"),
        ("plugins=[nowhere.py]", "nowhere.py"),
        ("~dynamics", "dynamics"),
        ("seed.x=1", "seed"),
    ],
)
def test_a_mistake_gives_one_line_with_what_to_type(override: str, says: str) -> None:
    with pytest.raises(WmzooError) as mistake:
        compose([override])
    assert says in str(mistake.value)
    assert "\n" not in str(mistake.value)
    assert mistake.value.exit_code == 2


@pytest.mark.parametrize(("launcher", "extra"), [("joblib", "parallel"), ("submitit_slurm", "slurm")])
def test_a_launcher_that_is_not_installed_is_refused_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch, launcher: str, extra: str
) -> None:
    installed = metadata.distributions
    others = lambda **kwargs: [] if "launcher" in kwargs.get("name", "") else installed(**kwargs)  # noqa: E731
    monkeypatch.setattr(metadata, "distributions", others)
    with pytest.raises(ConfigError, match=rf"hydra/launcher={launcher} is not installed: .*wmzoo\[{extra}\]"):
        prepare(["seed=0,1", f"hydra/launcher={launcher}"])


def test_a_plugin_s_entry_composes_like_a_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    (tmp_path / "my_flow.py").write_text(
        "import wmzoo\n"
        "@wmzoo.register('dynamics', 'my_flow', provides=['velocity'], default_loss='rectified_flow',\n"
        "                default_integrator='rk4')\n"
        "class MyFlow:\n"
        "    def __init__(self, latent_dim, action_dim, integrator, width=5): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    cfg = compose(["plugins=[my_flow.py]", "dynamics=my_flow", "dynamics.width=6"])
    assert names(cfg) == ("my_flow", "rk4", "rectified_flow")
    assert cfg.dynamics == {"name": "my_flow", "width": 6}
    assert cfg.plugins == [str(tmp_path / "my_flow.py")]  # so that a run can be repeated from another folder


def test_an_entry_registered_in_the_program_itself_composes(own_registry: None) -> None:
    @register("dynamics", "inline")
    class Inline:
        def __init__(self, latent_dim: int, depth: int = 2) -> None: ...

    assert compose(["dynamics=inline"]).dynamics == {"name": "inline", "depth": 2}


def test_unknown_keys_cannot_be_read_or_set() -> None:
    cfg = compose()
    with pytest.raises(AttributeError):
        _ = cfg.sead


def test_composing_leaves_another_program_s_hydra_alone() -> None:
    from hydra.core.global_hydra import GlobalHydra

    compose()
    assert not GlobalHydra.instance().is_initialized()
