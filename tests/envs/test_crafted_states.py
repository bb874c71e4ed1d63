"""Addresses in a simulator's saved state: MuJoCo follows them out of its memory, so none of them is taken."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import wmzoo
from wmzoo.envs import mujoco_state, object_state


@pytest.fixture
def hopper() -> Any:
    env = wmzoo.build("env", "gymnasium", task="Hopper-v5", num_envs=2, backend="serial")
    env.reset(0)
    yield env
    env.close()


def test_a_changed_address_in_a_model_is_refused(hopper: Any) -> None:
    state = hopper.state_dict()
    model = hopper.pool.simulators[0].model
    state["simulators"][1]["model"] = {"jnt_dofadr": torch.from_numpy(model.jnt_dofadr.copy()) + 10**6}
    with pytest.raises(ValueError, match="jnt_dofadr is not that of this task's model"):
        hopper.load_state_dict(state)


@pytest.mark.parametrize("value", [torch.zeros(1).double(), torch.zeros(3)])
def test_a_changed_number_of_a_model_must_have_its_shape_and_type(hopper: Any, value: torch.Tensor) -> None:
    state = hopper.state_dict()
    state["simulators"][0]["model"] = {"dof_damping": value}
    with pytest.raises(ValueError, match=r"dof_damping is float\d\d\[\d\], not float64\[6\]"):
        hopper.load_state_dict(state)


def test_a_changed_number_of_a_model_is_restored(hopper: Any) -> None:
    state = hopper.state_dict()
    damping = torch.arange(6).double()
    state["simulators"][0]["model"] = {"dof_damping": damping}
    hopper.load_state_dict(state)
    assert hopper.pool.simulators[0].model.dof_damping.tolist() == damping.tolist()


def test_addresses_among_what_the_last_step_computed_are_left_as_they_are(hopper: Any) -> None:
    actions = torch.zeros(2, 3)
    state = hopper.state_dict()
    expected = hopper.step(actions)
    crafted = copy.deepcopy(state)
    for simulator in crafted["simulators"]:
        for name, value in simulator["derived"].items():
            if not value.dtype.is_floating_point:
                simulator["derived"][name] = torch.full_like(value, 100)
    hopper.load_state_dict(crafted)
    got = hopper.step(actions)
    assert torch.equal(got.obs, expected.obs) and torch.equal(got.reward, expected.reward)


def test_an_attribute_of_a_task_keeps_its_shape() -> None:
    task = SimpleNamespace(goal=np.zeros(6))
    with pytest.raises(ValueError, match="goal of the task is not float64"):
        mujoco_state.set_attributes(task, {"goal": np.zeros(2)})


@pytest.mark.parametrize("value", [np.zeros(2, dtype=np.int64), np.zeros(6)])
def test_the_state_of_a_generator_has_its_form(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="the state of a random stream is none"):
        mujoco_state.set_generator_state(np.random.default_rng(0), value)


class Own:
    def __init__(self) -> None:
        self.random = np.random.RandomState(0)


@pytest.mark.parametrize("change", [{"pos": 10**6}, {"pos": -1}, {"key": np.zeros(3, dtype=np.uint32)}])
def test_a_stream_of_a_user_s_environment_is_not_read_beyond_its_key(change: dict[str, Any]) -> None:
    """NumPy itself takes any position, and reads there."""
    own = Own()
    saved = object_state.save(own, lambda value: False)
    pairs = saved["attributes"]["random"]["state"]["items"]
    (inner,) = (value for key, value in pairs if key == "state")
    for pair in inner["items"]:
        if pair[0] in change:
            new = change[pair[0]]
            pair[1] = {**pair[1], "value": new} if isinstance(new, np.ndarray) else new
    with pytest.raises(ValueError, match="the state of a random stream is none"):
        object_state.put_back(own, saved)
