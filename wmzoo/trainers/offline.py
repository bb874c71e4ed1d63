"""Policy extraction: PWM's actor and critics learn inside a pretrained model, from data and without an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wmzoo.evaluation.episodes import Evaluation
from wmzoo.storage.rows import Row
from wmzoo.trainers.base import mean
from wmzoo.trainers.from_data import DataTrainer


class OfflineTrainer(DataTrainer):
    """Per iteration: slices of one task, an actor update on imagined rollouts from where they begin, a critic update on
    the same rollouts, and with `finetune_lr` an update of the model on the slices.

    Args:
        evaluate: the deterministic policy's evaluation on real environments, which nothing is learned from.
        finetune_lr: the model's own learning rate, which decays like the others; None leaves the model as it is.
        model_horizon, imagination_horizon: steps of the slices and of imagined rollouts; None for `horizon`.
    """

    def __init__(
        self,
        *,
        evaluate: Callable[[], Evaluation],
        finetune_lr: float | None,
        horizon: int,
        model_horizon: int | None = None,  # the configs of older versions lack these two
        imagination_horizon: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(horizon=model_horizon or horizon, **common)
        self.imagination_horizon = imagination_horizon or horizon
        if len(self.data.shards) > 1:
            names = ", ".join(shard.index.name for shard in self.data.shards)
            raise ValueError(f"trainer=offline extracts the policy of one task: data.tasks=[…] is one of {names}")
        self.evaluate, self.finetunes = evaluate, finetune_lr is not None

    def learn(self) -> Row:
        drawn = self.data.sample(self.batch_size, self.horizon).to(self.device)
        task = self.known(drawn.task)
        rollout, row = self.pwm.update_actor(drawn.slices.obs[0], self.imagination_horizon, task)
        row |= self.pwm.update_critic(rollout)
        if self.finetunes:
            row |= self.pwm.update_model(drawn.slices, task)
        return mean([row]) | self.pwm.esnr.row()

    def assess(self) -> Row:
        evaluation = self.evaluate()
        self.recorder.evaluated(self.iteration, 0, evaluation)
        return evaluation.row()
