"""Acting, and what an agent says about itself."""

from __future__ import annotations

import pytest
import torch
from tiny import ACT, OBS, TASKS, tiny_agent

from wmzoo.agent.agent import Agent


def test_the_deterministic_action_is_the_policys_mode_at_the_encoded_observation() -> None:
    agent, obs = tiny_agent(), torch.randn(4, OBS, dtype=torch.float64)
    action = agent.act(obs)
    assert torch.equal(action, agent.actor(agent.world_model.encode(obs)).detach())
    assert torch.equal(action, agent.act(obs)) and not action.requires_grad


def test_a_sampled_action_repeats_with_its_generator() -> None:
    agent, obs = tiny_agent(), torch.randn(4, OBS, dtype=torch.float64)
    one, again, other = (
        agent.act(obs, deterministic=False, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert one.abs().max() < 1 and not torch.equal(one, agent.act(obs))


def test_actions_a_task_lacks_stay_zero() -> None:
    agent = tiny_agent(tasks=True)
    agent.world_model.action_masks = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    action = agent.act(torch.randn(TASKS, OBS, dtype=torch.float64), task=torch.arange(TASKS), deterministic=False)
    assert action.ne(0).tolist() == [[True, False], [False, True], [True, True]]


def test_a_model_alone_cannot_act_and_says_so() -> None:
    whole = tiny_agent()
    with pytest.raises(ValueError, match="world model alone: there is no actor"):
        Agent(whole.world_model, None, None, whole.cfg, OBS, ACT).act(torch.zeros(1, OBS, dtype=torch.float64))
