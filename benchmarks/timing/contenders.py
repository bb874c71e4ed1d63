"""What is timed at a size: the updates and the whole iteration of wmzoo's dynamics and of the transcription."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor
from transcription import Transcription, copy_weights

from timing.turns import Measure, stopwatch
from wmzoo.compute.rng import stream
from wmzoo.config.composition import compose
from wmzoo.data.replay import ReplayBuffer
from wmzoo.diagnostics.cost import Contender
from wmzoo.envs.base import Transition, VectorEnv
from wmzoo.envs.build import build_env
from wmzoo.runs.recorder import SilentRecorder
from wmzoo.trainers.build import build_trainer

ENVIRONMENT = "environment"  # the part of an iteration that steps it
RUN = ("trainer.iterations=1000000", "eval.every=1000000", "save.every=1000000")
WARM_UP = 100  # steps of every environment before the first iteration: slices to sample


def config(size: str, dynamics: str, env: str, overrides: list[str], recipe: str = "paper") -> DictConfig:
    """With a short beginning and no evaluations."""
    cfg = compose([f"recipe={recipe}", f"size={size}", f"dynamics={dynamics}", f"env={env}", *RUN, *overrides])
    cfg.recipe.warmup_steps, cfg.recipe.pretrain_updates = WARM_UP * cfg.env.num_envs, 1
    return cfg


def updates(contender: Contender) -> dict[str, Measure]:
    """One of each update."""
    return {name: stopwatch(name, update) for name, update in contender.updates().items()}


def optimiser_steps(contender: Contender, update: str) -> int:
    """Of one update: a critic update is several passes over mini-batches."""
    recipe = contender.cfg.recipe
    return int(recipe.critic_passes * recipe.critic_minibatches) if update == "critic" else 1


class _Clocked:
    """An environment whose `step` is timed."""

    def __init__(self, env: VectorEnv) -> None:
        self.seconds, self._step = 0.0, env.step
        env.step = self  # type: ignore[method-assign]

    def __call__(self, actions: Tensor) -> Transition:
        began = time.perf_counter()
        transition = self._step(actions)
        self.seconds += time.perf_counter() - began
        return transition


class _OneIteration(SilentRecorder):
    """Lets a trainer do one iteration at a time and takes its own account of how long that was."""

    def __init__(self, steps: int) -> None:
        super().__init__(lambda: self.done)
        self.steps = steps  # environment steps of an iteration
        self.seconds, self.done = 0.0, False

    def log(self, row: Mapping[str, Any]) -> None:
        self.seconds, self.done = self.steps / row["fps"], True


def iteration(cfg: DictConfig) -> Measure:
    """A whole iteration of wmzoo's trainer: acting, storing, all updates."""
    recorder = _OneIteration(cfg.env.num_envs * cfg.trainer.horizon)
    trainer: Any = build_trainer(cfg, lambda agent: recorder)[0]
    clock = _Clocked(trainer.env)
    trainer.run()  # the warm-up, and a first one

    def measured() -> dict[str, float]:
        clock.seconds, recorder.done = 0.0, False
        trainer.run()
        return {"iteration": recorder.seconds, ENVIRONMENT: clock.seconds}

    return measured


class Yardstick:
    """The transcription, on a contender's data; its iteration steps wmzoo's environments and keeps wmzoo's replay, so
    that what differs is the algorithm."""

    def __init__(self, contender: Contender) -> None:
        self.cfg, agent = contender.cfg, contender.agent
        self.slices, self.states, self.horizon = contender.slices, contender.states, contender.cfg.trainer.horizon
        self.own = Transcription(self.cfg, agent.obs_dim, agent.act_dim)
        copy_weights(agent, self.own)
        self.streams = {name: stream(self.cfg.seed, f"yardstick/{name}") for name in ("noise", "minibatch", "replay")}

    def updates(self) -> dict[str, Measure]:
        own, order = self.own, self.streams["minibatch"]
        _, rollout = own.update_actor(self.states, self._noise(len(self.states)))
        calls = {
            "model": lambda: own.update_model(*self.slices[:3]),
            "actor": lambda: own.update_actor(self.states, self._noise(len(self.states))),
            "critic": lambda: own.update_critic(rollout, order),
        }
        return {name: stopwatch(name, call) for name, call in calls.items()}

    def iteration(self) -> Measure:
        env, recipe = build_env(self.cfg), self.cfg.recipe
        clock = _Clocked(env)
        replay = ReplayBuffer(
            self.cfg.trainer.buffer_size,
            env.num_envs,
            env.obs_dim,
            env.act_dim,
            env.episode_length,
            self.streams["replay"],
        )
        obs = env.reset(0)
        replay.start(obs)

        def drive(actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            nonlocal obs
            transition = env.step(actions)
            replay.add(actions, transition)
            self.own.rewards.update(transition.reward)
            obs = transition.obs
            return transition.done, transition.terminated, obs

        def step() -> None:
            _, rollout = self.own.update_actor(obs, self._noise(len(obs)), drive)
            self.own.update_critic(rollout, self.streams["minibatch"])
            for _ in range(recipe.model_updates):
                self.own.update_model(*replay.sample(self.cfg.trainer.batch_size, self.horizon)[:3])

        for _ in range(WARM_UP):
            drive(2 * torch.rand(env.num_envs, env.act_dim, generator=self.streams["noise"]) - 1)

        def measured() -> dict[str, float]:
            clock.seconds = 0.0
            return {**stopwatch("iteration", step)(), ENVIRONMENT: clock.seconds}

        return measured

    def _noise(self, count: int) -> Tensor:
        return torch.randn(self.horizon, count, self.own.act_dim, generator=self.streams["noise"])
