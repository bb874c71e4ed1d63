"""Online training: act in environments, learn the model from a replay, the policy from imagined rollouts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from wmzoo.compute.device import send
from wmzoo.data.replay import NoSlices, ReplayBuffer, Slices
from wmzoo.diagnostics.open_loop import open_loop
from wmzoo.envs.base import NewEpisodes, VectorEnv
from wmzoo.errors import RunFailed
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.pwm.algorithm import Figures
from wmzoo.pwm.imagination import Feedback
from wmzoo.storage.form import check_form
from wmzoo.storage.rows import Row
from wmzoo.trainers.base import IterativeTrainer, mean
from wmzoo.trainers.episodes import EpisodeTracker
from wmzoo.trainers.exploration import ExplorationNoise

DIAGNOSED_SLICES = 256
log = logging.getLogger("wmzoo")


class OnlineTrainer(IterativeTrainer):
    """Per iteration: `horizon` steps of all environments, then actor, critic and model updates.

    Args:
        horizon: H, the steps acted.
        batch_size: slices per model update. buffer_size: rows of the replay. recency: κ of its draws.
        model_horizon, imagination_horizon: steps of the slices and of imagined rollouts; None for H.
        warmup_steps: environment steps with uniformly random actions before the first iteration; None for one whole
            episode in every environment.
        noise_correlation: of these, and of the policy's noise while it acts on observations; see ExplorationNoise.
        pretrain_updates: model updates on them; None for as many as an episode has steps (PWM).
        model_updates: per iteration.
        act_on: `observations` acts on the encoding of every real observation; actor updates follow. `imagination` is
            the paper's loop: the actions of the actor's imagined rollout of H steps drive the environments, whose ends
            of episodes close its rollouts; one actor update per iteration.
        actor_updates: per iteration; each is followed by one critic update on the same rollout.
        rollouts, starts: imagined ones per actor update, with `act_on=observations`, and where they start: in states of
            the `replay`, or in those `visited` in the iteration.
        stagger: spread the first episodes' lengths, so that episode ends do not coincide.
        evaluate: the deterministic policy's evaluation on separate environments.
        common: of IterativeTrainer. Iterations follow the warm-up; streams are `exploration`, `starts`, `replay` and
            `diagnostics`.
    """

    in_pieces = ("replay",)

    def __init__(
        self,
        *,
        env: VectorEnv,
        evaluate: Callable[[], Evaluation],
        seed: int,
        horizon: int,
        batch_size: int,
        buffer_size: int,
        warmup_steps: int | None,
        pretrain_updates: int | None,
        model_updates: int,
        act_on: str,
        actor_updates: int,
        rollouts: int,
        stagger: bool,
        recency: float = 1.0,  # the configs of older versions lack these five
        noise_correlation: float | Sequence[float] = 0.0,
        model_horizon: int | None = None,
        imagination_horizon: int | None = None,
        starts: str = "visited",
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if act_on not in ("observations", "imagination"):
            raise ValueError(f"recipe.act_on is observations or imagination, not '{act_on}'")
        self.horizon, self.model_horizon = horizon, model_horizon or horizon
        self.imagination_horizon = imagination_horizon or horizon
        for key, steps in {"trainer.horizon": horizon, "recipe.model_horizon": self.model_horizon}.items():
            if env.episode_length < steps:
                raise ValueError(f"{key}={steps} is longer than an episode, {env.episode_length} agent steps")
        if self.agent.world_model.task_embedding is not None:
            raise ValueError("trainer=online trains on one task: it takes no env=multitask and model.num_tasks=0")
        self.env, self.evaluate, self.seed = env, evaluate, seed
        self.batch_size, self.starts = batch_size, starts
        self.warmup_steps = env.episode_length * env.num_envs if warmup_steps is None else warmup_steps
        self.pretrain_updates = env.episode_length if pretrain_updates is None else pretrain_updates
        self.model_updates = model_updates
        self.act_on, self.stagger = act_on, stagger
        self.actor_updates, self.rollouts = actor_updates, rollouts
        self.playing, self.first_updates = False, 0  # of `begin`: whether episodes run, model updates done
        shape = (env.num_envs, env.obs_dim, env.act_dim, env.episode_length)
        terminates = self.agent.world_model.termination_head is not None
        self.replay = ReplayBuffer(buffer_size, *shape, self.streams["replay"], recency, terminates)
        self.noise = ExplorationNoise(env.num_envs, env.act_dim, noise_correlation, self.streams["exploration"])

    def learn(self) -> Row:
        policy, model = self._policy_updates(), self._model_updates(self.model_updates)
        return mean(policy) | mean(model) | self.episodes.take() | self.pwm.esnr.row()

    @property
    def steps(self) -> int:
        return self.env_steps

    def speed(self, steps: int, seconds: float) -> Row:
        return {"fps": steps / seconds, "buffer_size": len(self.replay)}

    def assess(self) -> Row:
        evaluation = self.evaluate()
        self.recorder.evaluated(self.iteration, self.env_steps, evaluation)
        return evaluation.row() | self._model_errors()

    # ── acting ────────────────────────────────────────

    def begin(self) -> bool:
        """First episodes, the warm-up and the model's first updates, as far as they are not done yet."""
        if not self.playing:
            self._first_episodes()
        while self.env_steps < self.warmup_steps:
            if self.stopping():
                return False
            self.recorder.preparing("random steps", self.env_steps, self.warmup_steps)
            self._act(self.noise.uniform())
        together = max(1, self.model_updates)
        while self.first_updates < self.pretrain_updates:
            if self.stopping():
                return False
            if self.first_updates % together == 0:
                self.recorder.preparing("first model updates", self.first_updates, self.pretrain_updates)
                self.pwm.nonfinite.settle()
            self._model_updates(1)
            self.first_updates += 1
        self.pwm.nonfinite.settle()
        return True

    def _first_episodes(self) -> None:
        self.obs = self.env.reset(self.seed, stagger=self.stagger)
        if not self.obs.isfinite().all():
            raise RunFailed("the first observation is not finite: there is nothing to start from")
        if why := self.env.why_new_episodes():
            log.warning("%s: `wmzoo resume` will not be exact, its environments begin new episodes", why)
        self.episodes = EpisodeTracker(self.env.elapsed)
        self._observe(self.obs)
        self.replay.start(self.obs)
        self.playing = True

    def _act(self, actions: Tensor) -> Feedback:
        """Step the environments and keep what happened.

        With `on_nonfinite=skip` an action that is not finite becomes the middle of its range, and where an observation
        is not, the one before is acted on again; no slice of the replay has either.
        """
        actions = actions.where(self._finite("action", actions), 0.0)
        transition = self.env.step(actions)
        self._finite("reward", transition.reward.unsqueeze(1))
        self._finite("observation", torch.cat([transition.final_obs, transition.obs], 1))
        self.replay.add(actions, transition)
        self.pwm.rewards.update(transition.reward[transition.reward.isfinite()])
        self._observe(transition.obs)
        self.episodes.add(transition)
        self.obs = transition.obs.where(transition.obs.isfinite().all(1, keepdim=True), self.obs)
        self.env_steps += self.env.num_envs
        return Feedback(transition.done.cpu(), transition.terminated.cpu(), send(self.obs, self.device))

    def _finite(self, what: str, rows: Tensor) -> Tensor:
        """rows[B,W] -> bool[B,1]: whether all of an environment's numbers are finite; what is not is reported."""
        fine = rows.isfinite().all(1, keepdim=True)
        if not fine.all():
            env = int(fine.flatten().long().argmin())
            self.pwm.nonfinite.found(what, f"of environment {env} after {self.env_steps} environment steps")
        return fine

    def _observe(self, obs: Tensor) -> None:
        """Take the rows of obs[B,O] into the moments by which the model normalises, if it does."""
        moments = self.agent.world_model.observation_moments
        if moments is not None:
            moments.update(obs[obs.isfinite().all(1)])

    # ── learning ────────────────────────────────────────

    def _policy_updates(self) -> list[Figures]:
        if self.act_on == "imagination":
            rollout, row = self.pwm.update_actor(send(self.obs, self.device), self.horizon, drive=self._act)
            return [row | self.pwm.update_critic(rollout)]
        visited = []
        for _ in range(self.horizon):
            visited.append(self.obs)
            obs = send(self.obs, self.device)
            self._act(self.pwm.act(obs, send(self.noise.normal(), self.device)))
        states = send(torch.cat(visited), self.device) if self.starts == "visited" else None
        rows = []
        for _ in range(self.actor_updates):
            rollout, row = self.pwm.update_actor(self._starts(states), self.imagination_horizon)
            rows.append(row | self.pwm.update_critic(rollout))
        return rows

    def _starts(self, visited: Tensor | None) -> Tensor:
        """Where imagined rollouts begin: some of the states visited, or of the replay (none in which an episode
        ended)."""
        if visited is None:
            return send(self.replay.sample(self.rollouts, 1, self.streams["starts"]).obs[0], self.device)
        chosen = torch.randperm(len(visited), generator=self.streams["starts"])[: self.rollouts]
        return visited[send(chosen, self.device)]

    def _model_updates(self, count: int) -> list[Figures]:
        return [self.pwm.update_model(self._slices()) for _ in range(count)]

    def _slices(self) -> Slices:
        try:
            return self.replay.sample(self.batch_size, self.model_horizon).to(self.device)
        except NoSlices as error:
            mend = f"a shorter recipe.model_horizon than {self.model_horizon}, or more recipe.warmup_steps"
            raise RunFailed(f"{error}, after {self.env_steps:,} environment steps: {mend}") from error

    def _model_errors(self) -> Row:
        draws = self.streams["diagnostics"]
        slices = self.replay.sample(DIAGNOSED_SLICES, self.horizon, draws).to(self.device)
        return open_loop(self.agent.world_model, slices, self.pwm.scale_reward, None, draws)

    # ── state ────────────────────────────────────────

    def state_dict(self) -> Row:
        own = {
            "env": self.env.state_dict(),
            "replay": self.replay.state_dict(),
            "episodes": self.episodes.state_dict(),
            "obs": self.obs,
            "first_updates": self.first_updates,
        }
        return super().state_dict() | own | self.noise.state_dict()

    def check_state(self, state: Row) -> None:
        super().check_state(state)
        self.env.check_saved(len(state["obs"]))
        self.replay.check_state(state["replay"])
        check_form(state["obs"], torch.empty(self.env.num_envs, self.env.obs_dim), "obs")
        self.noise.check_state(state)
        EpisodeTracker(torch.zeros(self.env.num_envs, dtype=torch.long)).load_state_dict(state["episodes"])

    def _take(self, state: Row) -> None:
        anew = self.env.load_state_dict(state["env"])  # first: it checks its state itself
        super()._take(state)
        self.replay.load_state_dict(state["replay"])
        self.episodes = EpisodeTracker(self.env.elapsed)
        self.episodes.load_state_dict(state["episodes"])
        self.obs = state["obs"].clone()
        self.noise.load_state_dict(state)
        self.playing = True
        self.first_updates = int(state.get("first_updates", self.pretrain_updates))  # older states: all were done
        if anew is not None:
            self._begin_anew(anew)

    def _begin_anew(self, anew: NewEpisodes) -> None:
        """Leave running episodes that cannot go on: what they gave is kept, and they are not counted."""
        self.obs[anew.rows] = anew.obs[anew.rows]
        self.episodes.restart(anew.rows)
        self.replay.restart(anew.rows, anew.obs)
