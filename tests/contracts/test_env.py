"""The contract of environments says no to broken ones, in words that name what is wrong."""

import numpy as np
import pytest
from counting import Counter, Make

from wmzoo.contracts import env as contract
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.envs.simulator import SimulatorStep
from wmzoo.errors import RunFailed


class Batch(SimulatedVectorEnv):
    def __init__(self, num_envs, cls=Counter, backend="processes"):
        super().__init__("counting", Make(cls=cls), num_envs, 5, backend=backend)


class Leaky(Batch):
    def close(self):
        pass


class Hiding(Batch):
    """Goes on as if nothing had happened when a worker is gone."""

    def step(self, actions):
        try:
            self.last = super().step(actions)
        except RunFailed:
            self.close()
        return self.last


class Mumbling(Batch):
    def step(self, actions):
        try:
            return super().step(actions)
        except RunFailed as error:
            raise RunFailed("something went wrong") from error


class Differentiable(Batch):
    """A Counter's rewards are its actions."""

    differentiable = True

    def __init__(self, num_envs, slope=1, moves=False):
        super().__init__(num_envs, backend="serial")
        self.slope, self.moves = slope, moves

    def differentiable_rewards(self, actions):
        if self.moves:
            self.step(actions[0].detach())
        return self.slope * actions.sum(2)


class Infinite(Counter):
    def step(self, action):
        return SimulatorStep(np.array([1.0, np.inf if action[0] == 1 else 0.0]), 0.0, False, False, None)


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (Leaky, contract.check_close, "processes are left after `close`"),
        (Hiding, contract.check_crash, "a step went well without one of the workers"),
        (Mumbling, contract.check_crash, "names no worker in one line: something went wrong"),
        (lambda n: Differentiable(n, 0), contract.check_differentiable_rewards, "the first action has no gradient"),
        (lambda n: Differentiable(n, 2), contract.check_differentiable_rewards, "are not those of `step`"),
        (lambda n: Differentiable(n, moves=True), contract.check_differentiable_rewards, "obs differs after `diff"),
        (lambda n: Batch(n, Infinite, "serial"), contract.check_ranges, r"obs is not finite with actions in \[-1, 1\]"),
    ],
)
def test_a_broken_environment_is_found_out(make, check, words):
    with pytest.raises(AssertionError, match=words):
        check(make)


def test_a_right_differentiable_environment_passes():
    contract.check_differentiable_rewards(Differentiable)
