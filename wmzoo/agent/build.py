"""From a composed config to an agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from omegaconf import DictConfig

from wmzoo.agent.agent import Agent
from wmzoo.agent.moments import RunningMoments
from wmzoo.agent.world_model import FIRST_LOGIT, TaskEmbedding, WorldModel
from wmzoo.compute.rng import initialising
from wmzoo.config.values import WIDEST
from wmzoo.errors import WmzooError
from wmzoo.integrators import Integrator
from wmzoo.nets import Actor, CriticEnsemble, RewardCode, ScalarCode, SimNorm, TwoHotCode, mlp
from wmzoo.registry import build, build_from, get

BASELINE, MATCH = "mlp", "match"


def build_dynamics(cfg: DictConfig, act_dim: int) -> torch.nn.Module:
    """The dynamics of the config. The integrators go to those whose constructor takes them."""
    if cfg.dynamics.get("units") == MATCH:
        cfg = with_matched_units(cfg, act_dim)
    module: torch.nn.Module = build_from(
        "dynamics",
        cfg.dynamics,
        latent_dim=cfg.model.latent_dim,
        action_dim=act_dim,
        task_dim=cfg.model.task_dim if cfg.model.num_tasks else 0,
        **integrators(cfg),
    )
    return module


def integrators(cfg: DictConfig) -> dict[str, Integrator | None]:
    """What a dynamics gets: `integrator`, and by its name `train_integrator`, None for the same."""
    other = cfg.dynamics.get("train_integrator")
    made = None if other is None else build("integrator", other)
    return {"integrator": build_from("integrator", cfg.integrator), "train_integrator": made}


def baseline(cfg: DictConfig) -> DictConfig:
    """The config with the dynamics that all others are measured against: `mlp` with its loss, at the same size."""
    cfg, entry = cfg.copy(), get("dynamics", BASELINE)
    loss = str(entry.facts["default_loss"])
    cfg.dynamics, cfg.loss = {"name": BASELINE, **entry.params}, {"name": loss, **get("loss", loss).params}
    return cfg


def with_matched_units(cfg: DictConfig, act_dim: int) -> DictConfig:
    """The config with the width in the place of `dynamics.units=match`: see `matched_units`."""

    def parameters(cfg: DictConfig) -> int:
        with torch.device("meta"):  # counted, not allocated
            return sum(p.numel() for p in build_dynamics(cfg, act_dim).parameters())

    def count(units: list[int]) -> int:
        cfg.dynamics.units = units
        return parameters(cfg)

    target, cfg = parameters(baseline(cfg)), cfg.copy()
    cfg.dynamics.units = matched_units(count, list(cfg.model.units), target)
    return cfg


def build_agent(cfg: DictConfig, obs_dim: int, act_dim: int) -> Agent:
    """Every part drawn from a random stream of its own: with one seed, variants share all parts but the dynamics.

    A config in which `actor` or `critic` is null makes an agent without.
    """
    size, recipe, activation = cfg.model, cfg.recipe, cfg.recipe.activation

    def part(name: str, make: Callable[[], Any]) -> Any:
        with initialising(cfg.seed, name):
            return make()

    task_dim = size.task_dim if size.num_tasks else 0
    own = size.num_tasks if task_dim and recipe.get("task_moments") else None  # tasks with moments of their own

    def termination_head() -> torch.nn.Module:
        head = mlp(size.latent_dim + task_dim, size.units, 1, activation)
        torch.nn.init.constant_(head[-1].bias, FIRST_LOGIT)  # type: ignore[arg-type]
        return head

    code: RewardCode = ScalarCode() if size.num_bins <= 1 else TwoHotCode(size.num_bins, size.bin_range, size.symexp)
    world_model = WorldModel(
        encoder=part(
            "encoder",
            lambda: mlp(
                obs_dim + task_dim,
                size.encoder_units,
                size.latent_dim,
                activation,
                last=SimNorm(size.simnorm_dim),
            ),
        ),
        dynamics=part("dynamics", lambda: build_dynamics(cfg, act_dim)),
        reward_head=part(
            "reward_head",
            lambda: mlp(size.latent_dim + act_dim + task_dim, size.units, code.width, activation),
        ),
        reward_code=code,
        task_embedding=part("task_embedding", lambda: TaskEmbedding(size.num_tasks, task_dim)) if task_dim else None,
        action_masks=_action_masks(size, act_dim),
        termination_head=part("termination_head", termination_head) if recipe.get("termination") else None,
        observation_moments=RunningMoments(obs_dim, own) if recipe.get("normalise_obs") else None,
        reward_moments=RunningMoments(tasks=own),
    )
    actor, critic = None, None  # of a model alone
    if cfg.actor is not None:
        std = recipe.get("policy_std", "parameter")
        actor = part("actor", lambda: Actor(size.latent_dim, act_dim, cfg.actor.units, std))
    if cfg.critic is not None:
        shape = (cfg.critic.units, cfg.critic.num, recipe.get("critic_zero_init", False))
        critic = part("critic", lambda: CriticEnsemble(size.latent_dim, *shape))
    return Agent(world_model, actor, critic, cfg, obs_dim, act_dim)


def _action_masks(size: DictConfig, act_dim: int) -> torch.Tensor | None:
    """[N,A], 1 for the actions that each task has; None where `model.action_dims` is null."""
    if size.action_dims is None:
        return None
    dims = list(size.action_dims)
    if len(dims) != size.num_tasks or not all(1 <= dim <= act_dim for dim in dims):
        raise WmzooError(
            f"model.action_dims={dims}: one number from 1 to {act_dim} is needed for each of "
            f"model.num_tasks={size.num_tasks} tasks"
        )
    return (torch.arange(act_dim) < torch.tensor(dims).unsqueeze(1)).float()


def matched_units(count: Callable[[list[int]], int], shape: Sequence[int], target: int) -> list[int]:
    """The hidden widths, in the proportions of `shape`, whose parameter count is nearest to `target`.

    Args:
        count: widths -> parameters; grows with them.
        shape: the baseline's widths, at least one.

    Raises:
        ValueError: `shape` is empty, or no width comes near because even the narrowest has more than twice `target`.
    """
    if not shape:
        raise ValueError("without hidden layers there is no width to match: give dynamics.units")

    def widths(first: int) -> list[int]:
        return [max(1, round(first * width / shape[0])) for width in shape]

    low, high = 1, WIDEST  # count(widths(low)) <= target < count(widths(high)), once inside
    if count(widths(low)) > 2 * target:
        raise ValueError(f"even the narrowest dynamics has {count(widths(low)):,} parameters, the baseline {target:,}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(widths(middle)) <= target else (low, middle)
    return min((widths(low), widths(high)), key=lambda units: abs(count(units) - target))
