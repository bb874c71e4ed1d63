"""From a config to a trainer: the tasks that it learns, and what does not go together."""

import pytest
import torch

import wmzoo
from wmzoo.contracts import trainer as contract
from wmzoo.envs.build import build_env
from wmzoo.envs.task_sets import MT30
from wmzoo.errors import WmzooError
from wmzoo.trainers.build import settled

SET = ["reacher-three-easy", "pendulum-spin", "cup-catch"]  # 8, 3 and 8 numbers; 3, 1 and 2 actions


@pytest.mark.parametrize("typed", ["mt30", "[cup_catch,pendulum-spin]"])
def test_a_config_learns_the_tasks_from_its_environment(typed):
    cfg = wmzoo.compose(["env=multitask", f"env.set={typed}", "size=tiny"])
    env = build_env(cfg, 1)
    cfg = settled(cfg, env)
    dims = [task.act_dim for task in MT30] if typed == "mt30" else [2, 1]
    assert (cfg.model.num_tasks, cfg.model.action_dims) == (len(dims), dims)
    cfg = settled(cfg, env)  # as on resuming
    model = wmzoo.build_agent(cfg, env.obs_dim, env.act_dim).world_model
    assert torch.equal(model.action_masks, env.action_masks)
    assert model.task_embedding.table.weight.shape == (len(dims), 96)


def test_one_task_leaves_the_config_alone():
    cfg = wmzoo.compose(["env=dmc"])
    cfg = settled(cfg, build_env(cfg, 1))
    assert (cfg.model.num_tasks, cfg.model.action_dims) == (0, None)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["model.num_tasks=4"], r"model\.num_tasks=4, but env=multitask has 3: leave it out"),
        (["model.action_dims=[3,1,1]", "model.num_tasks=3"], r"model\.action_dims=\[3, 1, 1\], but"),
        (["model.task_dim=0"], r"model\.task_dim=96"),
    ],
)
def test_a_config_that_contradicts_its_environment_is_refused(typed, words):
    cfg = wmzoo.compose(["env=multitask", f"env.set=[{','.join(SET)}]", *typed])
    with pytest.raises(WmzooError, match=words):
        cfg = settled(cfg, build_env(cfg, 1))


def test_online_training_of_several_tasks_is_refused_in_words():
    cfg = wmzoo.compose(["env=multitask", f"env.set=[{','.join(SET)}]", "env.num_envs=3", "size=tiny"])
    with pytest.raises(ValueError, match="takes no env=multitask"):
        wmzoo.build_trainer(cfg, lambda agent: None)


def test_building_with_a_field_trained_at_one_time_and_integrated_at_others_says_so(caplog):
    contract.factories("online", ("dynamics=flow", "loss.tau=midpoint"))["online"](contract.Notes().of)
    (line,) = caplog.messages
    assert "τ = 0, 0.5 only" in line and "loss.tau=uniform" in line
