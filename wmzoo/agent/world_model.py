"""The world model: encode observations, step the latent, predict rewards; over any dynamics."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from wmzoo.agent.moments import RunningMoments
from wmzoo.dynamics.base import Dynamics
from wmzoo.nets.two_hot import RewardCode


class TaskEmbedding(nn.Module):
    """A learned vector per task, uniform ±0.02 at first and never longer than 1: task int64[B] -> [B,E]."""

    def __init__(self, num_tasks: int, task_dim: int) -> None:
        super().__init__()
        self.table = nn.Embedding(num_tasks, task_dim)
        nn.init.uniform_(self.table.weight, -0.02, 0.02)

    def forward(self, task: Tensor) -> Tensor:
        with torch.no_grad():  # what nn.Embedding's max_norm does, without making the host wait for a GPU
            self.table.weight.copy_(self.table.weight.renorm(2, 0, 1.0))
        out: Tensor = self.table(task)
        return out


END_WEIGHT = 10.0  # of a step that ends its episode, in the termination head's loss: one in a thousand may be such
FIRST_LOGIT = math.log(END_WEIGHT / 99)  # of the termination head: one step in a hundred ends


class WorldModel(nn.Module):
    """E(obs) → z, F(z, a) → z′, R(z, a) → reward, and where episodes can end by themselves the probability that
    reaching z′ ends one; leading dimensions of z and a may be [B] or [H,B].

    Rewards are in the units the head was taught: `reward_moments`, saved with the weights, holds the mean and std of
    the environment's rewards by which the algorithm scaled them (recipe.reward_scale).

    Args:
        encoder: [.., O+E] -> [.., D]. reward_head: [.., D+A+E] -> raw outputs [.., code.width].
        task_embedding: None for one task; then `task` is None everywhere.
        action_masks: [N,A], 1 where the task has that action; None means that all are used.
        termination_head: [.., D+E] -> logits [.., 1]; None where no step ends an episode.
        observation_moments: of width O, by which the encoder's input is normalised; None leaves it as it is.
        reward_moments: None for those of all rewards together.
    """

    action_masks: Tensor | None

    def __init__(
        self,
        encoder: nn.Module,
        dynamics: Dynamics,
        reward_head: nn.Module,
        reward_code: RewardCode,
        task_embedding: TaskEmbedding | None = None,
        action_masks: Tensor | None = None,
        termination_head: nn.Module | None = None,
        observation_moments: RunningMoments | None = None,
        reward_moments: RunningMoments | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.dynamics = encoder, dynamics
        self.reward_head, self.reward_code = reward_head, reward_code
        self.termination_head = termination_head
        self.task_embedding = task_embedding
        self.observation_moments = observation_moments
        self.reward_moments = reward_moments or RunningMoments()
        self.register_buffer("action_masks", action_masks, persistent=False)  # the config has it

    def embed(self, task: Tensor | None) -> Tensor | None:
        """task int64[B] -> [B,E]; None without tasks."""
        if self.task_embedding is None:
            return None
        if task is None:
            raise ValueError("this world model has several tasks: say which (task, int64 [B])")
        out: Tensor = self.task_embedding(task)
        return out

    def encode(self, obs: Tensor, task: Tensor | None = None) -> Tensor:
        """obs[.., B, O] -> z[.., B, D], on the simplices."""
        embedded = self.embed(task)
        if self.observation_moments is not None:
            obs = self.observation_moments.normalise(obs, task)
        z: Tensor = self.encoder(_append(obs, embedded))
        return z

    def next(self, z: Tensor, a: Tensor, task: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        """z[B,D], a[B,A] -> the next latent [B,D], as in the rollouts in which model and policy train; with
        noise[B,N] a sample of a stochastic dynamics."""
        return self.dynamics.rollout_step(z, self.mask(a, task), self.embed(task), noise)

    def begin(self, z: Tensor, task: Tensor | None = None) -> Any:
        """What a rollout from z[B,D] remembers between its steps (`Dynamics.begin`)."""
        return self.dynamics.begin(z, self.embed(task))

    def advance(
        self, state: Any, a: Tensor, task: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """The rollout's next latent [B,D] under a[B,A], and what it remembers then."""
        return self.dynamics.advance(state, self.mask(a, task), self.embed(task), noise)

    def reward(self, z: Tensor, a: Tensor, task: Tensor | None = None) -> Tensor:
        """The reward head's raw output [.., B, width] at (z, a); `reward_code.decode` makes it a reward."""
        raw: Tensor = self.reward_head(_append(torch.cat([z, self.mask(a, task)], -1), self.embed(task)))
        return raw.to(z.dtype)

    def end_logit(self, z_next: Tensor, task: Tensor | None = None) -> Tensor:
        """The termination head's output [.., B] at the latents reached, as its loss takes it: END_WEIGHT raises it."""
        assert self.termination_head is not None, "this world model has no termination head"
        logit: Tensor = self.termination_head(_append(z_next, self.embed(task)))
        return logit.squeeze(-1).to(z_next.dtype)

    def end_probability(self, z_next: Tensor, task: Tensor | None = None) -> Tensor:
        """The probability [.., B] that the step which reached z_next[.., B, D] ended the episode, in [0, 1].

        The head learns with positives that weigh w = END_WEIGHT: its odds are w times the true ones, and divided by it.
        """
        return (self.end_logit(z_next, task) - math.log(END_WEIGHT)).sigmoid()

    def step(
        self, z: Tensor, a: Tensor, task: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next latent [B,D], as in `next`, and the decoded reward [B] of taking a in z, in the head's units."""
        return self.next(z, a, task, noise), self.reward_code.decode(self.reward(z, a, task))

    def mask(self, a: Tensor, task: Tensor | None) -> Tensor:
        """a[.., B, A] with the actions that the task lacks set to zero."""
        mask = self.action_mask(task)
        return a if mask is None else a * mask

    def action_mask(self, task: Tensor | None) -> Tensor | None:
        """[B,A], 1 for the actions that the task has; None where all are used."""
        return None if self.action_masks is None or task is None else self.action_masks[task]


def _append(x: Tensor, task_emb: Tensor | None) -> Tensor:
    """x[.., B, W] with the task embedding [B,E] behind it."""
    return x if task_emb is None else torch.cat([x, task_emb.expand(*x.shape[:-1], -1)], -1)
