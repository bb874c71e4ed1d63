"""What every environment suite must keep; `make` gives a new batch of B copies of one task."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmzoo.contracts.common import Case, DoesNotApply, cases
from wmzoo.envs.base import Transition, VectorEnv
from wmzoo.errors import WmzooError
from wmzoo.registry import build

Make = Callable[[int], VectorEnv]
SEED = 7


def suite(name: str) -> Iterator[Case]:
    """Every check of entry `name`, with the task that its card names."""
    yield from cases({name: partial(_build, name)}, CHECKS)


def _build(name: str, num_envs: int) -> VectorEnv:
    env: VectorEnv = build("env", name, num_envs=num_envs)
    return env


def check_shapes_and_dtypes(make: Make) -> None:
    """float32 observations and rewards, bool ends, all on the environment's device and without a graph."""
    env = make(3)
    start = env.reset(SEED)
    (got,) = _steps(env, 1)
    for name, tensor in [("the first obs", start), ("obs", got.obs), ("final_obs", got.final_obs)]:
        _expect(tensor.shape == (3, env.obs_dim), f"{name} has shape {tuple(tensor.shape)}")
        _expect(tensor.dtype == torch.float32, f"{name} is {tensor.dtype}, not float32")
    _expect(got.reward.shape == (3,), f"reward has shape {tuple(got.reward.shape)}")
    _expect(got.reward.dtype == torch.float32, f"reward is {got.reward.dtype}, not float32")
    for name, tensor in [("terminated", got.terminated), ("truncated", got.truncated)]:
        _expect(tensor.shape == (3,) and tensor.dtype == torch.bool, f"{name} is not bool [B]")
    if got.success is not None:
        _expect(got.success.dtype == torch.float32, "success is not float32")
        _expect(bool(((got.success == 0) | (got.success == 1)).all()), "success is not 0 or 1")
    for value in got:
        if isinstance(value, Tensor):
            _expect(value.device == env.device, f"a tensor is on {value.device}, not {env.device}")
            _expect(not value.requires_grad, "a returned tensor requires a gradient")
    env.close()


def check_ranges(make: Make) -> None:
    """Observations and rewards are finite over the whole range of actions; the lengths of time are positive."""
    env = make(3)
    _expect(env.episode_length >= 1, f"episode_length is {env.episode_length}")
    _expect(env.control_timestep > 0, f"control_timestep is {env.control_timestep}")
    _expect(bool(env.reset(SEED).isfinite().all()), "a first observation is not finite")
    extremes = [sign * torch.ones(3, env.act_dim) for sign in (-1, 1)]
    for actions in [*_actions(env, 20), *extremes, *extremes]:
        got = env.step(actions)
        for name, tensor in [("obs", got.obs), ("final_obs", got.final_obs), ("reward", got.reward)]:
            _expect(bool(tensor.isfinite().all()), f"{name} is not finite with actions in [-1, 1]")
    env.close()


def check_ownership(make: Make) -> None:
    """What was returned is the caller's: later steps do not change it, and changing it changes nothing."""
    env, untouched = make(2), make(2)
    env.reset(SEED).zero_()
    untouched.reset(SEED)
    kept = []
    for mine, theirs in zip(_steps(env, 3), _steps(untouched, 3), strict=True):
        _same(mine, theirs, "after the caller changed an earlier result")
        kept.append((theirs.obs, theirs.obs.clone()))
        for tensor in (mine.obs, mine.final_obs, mine.reward):
            tensor.zero_()
    for obs, copy in kept:
        _expect(torch.equal(obs, copy), "a later step changed an observation already returned")


def check_seeding(make: Make) -> None:
    """A seed gives the same episodes bit for bit, in another batch or after others; another seed others."""
    env, fresh = make(3), make(3)
    other = env.reset(SEED + 1)
    list(_steps(env, 5))
    start = env.reset(SEED)
    _expect(torch.equal(start, fresh.reset(SEED)), "reset with one seed gives different starts")
    _expect(not torch.equal(start, other), "two seeds give the same start")
    _expect(not torch.equal(start[0], start[1]), "environments of a batch start alike")
    for mine, theirs in zip(_steps(env, 20), _steps(fresh, 20), strict=True):
        _same(mine, theirs, "with one seed")


