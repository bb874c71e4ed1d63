"""What surrounds the updates: drawing from the replay and stepping the environments, beside plain ways and floors."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch
from omegaconf import DictConfig

from timing.ceilings import rate_for
from timing.turns import Figure, stopwatch, take_turns
from wmzoo.data.replay import ReplayBuffer
from wmzoo.envs.base import Transition
from wmzoo.envs.build import build_env

LASTING = 200  # steps of an episode in the filled replay, on average
BATCHES = 16  # of random actions, used in turn
RESTART = 20  # steps after which the physics alone starts anew, as fallen bodies have more contacts


def sampling(cfg: DictConfig, memory: dict[int, float], turns: int, seconds: float) -> dict[str, Any]:
    """Seconds to draw a batch of slices from a filled replay, to index its arrays plainly at as many random rows, and
    to move the bytes at the memory's rate."""
    env = build_env(cfg)
    generator = torch.Generator().manual_seed(0)
    replay = ReplayBuffer(
        max(int(cfg.trainer.buffer_size), (env.episode_length + 2) * env.num_envs),
        env.num_envs,
        env.obs_dim,
        env.act_dim,
        env.episode_length,
        generator,
    )
    _fill(replay, generator)
    env.close()
    batch, horizon = cfg.trainer.batch_size, cfg.trainer.horizon

    def plain() -> Any:
        starts = torch.randint(replay.rows - horizon, (batch,), generator=generator)
        rows = starts + torch.arange(horizon + 1).unsqueeze(1)
        which = torch.randint(replay.num_envs, (batch,), generator=generator)
        return replay.obs[rows, which], replay.action[rows[:-1], which], replay.reward[rows[:-1], which]

    measures = {
        "wmzoo": stopwatch("s", lambda: replay.sample(batch, horizon)),
        "plain indexing": stopwatch("s", plain),
    }
    figures = take_turns(measures, turns, seconds)
    moved = 2 * sum(tensor.nbytes for tensor in replay.sample(batch, horizon))  # read and written
    held = sum(tensor.nbytes for tensor in (replay.obs, replay.action, replay.reward))
    return {"rows": len(replay), **_seconds(figures), "floor": moved / rate_for(memory, held)}


def _fill(replay: ReplayBuffer, generator: torch.Generator) -> None:
    """Random numbers in every row, in episodes of random lengths."""

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    count, obs_dim, act_dim = replay.num_envs, replay.obs.shape[-1], replay.action.shape[-1]
    replay.start(draw(count, obs_dim))
    for _ in range(replay.rows):
        obs, terminated = draw(count, obs_dim), draw(count) < 1 / LASTING
        truncated = torch.zeros_like(terminated)
        replay.add(draw(count, act_dim), Transition(obs, draw(count), terminated, truncated, obs, None, {}))


def stepping(cfg: DictConfig, turns: int, seconds: float) -> dict[str, Any]:
    """Seconds to step all environments once, to do so by Gymnasium's own loop, and for the physics alone, on one
    core."""
    env = build_env(cfg)
    generator = torch.Generator().manual_seed(0)
    actions = 2 * torch.rand(BATCHES, env.num_envs, env.act_dim, generator=generator) - 1
    env.reset(0, stagger=True)
    same_step = {"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP}
    loop = gymnasium.make_vec(cfg.env.task, env.num_envs, vectorization_mode="sync", vector_kwargs=same_step)
    loop.reset(seed=0)
    turn = iter(range(10**9))
    measures = {
        "wmzoo": stopwatch("s", lambda: env.step(actions[next(turn) % BATCHES])),
        "Gymnasium, sync": stopwatch("s", lambda: loop.step(actions[next(turn) % BATCHES].numpy())),
        "physics alone": stopwatch("s", _physics(cfg.env.task, env.num_envs)),
    }
    found = _seconds(take_turns(measures, turns, seconds))
    env.close()
    loop.close()
    return found


def _physics(task: str, count: int) -> Any:
    """The simulator's own steps of `count` copies, under random controls."""
    single: Any = gymnasium.make(task).unwrapped
    model, draws = single.model, np.random.default_rng(0)
    copies = [mujoco.MjData(model) for _ in range(count)]
    steps = iter(range(10**9))

    def step() -> None:
        restart = next(steps) % RESTART == 0
        for data in copies:
            if restart:
                mujoco.mj_resetData(model, data)
            data.ctrl[:] = draws.uniform(-1, 1, model.nu)
            mujoco.mj_step(model, data, nstep=single.frame_skip)

    return step


def _seconds(figures: dict[str, dict[str, Figure]]) -> dict[str, Any]:
    return {"ways": {who: vars(own["s"]) for who, own in figures.items()}}
