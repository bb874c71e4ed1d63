"""Policy extraction: PWM's actor and critics learn inside a pretrained model, from data and without an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from wmzoo.data.sampler import TaskSlices
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.nets import Actor
from wmzoo.storage.rows import Row
from wmzoo.trainers.base import mean
from wmzoo.trainers.from_data import DataTrainer


class OfflineTrainer(DataTrainer):
    """Per iteration: slices of one task, an actor update on imagined rollouts from where they begin, a critic update on
    the same rollouts, as in `trainer=online`, and with `finetune_lr` an update of the model on the slices.

    The metrics say how far the policy leaves the data: in what it imagines, and in its evaluations.

    Args:
        evaluate: the deterministic policy's evaluation on real environments, which nothing is learned from.
        finetune_lr: the model's own learning rate, which decays like the others; None leaves the model as it is.
        imagination_horizon: steps of imagined rollouts; None for `horizon`.
    """

    def __init__(
        self,
        *,
        evaluate: Callable[[], Evaluation],
        finetune_lr: float | None,
        imagination_horizon: int | None = None,  # the configs of older versions lack it
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.imagination_horizon = imagination_horizon or self.horizon
        if len(self.data.shards) > 1:
            names = ", ".join(shard.index.name for shard in self.data.shards)
            raise ValueError(f"trainer=offline extracts the policy of one task: data.tasks=[…] is one of {names}")
        self.evaluate, self.finetunes = evaluate, finetune_lr is not None
        self.last: tuple[TaskSlices, tuple[Tensor, Tensor]]  # of the iteration: its slices, latents imagined, actions

    def learn(self) -> Row:
        drawn = self.data.sample(self.batch_size, self.model_horizon).to(self.device)
        slices, task = drawn.slices, self.known(drawn.task)
        known = self.pwm.update_disagreement(slices, task)
        rollout, row = self.pwm.update_actor(slices.obs[0], self.imagination_horizon, task, taken=slices.actions[0])
        row |= self.pwm.update_critic(rollout) | known
        self.last = (drawn, (rollout.z.detach(), rollout.actions.detach()))
        if self.finetunes:
            row |= self.pwm.update_model(slices, task)
        return mean([row]) | self.pwm.esnr.row()

    def assess(self) -> Row:
        """The evaluation, and the shares of what was imagined last and of what was met in it that are off the data."""
        assert self.agent.actor is not None, "a policy is what is extracted"
        with watched(self.agent.actor) as met:
            evaluation = self.evaluate()
        self.recorder.evaluated(self.iteration, 0, evaluation)
        drawn, imagined = self.last
        visited = {"off_data_imagined": imagined}
        if met:
            z, actions = (torch.cat(each) for each in zip(*met, strict=True))
            task = self.known(drawn.task[:1].expand(len(z)))
            visited["off_data"] = (z, self.agent.world_model.mask(actions, task))
        return evaluation.row() | self.pwm.off_data(drawn.slices, self.known(drawn.task), **visited)


@contextmanager
def watched(actor: Actor) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Within it the list grows by the latents [B,D] in which the actor is asked for actions, with these [B,A]."""
    met: list[tuple[Tensor, Tensor]] = []
    hook = actor.register_forward_hook(lambda module, given, action: met.append((given[0], action)))
    try:
        yield met
    finally:
        hook.remove()
