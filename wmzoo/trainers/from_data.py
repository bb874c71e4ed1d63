"""What trainers that learn from a data set, without stepping an environment, have in common."""

from __future__ import annotations

import time
from abc import abstractmethod

import torch
from torch import Tensor

from wmzoo.agent import Agent
from wmzoo.data.sampler import SliceSampler
from wmzoo.distributed import World
from wmzoo.pwm import PWM
from wmzoo.trainers.base import Recorder, Row, Trainer


class DataTrainer(Trainer):
    """Iterations of learning, with an assessment every `eval_every` and a checkpoint every `save_every` of them.

    Args:
        data: slices of a horizon are drawn from it.
        streams: the generators that data and pwm draw from.
        world: of several processes, whichever is asked to stop stops all.
    """

    def __init__(
        self,
        agent: Agent,
        pwm: PWM,
        data: SliceSampler,
        recorder: Recorder,
        streams: dict[str, torch.Generator],
        eval_every: int,
        save_every: int,
        iterations: int,
        horizon: int,
        batch_size: int,
        world: World,
    ) -> None:
        self.agent, self.pwm, self.data, self.recorder = agent, pwm, data, recorder
        self.streams, self.world = streams, world
        self.eval_every, self.save_every = eval_every, save_every
        self.iterations, self.horizon, self.batch_size = iterations, horizon, batch_size
        self.device = next(agent.parameters()).device
        self.iteration, self.seconds = 0, 0.0

    def begin(self) -> None:
        """What comes before the first iteration."""

    @abstractmethod
    def learn(self) -> Row:
        """The updates of one iteration; gives their figures."""

    @abstractmethod
    def assess(self) -> Row:
        """Figures of what has been learned so far."""

    def run(self) -> None:
        began = time.perf_counter() - self.seconds
        if self.iteration == 0:
            self.begin()
        while self.iteration < self.iterations:
            tick = time.perf_counter()
            rate = self.pwm.schedule(self.iteration / self.iterations)
            row = self.learn()
            self.pwm.nonfinite.settle()
            row |= {"lr": rate, "nonfinite": self.pwm.nonfinite.counts.total()}
            row |= {"iterations_per_second": 1 / (time.perf_counter() - tick)}
            self.iteration += 1
            last = self.iteration == self.iterations
            if last or self.iteration % self.eval_every == 0:
                row |= self.assess()
            self.seconds = time.perf_counter() - began
            self.recorder.log({"iteration": self.iteration, "env_steps": 0, "wall_clock": self.seconds} | row)
            stop = self.world.any(self.recorder.stop_requested(), self.device)
            if last or stop or self.iteration % self.save_every == 0:
                self.recorder.checkpoint(self.iteration, 0, self.state_dict())
            if stop:
                return

    def known(self, task: Tensor) -> Tensor | None:
        """task[B] for a model that tells tasks apart, None for one that does not."""
        return None if self.agent.world_model.task_embedding is None else task

    def state_dict(self) -> Row:
        return {
            "agent": self.agent.state_dict(),
            "pwm": self.pwm.state_dict(),
            "streams": {name: generator.get_state() for name, generator in self.streams.items()},
            "counters": {"iteration": self.iteration, "seconds": self.seconds},
        }

    def load_state_dict(self, state: Row) -> None:
        self.agent.load_state_dict(state["agent"])
        self.pwm.load_state_dict(state["pwm"])
        for name, generator in self.streams.items():
            generator.set_state(state["streams"][name])
        self.iteration, self.seconds = int(state["counters"]["iteration"]), float(state["counters"]["seconds"])
