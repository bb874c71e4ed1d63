"""What a trainer is, what it may ask of the outside, and the loop that the built-in ones share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.pwm.algorithm import PWM
from wmzoo.storage.form import check_form
from wmzoo.storage.rows import Row
from wmzoo.trainers.clock import Clock


class Recorder(Protocol):
    """Takes what a trainer reports. The trainer knows no file; the recorder knows no algorithm."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """How far something is that comes before the first iteration: `what` says it in words."""

    def log(self, row: Mapping[str, Any]) -> None:
        """One iteration's metrics."""

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        """The episodes of a periodic evaluation, before the row that has their mean."""

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None:
        """A moment worth keeping, with the trainer's `state_dict()` of it."""

    def stop_requested(self) -> bool:
        """Whether to save and return after this iteration."""


class Trainer(ABC):
    """Runs the whole training of one agent; the builder passes its parts as keywords.

    `state_dict()` holds everything that is needed to go on exactly, bit for bit on a CPU, in a trainer built from the
    same config: weights, optimisers, scales, counters, random streams, replay and environments.
    """

    in_pieces: tuple[str, ...] = ()  # keys of its state whose tensors `load_state_dict` may find unread, in their file

    @abstractmethod
    def run(self) -> None:
        """Train to the end, or until the recorder asks to stop: then a checkpoint is the last thing done.

        Raises RunFailed for non-finite numbers unless `on_nonfinite=skip`: the updates only note them, and
        `pwm.nonfinite.settle()`, once an iteration, says so.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, strings, lists and dicts: nothing that needs a pickle."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""


class IterativeTrainer(Trainer):
    """Iterations of learning, with an assessment every `eval_every` and a checkpoint every `save_every` of them; both
    also happen at the end.

    Args:
        streams: the generators that the trainer, its data and `pwm` draw from; `pwm` has them in its state.
    """

    env_steps = 0  # agent steps in all environments, of a trainer that acts

    def __init__(
        self,
        *,
        agent: Agent,
        pwm: PWM,
        recorder: Recorder,
        streams: dict[str, torch.Generator],
        eval_every: int,
        save_every: int,
        iterations: int,
    ) -> None:
        self.agent, self.pwm, self.recorder, self.streams = agent, pwm, recorder, streams
        self.eval_every, self.save_every, self.iterations = eval_every, save_every, iterations
        self.device = next(agent.parameters()).device  # of the updates
        self.iteration, self.clock = 0, Clock()  # both of the whole training, also of what came before a resume
        self.begun = False  # whether what comes before the first iteration was done

    def begin(self) -> bool | None:
        """What comes before the first iteration. False where it left off, asked to stop: it is called again."""

    @property
    def steps(self) -> int:
        """What a decay of the learning rates over steps counts: agent steps of a trainer that acts, else iterations."""
        return self.iteration

    def stopping(self) -> bool:
        """Whether one of the processes was asked to stop; all of them have to ask this together."""
        return self.pwm.world.any(self.recorder.stop_requested(), self.device)

    @abstractmethod
    def learn(self) -> Row:
        """The updates of one iteration; gives their figures."""

    @abstractmethod
    def speed(self, steps: int, seconds: float) -> Row:
        """How fast an iteration was that took so many agent steps and seconds."""

    @abstractmethod
    def assess(self) -> Row:
        """Figures of what has been learned so far."""

    def run(self) -> None:
        self.clock.start()
        if not self.begun:
            self.begun = self.begin() is not False
            if self.stopping():
                self.clock.read()
                self.recorder.checkpoint(0, self.env_steps, self.state_dict())
                return
        while self.iteration < self.iterations:
            tick, steps_before = time.perf_counter(), self.env_steps
            far = self.pwm.optimisation.decayed(self.iteration, self.iterations, self.steps)
            rate = self.pwm.optimisation.schedule(far)
            row = self.learn()
            self.pwm.nonfinite.settle()
            row |= {"lr": rate, "nonfinite": self.pwm.nonfinite.counts.total()}
            row |= self.speed(self.env_steps - steps_before, time.perf_counter() - tick)
            self.iteration += 1
            last = self.iteration == self.iterations
            if last or self.iteration % self.eval_every == 0:
                row |= self.assess()
            self.clock.read()
            counted = {"iteration": self.iteration, "env_steps": self.env_steps}
            self.recorder.log(counted | {"wall_clock": self.clock.wall, "cpu_time": self.clock.cpu} | row)
            stop = self.stopping()
            if last or stop or self.iteration % self.save_every == 0:
                self.recorder.checkpoint(self.iteration, self.env_steps, self.state_dict())
            if stop:
                return

    def state_dict(self) -> Row:
        counters = {"iteration": self.iteration, "env_steps": self.env_steps, "begun": self.begun}
        return {
            "agent": self.agent.state_dict(),
            "pwm": self.pwm.state_dict(),
            "counters": counters | {"seconds": self.clock.wall, "cpu_seconds": self.clock.cpu},
        }

    def check_state(self, state: Row) -> None:
        """ValueError, naming the place, for a state that does not have the form of this training's."""
        check_form(state["agent"], self.agent.state_dict(), "agent")
        self.pwm.check_state(state["pwm"])
        wanted = {"iteration": 0, "env_steps": 0, "seconds": 0.0, "cpu_seconds": 0.0, "begun": True}
        check_form(_completed(state["counters"]), wanted, "counters")

    def load_state_dict(self, state: Row) -> None:
        self.check_state(state)
        self._take(state)

    def _take(self, state: Row) -> None:
        """Go on from a state that has been checked."""
        self.agent.load_state_dict(state["agent"])
        self.pwm.load_state_dict(state["pwm"])
        counters = _completed(state["counters"])
        self.iteration, self.env_steps = int(counters["iteration"]), int(counters["env_steps"])
        self.clock = Clock(float(counters["seconds"]), float(counters["cpu_seconds"]))
        self.begun = bool(counters["begun"])


def _completed(counters: Row) -> Row:
    """Counters with what older states lack: they are of after an iteration, may have played nothing, and know of no
    processor seconds but those that passed."""
    return {"env_steps": 0, "begun": True, "cpu_seconds": counters.get("seconds"), **counters}


def mean(rows: Sequence[Mapping[str, Tensor]]) -> Row:
    """The mean of each column, as numbers; an iteration waits for its device here."""
    if not rows:
        return {}
    table = torch.stack([torch.stack(list(row.values())) for row in rows])
    return dict(zip(rows[0], table.double().mean(0).tolist(), strict=True))
