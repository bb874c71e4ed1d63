"""PWM's own files: world model, policy, critics and running statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import pytest
import torch
from foreign import pwm_file
from torch import Tensor

import wmzoo
from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert
from wmzoo.importers.pwm import read_pwm


def converted(content: dict[str, Any], folder: Path) -> tuple[Any, list[str]]:
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "pwm.pt")
    lines = convert(folder / "pwm.pt", folder / "out")
    return wmzoo.load(folder / "out"), lines


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


@torch.no_grad()
@pytest.mark.parametrize("shape", [{}, {"tasks": 4, "bins": 101, "encoder": (20, 12)}])
def test_model_policy_and_critics_compute_what_the_file_computed(tmp_path: Path, shape: dict[str, Any]) -> None:
    content = pwm_file(**shape)
    agent, lines = converted(content, tmp_path)
    source, model = foreign.Foreign(content["world_model"]), agent.world_model
    obs, a = torch.randn(8, 5), torch.rand(8, 3) * 2 - 1
    task = torch.arange(8) % 4 if "tasks" in shape else None
    z, logits = source.encode(obs, task), source.reward(source.encode(obs, task), a, task)
    close(model.encode(obs, task), z)
    close(model.next(z, a, task), source.next(z, a, task))
    close(model.reward(z, a, task), logits)
    symlog_reward = foreign.two_hot_mean(logits) if "bins" in shape else logits.squeeze(-1)
    close(model.step(z, a, task)[1], symlog_reward)
    mean = foreign.act(content["actor"], z)
    close(agent.act(obs, task), mean.tanh())
    noise = torch.randn(8, 3)
    close(agent.actor(z, noise), (mean + content["actor"]["logstd"].exp() * noise).tanh())
    close(agent.critic(z), foreign.values(content["critic"], z))
    assert "not used: actor_opt, critic_opt, ret_rms, world_model_opt" in lines
    assert agent.cfg.recipe.reward_scale == "none" and not agent.cfg.recipe.normalise_obs


@torch.no_grad()
def test_running_statistics_scale_observations_and_rewards_as_there(tmp_path: Path) -> None:
    content = pwm_file(statistics=True)
    agent, lines = converted(content, tmp_path)
    obs, rms = torch.rand(8, 5), content["obs_rms"]
    normalised = (obs - rms["mean"]) / (rms["var"] + 1e-5).sqrt()
    assert normalised.abs().max() < 5
    close(agent.world_model.encode(obs), foreign.Foreign(content["world_model"]).encode(normalised, None))
    moments = agent.world_model.reward_moments
    assert [moments.count.item(), moments.mean.item(), moments.var.item()] == pytest.approx([100.5, 0.7, 4.0])
    assert (agent.cfg.recipe.reward_scale, agent.cfg.recipe.reward_clip) == ("mean_std", 5.0)
    assert any("clipped at 10 standard deviations, not at 5" in line for line in lines)


def test_statistics_that_are_none_are_refused() -> None:
    for wrong in ({"mean": torch.zeros(2), "var": torch.ones(2), "count": 1.0}, {"mean": 0.0, "count": 1.0}, 5.0):
        with pytest.raises(WmzooError, match="rew_rms is no mean and var of one number with a count"):
            read_pwm(pwm_file() | {"rew_rms": wrong})
    with pytest.raises(WmzooError, match=r"obs_rms is no mean and var of \[5\] numbers with a count"):
        read_pwm(pwm_file() | {"obs_rms": {"mean": torch.zeros(5), "var": -torch.ones(5), "count": 3.0}})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"actor": None}, "the actor is left out: actor is a NoneType, no state dict"),
        ({"critic": foreign.actor()}, "the critic is left out: lacks params.0"),
        ({"actor": foreign.actor() | {"extra": torch.zeros(1)}}, "the actor is left out: has extra, which this layout"),
        ({"critic": foreign.critic(latent=18)}, "the critic is left out: params.0 is [3, 10, 18] where"),
    ],
)
def test_a_policy_or_critics_of_another_kind_are_left_out_with_the_reason(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    agent, lines = converted(pwm_file() | change, tmp_path)
    assert any(words in line for line in lines)
    assert [part for part in ("actor", "critic") if getattr(agent, part) is None] == list(change)


def test_a_lost_task_embedding_is_not_taken_for_more_actions() -> None:
    content = pwm_file(tasks=4)
    del content["world_model"]["_task_emb.weight"]
    with pytest.raises(WmzooError, match="lacks _task_emb.weight: without, it has 9 actions, and its policy 3"):
        read_pwm(content)
