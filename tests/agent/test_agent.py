"""Acting, and what an agent says about itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
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


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool", "longdouble"])
def test_an_array_of_any_real_numbers_gives_float32_and_the_action_of_the_same_tensor(dtype: str) -> None:
    agent, obs = tiny_agent(), (10 * np.random.default_rng(0).random((4, OBS))).astype(dtype)
    action = agent.act(obs)
    assert type(action) is np.ndarray and (action.shape, action.dtype) == ((4, ACT), np.float32)
    same = agent.act(torch.from_numpy(obs.astype(np.float32)).double())
    assert np.array_equal(action, same.numpy().astype(np.float32))


def test_one_observation_gives_one_action_that_of_its_row_in_a_batch() -> None:
    agent, batch = tiny_agent(), np.random.default_rng(0).normal(size=(4, OBS))
    assert agent.act(batch[2]).shape == (ACT,)
    assert np.allclose(agent.act(batch[2]), agent.act(batch)[2], atol=1e-6)
    tensor = torch.from_numpy(batch)
    torch.testing.assert_close(agent.act(tensor[2]), agent.act(tensor)[2])


def test_an_array_is_only_read_however_it_lies_in_memory() -> None:
    agent, batch = tiny_agent(), np.random.default_rng(0).normal(size=(OBS, 8)).astype(np.float32)
    batch.setflags(write=False)
    view = batch[:, ::-2].T
    assert np.array_equal(agent.act(view), agent.act(view.copy()))


def test_a_sample_for_an_array_is_that_for_its_tensor() -> None:
    agent, obs = tiny_agent(), np.ones(OBS, dtype=np.float32)
    sampled = agent.act(obs, deterministic=False, generator=torch.Generator().manual_seed(3))
    tensor = torch.ones(OBS, dtype=torch.float64)
    same = agent.act(tensor, deterministic=False, generator=torch.Generator().manual_seed(3))
    assert np.array_equal(sampled, same.numpy().astype(np.float32)) and not np.array_equal(sampled, agent.act(obs))


def test_a_task_is_a_number_for_one_observation_or_for_all_rows() -> None:
    agent, obs = tiny_agent(tasks=True), torch.randn(2, OBS, dtype=torch.float64)
    second = agent.act(obs, torch.tensor([1, 1]))
    torch.testing.assert_close(agent.act(obs, 1), second)
    torch.testing.assert_close(agent.act(obs[0], task=1), second[0])
    assert np.allclose(agent.act(obs[0].numpy(), task=1), second[0], atol=1e-6)
    assert not torch.equal(agent.act(obs, 0), second)
    with pytest.raises(ValueError, match=f"has the tasks 0 to {TASKS - 1}, not {TASKS}"):
        agent.act(obs, TASKS)


@pytest.mark.parametrize(
    ("obs", "got"),
    [
        (np.zeros(OBS + 1), r"\[4\]"),
        (np.zeros((2, OBS + 1)), r"\[2, 4\]"),
        (torch.zeros(5, 2, OBS), r"\[5, 2, 3\]"),
        (np.float64(1.0), "a float64"),
        (np.zeros(OBS, dtype=complex), "an array of complex128"),
        ((np.zeros(OBS), {}), "a tuple"),  # what `env.reset()` returns
    ],
)
def test_other_observations_are_refused_in_one_line_that_says_what_the_agent_takes(obs: object, got: str) -> None:
    agent = tiny_agent()
    agent.cfg = OmegaConf.create({"env": {"task": "cup-catch"}})
    with pytest.raises(ValueError, match=rf"plays cup-catch and takes observations of 3 numbers, .*, not {got}$"):
        agent.act(obs)
