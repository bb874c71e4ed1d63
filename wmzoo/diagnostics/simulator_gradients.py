"""The simulator's own gradients of returns by the actions, along recorded episodes.

They are analytic where the environment is differentiable, and elsewhere differences from saved states: every
environment of a batch stands at a start of its own, and all are moved at once, in the same coordinate. Going on from a
saved state repeats all chance after it (common random numbers): random streams are a part of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from wmzoo.diagnostics.differences import STEPS, Derivative, derivative, rough, stencil
from wmzoo.envs.base import VectorEnv
from wmzoo.errors import WmzooError

MOMENTS = 2  # of every episode, unless more is said
MOST = 300_000  # agent steps of the simulator, unless more is said: a minute or two of a light task


class NoGradients(WmzooError):
    """Why an environment's gradients cannot be had."""


@dataclass(frozen=True)
class SimulatorGradients:
    """Of S starts, by each of the horizons h.

    gamma: the discount. moments: agent steps of the episodes at which the starts were taken.
    episodes: int64 [S], whose each is.
    obs: float32 [S,O], and actions: float32 [H,S,A], of the H steps from there on.
    gradients: float64 [h,S,H,W], ∂(Σ_{t<h} γ^t r_t)/∂a, by the W actions that the task has.
    whole: bool [h,S]: the episode lasted h steps from there.
    rough: bool as gradients, where differences disagree; None for analytic gradients.
    """

    horizons: Sequence[int]
    gamma: float
    moments: Sequence[int]
    episodes: Tensor
    obs: Tensor
    actions: Tensor
    gradients: Tensor
    whole: Tensor
    rough: Tensor | None = None

    @property
    def method(self) -> str:
        return "analytic" if self.rough is None else "differences"


