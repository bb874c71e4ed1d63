"""PWM's own checkpoints (github.com/imgeorgiev/PWM): world model, actor, critics and running statistics.

The statistics (`obs_rms`, `rew_rms`, `ret_rms`) are None, PWM's own objects (running_statistics.py) or the same mean,
variance and count as plain values. Those of returns scale a training's gradient, and no checkpoint has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from wmzoo.errors import WmzooError
from wmzoo.importers.running_statistics import RunningStatistics
from wmzoo.importers.state import State
from wmzoo.importers.world_model import Imported, read_world_model, typed

WORLD_MODEL = "world_model"
USED = (WORLD_MODEL, "actor", "critic", "obs_rms", "rew_rms")


def read_pwm(content: Mapping[str, Any]) -> Imported:
    """content: of the file. A whole agent comes of it where its actor and critics are PWM's usual ones.

    Rewards are as its policy is trained on them: scaled by `rew_rms` where there are such, and in symlog space where
    they have bins. Raises WmzooError, without the file's name, for what is missing or does not fit.
    """
    std = content["actor"].get("logstd") if isinstance(content.get("actor"), dict) else None
    policy_dim = std.numel() if isinstance(std, Tensor) else None
    found = read_world_model(State(content[WORLD_MODEL], WORLD_MODEL), "_encoder.", "PWM", policy_dim)
    found.overrides.append("model.symexp=false")
    for part, read in {"actor": _actor, "critic": _critic}.items():
        _add_part(found, content, part, read)
    if content.get("rew_rms") is not None:
        _add_moments(found, content, "rew_rms", "reward_moments", ())
        found.overrides += ["recipe.reward_scale=mean_std", "recipe.reward_clip=5.0"]
    else:
        found.overrides += ["recipe.reward_scale=none", "recipe.reward_clip=null"]
    if content.get("obs_rms") is not None:
        _add_moments(found, content, "obs_rms", "observation_moments", (found.obs_dim,))
        found.overrides.append("recipe.normalise_obs=true")
        found.notes.append("observations are normalised by obs_rms, and clipped at 10 standard deviations, not at 5")
    if unused := sorted(str(key) for key in content if key not in USED):
        found.notes.append(f"not used: {', '.join(unused)}")
    return found


Part = tuple[dict[str, Tensor], list[str]]  # weights by wmzoo's names, overrides


def _add_part(found: Imported, content: Mapping[str, Any], part: str, read: Callable[[State, Imported], Part]) -> None:
    """Adds the part, or a note why it has to be left out."""
    try:
        state = State(content.get(part), part)
        weights, overrides = read(state, found)
        state.nothing_left("")
    except WmzooError as error:
        found.notes.append(f"the {part} is left out: {error}")
    else:
        found.weights |= {f"{part}.{name}": tensor for name, tensor in weights.items()}
        found.overrides += overrides


def _actor(state: State, found: Imported) -> Part:
    """`mu_net` counts Linear, Mish and LayerNorm of every hidden layer, as wmzoo's own does."""
    weights, units, i, width = {}, [], 0, found.latent_dim
    while f"mu_net.{i + 2}.weight" in state:
        weights[f"mean.{i}.weight"] = state.take(f"mu_net.{i}.weight", None, width)
        width = len(weights[f"mean.{i}.weight"])
        weights[f"mean.{i}.bias"] = state.take(f"mu_net.{i}.bias", width)
        for name in ("weight", "bias"):
            weights[f"mean.{i + 2}.{name}"] = state.take(f"mu_net.{i + 2}.{name}", width)
        units.append(width)
        i += 3
    weights[f"mean.{i}.weight"] = state.take(f"mu_net.{i}.weight", found.act_dim, width)
    weights[f"mean.{i}.bias"] = state.take(f"mu_net.{i}.bias", found.act_dim)
    weights["log_std"] = state.take("logstd", found.act_dim)
    return weights, [f"actor.units={typed(units)}"]


def _critic(state: State, found: Imported) -> Part:
    """`params` are numbered in the order of the layers, each the stack of all critics'."""
    num, *_ = state.take("params.0", None, None, found.latent_dim).shape
    weights, units, i, layer, width = {}, [], 0, 0, found.latent_dim
    while f"params.{i + 2}" in state:
        matrix = state.take(f"params.{i}", num, None, width)
        width = matrix.shape[1]
        weights[f"layers.{layer}.weight"] = matrix.mT.contiguous()
        for name, number in ((f"{layer}.bias", 1), (f"{layer + 2}.weight", 2), (f"{layer + 2}.bias", 3)):
            weights[f"layers.{name}"] = state.take(f"params.{i + number}", num, width).unsqueeze(1)
        units.append(width)
        i, layer = i + 4, layer + 3
    weights[f"layers.{layer}.weight"] = state.take(f"params.{i}", num, 1, width).mT.contiguous()
    weights[f"layers.{layer}.bias"] = state.take(f"params.{i + 1}", num, 1).unsqueeze(1)
    return weights, [f"critic.units={typed(units)}", f"critic.num={num}"]


def _add_moments(found: Imported, content: Mapping[str, Any], name: str, ours: str, shape: tuple[int, ...]) -> None:
    """Running mean, variance and count as those of a RunningMoments; one number stands there as [1]."""
    values = content[name].values if isinstance(content[name], RunningStatistics) else content[name]
    moments = {}
    try:
        for key, size in {"count": (), "mean": shape, "var": shape}.items():
            tensor = torch.as_tensor(values[key])
            if tensor.numel() != math.prod(size):  # before it is copied: one number may claim to fill a terabyte
                raise ValueError(key)
            moments[key] = tensor.detach().to(torch.float64, copy=True).reshape(size)
        if not (moments["var"] >= 0).all() or moments["count"] < 0:
            raise ValueError("negative")
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        wanted = f"{list(shape)} numbers" if shape else "one number"
        raise WmzooError(f"{name} is no mean and var of {wanted} with a count") from error
    found.weights |= {f"world_model.{ours}.{key}": tensor for key, tensor in moments.items()}
