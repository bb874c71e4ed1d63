"""The world model that TD-MPC2 and PWM share, in wmzoo's names: every size is read off its tensors.

Each part is a stack of layers `0`, `1`, … with `weight`, `bias` and, but for the last one of the reward head,
`ln.weight` and `ln.bias`. What the tensors do not tell is taken as published, and is wmzoo's default: Mish, SimNorm of
groups of 8, reward bins within ±10 in symlog space, task vectors no longer than 1. Actions that a task does not have
are masked here; there they are zeros in the data, and the net sees whatever it is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from wmzoo.envs.task_sets import SETS
from wmzoo.errors import WmzooError
from wmzoo.importers.state import State

ACTION_DIMS = {  # of the published sets, by the number of tasks, O and A
    (len(tasks), max(t.obs_dim for t in tasks), max(t.act_dim for t in tasks)): tuple(t.act_dim for t in tasks)
    for tasks in SETS.values()
}


@dataclass
class Imported:
    """What a file holds.

    `overrides`: the config from which the same net is built. `weights`: of its agent, by wmzoo's names; those of an
    actor and a critic only where the file has them. `notes`: sentences for the user.
    """

    layout: str
    obs_dim: int
    act_dim: int
    num_tasks: int
    latent_dim: int
    overrides: list[str]
    weights: dict[str, Tensor]
    notes: list[str] = field(default_factory=list)


class Stack(NamedTuple):
    """Layers one after the other: `widths` [in, hidden …, out], and `tensors` as wmzoo.nets.mlp names them."""

    widths: list[int]
    tensors: dict[str, Tensor]


def read_world_model(state: State, encoder_name: str, layout: str, policy_dim: int | None) -> Imported:
    """WmzooError, naming the first tensor that is missing or wrong.

    Args:
        encoder_name: what the names of the encoder's layers begin with.
        policy_dim: the number of actions that the file's policy has. Without it a lost task embedding would pass for
            further observations and actions of a single task.
    """
    table = state.take("_task_emb.weight", None, None) if "_task_emb.weight" in state else None
    num_tasks, task_dim = (0, 0) if table is None else table.shape
    encoder = _stack(state, encoder_name)
    dynamics, reward = _stack(state, "_dynamics."), _stack(state, "_reward.", plain_last=True)
    state.nothing_left("_encoder", "_dynamics", "_reward", "_task_emb")

    latent_dim = encoder.widths[-1]
    obs_dim, act_dim = encoder.widths[0] - task_dim, dynamics.widths[0] - latent_dim - task_dim
    joined = dynamics.widths[-1] == latent_dim and reward.widths[0] == dynamics.widths[0]
    if not joined or min(obs_dim, act_dim) < 1:
        raise WmzooError(
            f"its parts do not fit each other: encoder {encoder.widths}, dynamics {dynamics.widths}, reward "
            f"{reward.widths}, task vectors of {task_dim}"
        )
    if table is None and policy_dim not in (None, act_dim):
        raise WmzooError(f"lacks _task_emb.weight: without, it has {act_dim} actions, and its policy {policy_dim}")
    for stack in (dynamics, reward):
        stack.tensors["0.weight"] = _task_last(stack.tensors["0.weight"], latent_dim, task_dim)
    parts = {"encoder": encoder.tensors, "dynamics.net": dynamics.tensors, "reward_head": reward.tensors}
    weights = {f"world_model.{part}.{name}": tensor for part, of in parts.items() for name, tensor in of.items()}
    if table is not None:
        weights["world_model.task_embedding.table.weight"] = table

    overrides = [
        f"model.latent_dim={latent_dim}",
        f"model.encoder_units={typed(encoder.widths[1:-1])}",
        f"model.units={typed(reward.widths[1:-1])}",
        f"dynamics.units={typed(dynamics.widths[1:-1])}",
        *(f"model.num_bins={reward.widths[-1]}", f"model.num_tasks={num_tasks}", f"model.task_dim={task_dim}"),
    ]
    if dims := ACTION_DIMS.get((num_tasks, obs_dim, act_dim)):
        overrides.append(f"model.action_dims={typed(dims)}")
    return Imported(layout, obs_dim, act_dim, num_tasks, latent_dim, overrides, weights)


def _stack(state: State, prefix: str, plain_last: bool = False) -> Stack:
    """The layers whose names begin with `prefix`; plain_last: the last one has no LayerNorm."""
    numbers = [re.match(rf"{re.escape(prefix)}([0-9]{{1,4}})\.", name) for name in state.tensors]
    last = max((int(number[1]) for number in numbers if number), default=0)
    if plain_last and f"{prefix}{last}.ln.weight" in state:
        last += 1  # the plain one is missing, which taking it will say
    widths: list[int] = []
    tensors = {}
    for i in range(last + 1):
        weight = tensors[f"{i}.weight"] = state.take(f"{prefix}{i}.weight", None, widths[-1] if widths else None)
        widths = [*(widths or [weight.shape[1]]), weight.shape[0]]
        tensors[f"{i}.bias"] = state.take(f"{prefix}{i}.bias", widths[-1])
        if not (plain_last and i == last):
            tensors[f"{i}.norm.weight"] = state.take(f"{prefix}{i}.ln.weight", widths[-1])
            tensors[f"{i}.norm.bias"] = state.take(f"{prefix}{i}.ln.bias", widths[-1])
    return Stack(widths, tensors)


def _task_last(weight: Tensor, latent_dim: int, task_dim: int) -> Tensor:
    """The weight of a layer over [z, task, a], for wmzoo's [z, a, task]."""
    z, task, a = weight.tensor_split([latent_dim, latent_dim + task_dim], 1)
    return torch.cat([z, a, task], 1)


def typed(numbers: Sequence[int]) -> str:
    """A list as it is typed in an override."""
    return f"[{','.join(map(str, numbers))}]"
