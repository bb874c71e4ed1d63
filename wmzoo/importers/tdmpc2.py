"""TD-MPC2's checkpoints (github.com/nicklashansen/tdmpc2), as written until November 2024 and since.

Both hold a state dict, as a rule under `model`: `_task_emb`, `_encoder.state`, `_dynamics`, `_reward`, and a policy
prior and Q functions that PWM does not use. The present layout adds buffers, among them the action masks, and entries
that are no tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from wmzoo.errors import WmzooError
from wmzoo.importers.state import State
from wmzoo.importers.world_model import Imported, read_world_model, typed

MASKS, POLICY = "_action_masks", "_pi.2.bias"
SINCE_NOVEMBER_2024 = (MASKS, "log_std_min", "log_std_dif")


def read_tdmpc2(content: Mapping[str, Any]) -> Imported:
    """content: of the file. A model alone comes of it, with rewards in the environments' units.

    Raises WmzooError, without the file's name, for what is missing or does not fit.
    """
    state = State(content.get("model", content), "model")
    since = any(name in state for name in SINCE_NOVEMBER_2024)
    layout = f"TD-MPC2, layout {'since' if since else 'until'} November 2024"
    policy_dim = state.tensors[POLICY].numel() // 2 if POLICY in state else None  # mean and std of each action
    found = read_world_model(state, "_encoder.state.", layout, policy_dim)
    found.overrides += ["model.symexp=true", "recipe.reward_scale=none", "recipe.reward_clip=null"]
    if found.num_tasks and MASKS in state:
        found.overrides.append(f"model.action_dims={typed(_action_dims(state, found.num_tasks, found.act_dim))}")
    elif found.num_tasks and not any(key.startswith("model.action_dims=") for key in found.overrides):
        found.notes.append("no action masks: the file does not tell how many actions each task has (model.action_dims)")
    if "model.num_bins=1" in found.overrides:
        found.notes.append("one output for the reward: taken as the reward itself (num_bins=0 there), not its symlog")
    if any(name.startswith("_termination.") for name in state.left):
        found.notes.append("_termination, which predicts the ends of episodes, is left out: it is learned anew")
    beside = sorted(str(key) for key in content if key != "model") if "model" in content else []  # Adam's moments
    if unused := [*state.parts_left(), *beside]:
        found.notes.append(f"not used: {', '.join(unused)}")
    return found


def _action_dims(state: State, num_tasks: int, act_dim: int) -> list[int]:
    """How many actions each task has, from its row of ones that zeros follow."""
    masks: Tensor = state.take(MASKS, num_tasks, act_dim)
    dims = masks.sum(1)
    if not (masks == (torch.arange(act_dim) < dims.unsqueeze(1))).all():
        raise WmzooError(f"{MASKS} is not, for each task, ones and then zeros")
    return [int(dim) for dim in dims]