def simulator_gradients(
    env: VectorEnv,
    seed: int,
    actions: Tensor,
    horizons: Sequence[int],
    gamma: float,
    generator: torch.Generator,
    moments: int | None = None,
) -> SimulatorGradients:
    """Along the episodes of `env.reset(seed)` with actions[T,B,A], at moments drawn in equal parts of them.

    moments: how many; None for MOMENTS, or fewer where differences would take more than MOST steps of the simulator.

    Raises NoGradients where the environment cannot go on from a saved state, and where not even one moment is had so.
    """
    longest, obs, width = max(horizons), env.reset(seed), _width(env)
    if why := env.why_new_episodes():
        raise NoGradients(why)
    if moments is None and env.differentiable:
        moments = MOMENTS
    if moments is None:
        each = env.num_envs * 2 * len(STEPS) * width * longest * (longest + 1) // 2
        moments = min(MOMENTS, MOST // each)
        if not moments:
            raise NoGradients(f"it would take {each:,} steps of the simulator; --moments 1 asks for it all the same")
    take = _analytic if env.differentiable else _by_differences
    chosen = _moments(len(actions) - longest + 1, moments, generator)
    found: list[tuple[Tensor, ...]] = []
    for step in range(chosen[-1] + 1):
        if step in chosen:
            here, state = actions[step : step + longest], env.state_dict()
            found.append((obs.cpu(), here, *take(env, here.double(), horizons, gamma, width)))
            _go_back(env, state)
        obs = env.step(actions[step]).obs
    starts, *others = zip(*found, strict=True)
    episodes, moves = torch.arange(env.num_envs).repeat(len(found)), (torch.cat(each, 1) for each in others)
    return SimulatorGradients(horizons, gamma, chosen, episodes, torch.cat(starts), *moves)


def _moments(steps: int, count: int, generator: torch.Generator) -> list[int]:
    """`count` of the first `steps` of an episode, one in each equal part, or all of them where they are fewer."""
    count = min(count, steps)
    parts = torch.linspace(0, steps, count + 1).ceil()
    drawn = parts[:-1] + torch.rand(count, generator=generator) * parts.diff()
    return drawn.long().tolist()


def _analytic(
    env: VectorEnv, actions: Tensor, horizons: Sequence[int], gamma: float, width: int
) -> tuple[Tensor, Tensor]:
    """gradients and whole of the B starts where the environments stand, along actions[H,B,A]. The gradients of an
    episode that does not last are 0: a simulation that goes on after its end may fail, and leaves nothing finite."""
    state = env.state_dict()
    whole = _rewards(env, actions)[1][torch.tensor(horizons) - 1]
    _go_back(env, state)
    found = actions.new_zeros(len(horizons), *actions.shape)
    for place, horizon in enumerate(horizons):
        varied = actions[:horizon].clone().requires_grad_()
        rewards = env.differentiable_rewards(varied).to(varied)
        discounts = gamma ** torch.arange(horizon).to(varied).unsqueeze(1)
        total = (discounts * rewards + 0 * varied.sum(2)).sum()  # a reward may depend on no action
        (found[place, :horizon],) = torch.autograd.grad(total, varied)
    gradients = torch.where(whole[:, :, None, None], found.transpose(1, 2), 0)
    return gradients[..., :width], whole


def _by_differences(
    env: VectorEnv, actions: Tensor, horizons: Sequence[int], gamma: float, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """gradients, whole and rough of the B starts where the environments stand, along actions[H,B,A]."""
    steps, rows, _ = actions.shape
    at, discounts = torch.tensor(horizons) - 1, gamma ** torch.arange(steps).double().unsqueeze(1)
    states: list[dict[str, Any]] = []
    rewards, running = _rewards(env, actions, states)
    returns = (discounts * rewards).cumsum(0)
    found = []
    for step, entry in product(range(steps), range(width)):
        used = stencil(actions[step, :, entry])
        there = []
        for size, offset in product(STEPS, used.offsets):
            moved = actions[step:].clone()
            moved[0, :, entry] += size * offset
            _go_back(env, states[step])
            whole = torch.cat([rewards[:step], _rewards(env, moved)[0]])  # summed as the others: no change stays none
            there.append((discounts * whole).cumsum(0))
        of_all = torch.stack(there).view(len(STEPS), 2, steps, rows)
        found.append(Derivative(*(each[at] for each in derivative(returns, of_all, used))))
    shape = (len(horizons), rows, steps, width)
    entries = Derivative(*(torch.stack(each, -1).view(shape) for each in zip(*found, strict=True)))
    moved_by = width * torch.tensor(horizons).view(-1, 1, 1, 1)  # entries that a return can depend on
    sizes = (entries.value.square().sum((2, 3), keepdim=True) / moved_by).sqrt()
    return entries.value, running[at], rough(entries, sizes)


def _rewards(env: VectorEnv, actions: Tensor, states: list[dict[str, Any]] | None = None) -> tuple[Tensor, Tensor]:
    """Rewards float64 [H,B] along actions[H,B,A], zero after an episode's end, and whether it was running before each
    step, bool [H,B]; states: takes the environments' before each step."""
    rewards, running = [], [torch.ones(env.num_envs, dtype=torch.bool)]
    for action in actions:
        if states is not None:
            states.append(env.state_dict())
        step = env.step(action)
        exact = step.reward.cpu().double() if step.exact is None else torch.from_numpy(step.exact)
        rewards.append(torch.where(running[-1], exact, 0))
        running.append(running[-1] & ~step.done.cpu())
    return torch.stack(rewards), torch.stack(running[:-1])


def _go_back(env: VectorEnv, state: dict[str, Any]) -> None:
    if env.load_state_dict(state) is not None:
        raise NoGradients("its episodes begin anew where a saved state is loaded")


def _width(env: VectorEnv) -> int:
    """How many of the actions the tasks played have."""
    return env.act_dim if env.tasks is None or env.action_dims is None else max(env.action_dims[i] for i in env.tasks)
