"""TD-MPC2's and PWM's networks by their formulas, on state dicts with their own names: the oracle of the importers.

block(x) = act(LayerNorm(W x + b)); the task vector e stands behind the observation in E([o, e]), and between latent and
action in F([z, e, a]) and R([z, e, a]). Random weights, none at zero, and task vectors on both sides of length 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert

State = dict[str, Any]


def layers(prefix: str, widths: Sequence[int], plain_last: bool = False) -> State:
    state: State = {}
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        state[f"{prefix}.{i}.weight"] = torch.randn(outputs, inputs) / inputs**0.5
        state[f"{prefix}.{i}.bias"] = 0.1 * torch.randn(outputs)
        if not (plain_last and i == len(widths) - 2):
            state[f"{prefix}.{i}.ln.weight"] = 1 + 0.3 * torch.randn(outputs)
            state[f"{prefix}.{i}.ln.bias"] = 0.3 * torch.randn(outputs)
    return state


def world_model(
    obs: int = 5,
    act: int = 3,
    tasks: int = 4,
    task_dim: int = 6,
    encoder: Sequence[int] = (20,),
    latent: int = 16,
    units: Sequence[int] = (24, 24),
    bins: int = 101,
    encoder_name: str = "_encoder.state",
    seed: int = 0,
) -> State:
    torch.manual_seed(seed)
    state: State = {"_task_emb.weight": 1.5 * torch.randn(tasks, task_dim) / max(task_dim, 1) ** 0.5} if tasks else {}
    extra = task_dim if tasks else 0
    state |= layers(encoder_name, [obs + extra, *encoder, latent])
    state |= layers("_dynamics", [latent + act + extra, *units, latent])
    return state | layers("_reward", [latent + act + extra, *units, bins], plain_last=True)


def unused_by_pwm(model: State, act: int = 3, width: int = 24) -> State:
    """TD-MPC2's policy prior and Q functions until November 2024: parameters of 5 Qs, numbered and stacked."""
    latent = model["_dynamics.0.weight"].shape[1] - act
    shapes = [
        [width, latent + act],
        [width],
        [width],
        [width],
        [width, width],
        [width],
        [width],
        [width],
        [101, width],
        [101],
    ]
    state = layers("_pi", [latent, width, width, 2 * act], plain_last=True)
    for name in ("_Qs", "_target_Qs"):
        state |= {f"{name}.params.{i}": torch.randn(5, *shape) for i, shape in enumerate(shapes)}
    return state


def unused_by_pwm_since_november_2024(model: State, act: int = 3, width: int = 24) -> State:
    latent = model["_dynamics.0.weight"].shape[1] - act
    state = layers("_pi", [latent, width, width, 2 * act], plain_last=True)
    state |= {"log_std_min": torch.tensor(-10.0), "log_std_dif": torch.tensor(12.0)}
    for name in ("_Qs.params", "_detach_Qs_params", "_target_Qs_params"):
        q = layers("", [latent + act, width, width, 101], plain_last=True)
        state |= {f"{name}{key}": tensor.expand(5, *tensor.shape).clone() for key, tensor in q.items()}
        state |= {f"{name}.__batch_size": torch.Size([5]), f"{name}.__device": torch.device("cuda:0")}
    return state


class Foreign:
    """encode, next, reward of a state dict, in the dtype asked for."""

    def __init__(self, state: State, dtype: torch.dtype = torch.float32) -> None:
        self.state = {key: value.to(dtype) for key, value in state.items() if isinstance(value, Tensor)}
        self.encoder = "_encoder.state" if "_encoder.state.0.weight" in state else "_encoder"

    def stack(self, prefix: str, x: Tensor) -> Tensor:
        last = max(int(key.split(".")[-2]) for key in self.state if key.startswith(prefix) and ".ln" not in key)
        for i in range(last + 1):
            x = x @ self.state[f"{prefix}.{i}.weight"].T + self.state[f"{prefix}.{i}.bias"]
            if f"{prefix}.{i}.ln.weight" in self.state:
                mean, var = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
                x = (x - mean) / (var + 1e-5).sqrt()
                x = x * self.state[f"{prefix}.{i}.ln.weight"] + self.state[f"{prefix}.{i}.ln.bias"]
                x = x.unflatten(-1, (-1, 8)).softmax(-1).flatten(-2) if i == last else F.mish(x)
        return x

    def embed(self, task: Tensor | None) -> list[Tensor]:
        if "_task_emb.weight" not in self.state:
            return []
        e = self.state["_task_emb.weight"][task]
        return [e / e.norm(dim=-1, keepdim=True).clamp_min(1)]

    def encode(self, obs: Tensor, task: Tensor | None) -> Tensor:
        return self.stack(self.encoder, torch.cat([obs, *self.embed(task)], -1))

    def next(self, z: Tensor, a: Tensor, task: Tensor | None) -> Tensor:
        return self.stack("_dynamics", torch.cat([z, *self.embed(task), a], -1))

    def reward(self, z: Tensor, a: Tensor, task: Tensor | None) -> Tensor:
        return self.stack("_reward", torch.cat([z, *self.embed(task), a], -1))


