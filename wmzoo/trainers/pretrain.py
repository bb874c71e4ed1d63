"""Pretraining: the world model alone, from a data set of one or many tasks, in one process or several."""

from __future__ import annotations

from functools import partial
from typing import Any

from wmzoo.data.sampler import SliceSampler
from wmzoo.diagnostics.open_loop import open_loop
from wmzoo.storage.rows import Row
from wmzoo.trainers.base import mean
from wmzoo.trainers.from_data import DataTrainer

DIAGNOSED_SLICES = 256
HELD_OUT = "episodes held out (every twentieth of a task; of fewer the last, but of one none)"
MEASURED = (64, 1024)  # draws and slices each, from which the moments of observations and rewards are taken


def of_task(figure: str, task: str) -> str:
    """The column of a figure of one task."""
    return f"{figure}/{task}"


class PretrainTrainer(DataTrainer):
    """Per iteration, `model_updates` of the world model on slices drawn from the data.

    Of several processes each draws the same batch and learns from its own part of it, and their gradients are averaged:
    the numbers are those of one process on the whole batch, up to the order of sums.

    Args:
        held_out: of episodes that are never learned from, for the errors in the metrics, over `horizon` steps.
        model_updates: per iteration. batch_size: slices of all processes together; ValueError where they cannot be
            divided evenly.
    """

    def __init__(self, *, held_out: SliceSampler, model_updates: int, **common: Any) -> None:
        super().__init__(**common)
        self.held_out, self.model_updates = held_out, model_updates
        held_out.check(self.horizon, HELD_OUT)
        self.part = self.pwm.world.part(self.batch_size)

    def begin(self) -> None:
        """Take the moments of observations and rewards from a sample of the data, where the model scales by them."""
        observations = self.agent.world_model.observation_moments
        if observations is None and self.pwm.recipe.reward_scale == "none":
            return
        draws, slices = MEASURED
        for _ in range(draws):
            drawn, task = self.data.sample(slices, self.model_horizon)
            self.pwm.rewards.update(drawn.rewards, task=task)
            if observations is not None:
                observations.update(drawn.obs, task=task)

    def learn(self) -> Row:
        return self.pwm.world.mean(mean([self._update() for _ in range(self.model_updates)]), self.device)

    def assess(self) -> Row:
        """Of all tasks together, and where there are several of each, by its name."""
        row = self._errors(self.held_out)
        for name, own in self.held_out.by_task(self.horizon).items():
            row |= {of_task(figure, name): error for figure, error in self._errors(own).items()}
        return row

    def _errors(self, data: SliceSampler) -> Row:
        drawn = data.sample(DIAGNOSED_SLICES, self.horizon).to(self.device)
        task = self.known(drawn.task)
        scale = partial(self.pwm.scale_reward, task=task)
        return open_loop(self.agent.world_model, drawn.slices, scale, task, self.streams["diagnostics"])

    def _update(self) -> Row:
        drawn = self.data.sample(self.batch_size, self.model_horizon).columns(self.part).to(self.device)
        return self.pwm.update_model(drawn.slices, self.known(drawn.task))