def check_independence(make: Make) -> None:
    """Environment i is not touched by what the others do, nor by how many there are."""
    small, large = make(2), make(4)
    _expect(torch.equal(small.reset(SEED), large.reset(SEED)[:2]), "starts depend on the size of the batch")
    for step, actions in enumerate(_actions(large, 20)):
        left, right = small.step(actions[:2]), large.step(actions)
        _expect(torch.equal(left.obs, right.obs[:2]), f"step {step} depends on the other environments")
        _expect(torch.equal(left.reward, right.reward[:2]), f"reward {step} depends on the others")


def check_autoreset(make: Make) -> None:
    """Staggered episodes are cut at their time, restart in that step, and give the true last observation.

    The oracle is the same batch unstaggered, whose episodes go on through those moments.
    """
    staggered, plain = make(50), make(50)
    _expect(torch.equal(staggered.reset(SEED, stagger=True), plain.reset(SEED)), "stagger changes the starts")
    elapsed = staggered.elapsed
    comparable = torch.ones(50, dtype=torch.bool)  # still in the first episode of both
    cut = 0
    for actions in _actions(staggered, staggered.episode_length // 50 + 1):
        gentle = 0.1 * actions  # lest walkers fall before their time
        mine, theirs = staggered.step(gentle), plain.step(gentle)
        elapsed += 1
        _expect(not bool((mine.terminated & mine.truncated).any()), "terminated and truncated at once")
        due = elapsed >= staggered.episode_length
        _expect(bool((mine.done | ~due).all()), "an episode goes on beyond its length")
        running = ~mine.done
        _expect(torch.equal(mine.final_obs[running], mine.obs[running]), "final_obs is not obs in mid-episode")
        same = comparable & ~theirs.done
        _expect(torch.equal(mine.final_obs[same], theirs.obs[same]), "final_obs is not the last observation")
        _expect(torch.equal(mine.reward[comparable], theirs.reward[comparable]), "reward differs at the cut")
        ended = same & mine.done
        _expect(bool((mine.obs[ended] != mine.final_obs[ended]).any(dim=1).all()), "no new start after an end")
        cut += int(ended.sum())
        elapsed[mine.done] = 0
        _expect(torch.equal(staggered.elapsed, elapsed), "elapsed does not count the steps of the episode")
        comparable &= ~mine.done & ~theirs.done
    _expect(cut > 0, "no episode was cut: the staggered start has no effect")


def check_state_roundtrip(make: Make) -> None:
    """A saved state, without pickled objects, goes on bit for bit in another batch, through ends too."""
    env, other = make(4), make(4)
    env.reset(SEED, stagger=True)
    list(_steps(env, 10))
    file = io.BytesIO()
    torch.save(env.state_dict(), file)
    file.seek(0)
    other.reset(SEED + 1)
    list(_steps(other, 3))
    if other.load_state_dict(torch.load(file, weights_only=True)) is not None:
        raise DoesNotApply(f"its episodes begin anew: {env.why_new_episodes()}")
    ends = 0
    steps = env.episode_length // 4 + 10
    for mine, theirs in zip(_steps(env, steps), _steps(other, steps), strict=True):
        _same(mine, theirs, "after the state was loaded")
        ends += int(mine.done.sum())
    _expect(ends > 0, "no episode ended")


def check_actions(make: Make) -> None:
    """Actions beyond [-1, 1] are clipped; what is not finite or has the wrong shape is refused with words."""
    env, clipped = make(2), make(2)
    env.reset(SEED)
    clipped.reset(SEED)
    ones = torch.ones(2, env.act_dim)
    _same(env.step(3 * ones), clipped.step(ones), "with actions out of range")
    for wrong in (ones * float("nan"), ones * float("inf"), ones[:1], ones[:, :0]):
        try:
            env.step(wrong)
        except WmzooError:
            continue
        raise AssertionError(f"actions {wrong.tolist()} were accepted")


def check_differentiable_rewards(make: Make) -> None:
    """Where there are some: they are those of `step`, the first action has a gradient, and the environment stays."""
    env, untouched = make(3), make(3)
    if not env.differentiable:
        raise DoesNotApply("its simulator is not differentiable")
    env.reset(SEED)
    untouched.reset(SEED)
    actions = torch.stack([0.5 * action for action in _actions(env, 4)]).requires_grad_()
    rewards = env.differentiable_rewards(actions)
    (gradient,) = torch.autograd.grad(rewards.sum(), actions)
    _expect(bool(gradient.isfinite().all() and gradient[0].any(dim=1).all()), "the first action has no gradient")
    running = torch.ones(3, dtype=torch.bool)
    for action, reward in zip(actions.detach(), rewards.detach(), strict=True):
        mine, theirs = env.step(action), untouched.step(action)
        _same(mine, theirs, "after `differentiable_rewards`")
        _expect(torch.equal(reward[running], mine.reward[running]), "the rewards are not those of `step`")
        running &= ~mine.done.cpu()
    _expect(not env.step(actions[0]).reward.requires_grad, "a step has a gradient after `differentiable_rewards`")


def check_render(make: Make) -> None:
    """A picture of the asked size, or one line on why there is none, which `check_rendering` gives beforehand."""
    env = make(2)
    foretold = None
    try:
        env.check_rendering()
    except WmzooError as error:
        foretold = str(error)
    env.reset(SEED)
    try:
        picture = env.render(1, width=64, height=48)
    except WmzooError as error:
        _expect("\n" not in str(error), "the reason is longer than a line")
        _expect(str(error) == foretold, "`check_rendering` did not raise what `render` raises")
        raise DoesNotApply(str(error)) from error
    finally:
        env.close()
    _expect(foretold is None, f"there is a picture, against what `check_rendering` said: {foretold}")
    _expect(picture.shape == (48, 64, 3) and picture.dtype == np.uint8, "the picture is not uint8 [H, W, 3]")
    _expect(int(picture.max()) > int(picture.min()), "the picture is empty")


def check_close(make: Make) -> None:
    """Closing, also twice, leaves no process behind."""
    before = _children()
    env = make(4)
    env.reset(SEED)
    list(_steps(env, 2))
    _expect(set(env.workers) <= _children() - before or not LISTS_PROCESSES, "`workers` are not processes of its own")
    env.close()
    env.close()
    left = _children() - before
    _expect(not left, f"{len(left)} processes are left after `close`")


def check_crash(make: Make) -> None:
    """A worker process, where there are some, that dies is an error of one line at the next step, and no hang."""
    env = make(4)
    env.reset(SEED)
    list(_steps(env, 1))
    for pid in env.workers[-1:]:
        os.kill(pid, signal.SIGKILL)
        try:
            list(_steps(env, 1))
        except WmzooError as error:
            words = str(error)
            _expect("worker" in words and "\n" not in words, f"the error names no worker in one line: {words}")
        else:
            raise AssertionError("a step went well without one of the workers")
        gone = set(env.workers) - _children()
        _expect(len(gone) == len(env.workers) or not LISTS_PROCESSES, "the other workers are left behind")
    env.close()


LISTS_PROCESSES = Path("/proc/self/stat").exists()


def _children() -> set[int]:
    """The processes that this one has started; none where the system does not list them in /proc."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = file.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it has just ended
            continue
        if int(parent) == os.getpid():
            found.add(int(file.parent.name))
    return found


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_shapes_and_dtypes,
    check_ranges,
    check_ownership,
    check_seeding,
    check_independence,
    check_autoreset,
    check_state_roundtrip,
    check_actions,
    check_differentiable_rewards,
    check_render,
    check_close,
    check_crash,
)


def _actions(env: VectorEnv, count: int) -> Iterator[Tensor]:
    """The same uniformly random actions every time."""
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(count):
        yield 2 * torch.rand(env.num_envs, env.act_dim, generator=generator) - 1


def _steps(env: VectorEnv, count: int) -> Iterator[Transition]:
    for actions in _actions(env, count):
        yield env.step(actions)


def _same(mine: Transition, theirs: Transition, when: str) -> None:
    for name in ("obs", "reward", "terminated", "truncated", "final_obs", "success"):
        left: Any = getattr(mine, name)
        right: Any = getattr(theirs, name)
        equal = left is right if left is None or right is None else torch.equal(left, right)
        _expect(equal, f"{name} differs {when}")


def _expect(holds: bool, words: str) -> None:
    if not holds:
        raise AssertionError(words)