def two_hot_mean(logits: Tensor) -> Tensor:
    """The expectation over 101 bins within ±10, in symlog space."""
    return (logits.softmax(-1) * torch.linspace(-10, 10, 101, dtype=logits.dtype)).sum(-1)


def symexp(x: Tensor) -> Tensor:
    return x.sign() * (x.abs().exp() - 1)


def actor(latent: int = 16, act: int = 3, units: Sequence[int] = (10, 8, 6)) -> State:
    """PWM's `mu_net`, numbered with its activations: Linear → Mish → LayerNorm per hidden layer."""
    state: State = {"logstd": -torch.rand(act)}
    widths = [latent, *units, act]
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        state[f"mu_net.{3 * i}.weight"] = torch.randn(outputs, inputs) / inputs**0.5
        state[f"mu_net.{3 * i}.bias"] = 0.1 * torch.randn(outputs)
        if i < len(units):
            state[f"mu_net.{3 * i + 2}.weight"] = 1 + 0.3 * torch.randn(outputs)
            state[f"mu_net.{3 * i + 2}.bias"] = 0.3 * torch.randn(outputs)
    return state


def critic(latent: int = 16, units: Sequence[int] = (10, 8), num: int = 3) -> State:
    """PWM's `params`: per hidden layer weight and bias of the Linear, then of the LayerNorm, stacked over critics."""
    tensors = []
    for i, (inputs, outputs) in enumerate(pairwise([latent, *units, 1])):
        tensors += [torch.randn(num, outputs, inputs) / inputs**0.5, 0.1 * torch.randn(num, outputs)]
        if i < len(units):
            tensors += [1 + 0.3 * torch.randn(num, outputs), 0.3 * torch.randn(num, outputs)]
    return {f"params.{i}": tensor for i, tensor in enumerate(tensors)}


def hidden(x: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """LayerNorm(Mish(W x + b)) of weight, bias, and the norm's weight and bias."""
    weight, bias, scale, shift = parameters
    x = F.mish(x @ weight.T + bias)
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    return x * scale + shift


def act(state: State, z: Tensor) -> Tensor:
    """The mean of PWM's policy before tanh."""
    for i in (0, 3, 6):
        z = hidden(z, [state[f"mu_net.{i + k}.{name}"] for k in (0, 2) for name in ("weight", "bias")])
    return z @ state["mu_net.9.weight"].T + state["mu_net.9.bias"]


def values(state: State, z: Tensor) -> Tensor:
    """Each critic's values of z[B,D]: [E,B]."""
    out = []
    for member in range(len(state["params.0"])):
        p = [state[f"params.{i}"][member] for i in range(10)]
        out.append((hidden(hidden(z, p[:4]), p[4:8]) @ p[8].T + p[9]).squeeze(-1))
    return torch.stack(out)


OPTIMISER = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 5e-4, "params": [0]}]}


def pwm_file(statistics: bool = False, **shape: Any) -> dict[str, Any]:
    """What PWM saves."""
    model = world_model(**{"encoder_name": "_encoder", "tasks": 0, "bins": 1, **shape})
    content = {"actor": actor(), "critic": critic(), "world_model": model}
    content |= {"obs_rms": None, "rew_rms": None, "ret_rms": None}
    if statistics:
        content["rew_rms"] = {"shape": (1,), "mean": torch.tensor([0.7]), "var": torch.tensor([4.0]), "count": 100.5}
        content["obs_rms"] = {"mean": torch.rand(5), "var": torch.rand(5) + 0.5, "count": torch.tensor(9.0)}
    return content | {f"{part}_opt": OPTIMISER for part in ("actor", "critic", "world_model")}


def refused(words: str) -> None:
    """x.pt is not converted, one line says why, and nothing is left behind."""
    with pytest.raises(WmzooError, match=words) as error:
        convert(Path("x.pt"), Path("out"))
    assert str(error.value).startswith("x.pt: ") and "\n" not in str(error.value)
    assert os.listdir() == ["x.pt"]
