"""Sticky actions, pushes and hidden velocities: how often, how strong, of what, and all of it in the saved state."""

import numpy as np
import pytest
import torch

from wmzoo.contracts import env as contract
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.envs.perturbed import MakePerturbed, Perturbations, PerturbedSimulator
from wmzoo.envs.simulator import Facts, SimulatorStep
from wmzoo.errors import WmzooError

EVERYTHING = {"sticky": 0.3, "push": 0.5, "hide_velocities": True}


class Echo:
    """Observes the action that it was given."""

    def __init__(self):
        self.facts = Facts(1, 1, 1.0, 100)

    def seed(self, seed):
        pass

    def reset(self):
        return np.zeros(1)

    def step(self, action):
        return SimulatorStep(np.array(action), 0.0, False, False, None)


def test_an_action_sticks_as_often_as_said_and_for_as_long_as_it_happens_but_never_into_a_new_episode():
    simulator, count = PerturbedSimulator(Echo(), Perturbations(sticky=0.3)), 4000
    simulator.seed(1)
    simulator.reset()
    taken = np.array([simulator.step(np.array([float(i)])).obs[0] for i in range(count)])
    sticks = taken[1:] == taken[:-1]
    assert sticks.mean() == pytest.approx(0.3, abs=4 * 0.46 / np.sqrt(count))
    assert (sticks[1:] & sticks[:-1]).mean() == pytest.approx(0.09, abs=0.02)  # one draw knows nothing of the other
    assert np.all(taken[1:][~sticks] == np.arange(1, count)[~sticks])
    for episode in range(50):
        simulator.reset()
        assert simulator.step(np.array([-1.0 - episode])).obs[0] == -1 - episode


def pushed(strength, steps=3000):
    """The forces that act on a cartpole's cart, [T, 3], and its weight in newtons."""
    env = DmcVectorEnv("cartpole-swingup", 1, push=strength, backend="serial")
    env.reset(0)
    simulator = env.pool.simulators[0]
    forces = []
    for _ in range(steps):
        env.step(torch.zeros(1, 1))
        forces.append(simulator.simulator.data.xfrc_applied.copy())
    weight = 9.81 * simulator.simulator.model.body_mass.sum()
    return np.array(forces), weight


@pytest.mark.slow
def test_a_push_is_as_strong_and_as_frequent_as_said_and_comes_from_anywhere():
    forces, weight = pushed(0.7)
    assert np.count_nonzero(np.delete(forces, 1, axis=1)) == 0 and np.count_nonzero(forces[..., 3:]) == 0
    on_cart = forces[:, 1, :3]
    hit = np.linalg.norm(on_cart, axis=1) > 0
    assert hit.mean() == pytest.approx(0.1, abs=4 * 0.3 / np.sqrt(len(hit)))
    np.testing.assert_allclose(np.linalg.norm(on_cart[hit], axis=1), 0.7 * weight)
    unit = on_cart[hit] / (0.7 * weight)
    np.testing.assert_allclose(unit.mean(0), 0, atol=0.15)
    np.testing.assert_allclose(unit.T @ unit / len(unit), np.eye(3) / 3, atol=0.08)


def test_a_push_moves_what_it_hits():
    plain, other = (DmcVectorEnv("cartpole-swingup", 4, push=push, backend="serial") for push in (0.0, 1.0))
    assert torch.equal(plain.reset(0), other.reset(0))
    for _ in range(60):
        apart = plain.step(torch.zeros(4, 1)).obs - other.step(torch.zeros(4, 1)).obs
    assert (apart.abs().amax(1) > 1e-3).all()


@pytest.mark.parametrize(
    ("make", "hidden"),
    [
        (lambda n, **keys: DmcVectorEnv("walker-walk", n, backend="serial", **keys), slice(15, 24)),
        (lambda n, **keys: GymnasiumVectorEnv("Hopper-v5", n, backend="serial", **keys), slice(5, 11)),
    ],
    ids=["dmc", "gymnasium"],
)
def test_hidden_velocities_are_left_out_and_the_rest_is_as_it_was(make, hidden):
    plain, other = make(2), make(2, hide_velocities=True)
    shown = np.delete(np.arange(plain.obs_dim), hidden)
    assert other.obs_dim == len(shown) and torch.equal(plain.reset(3)[:, shown], other.reset(3))
    for _ in range(5):
        actions = torch.full((2, plain.act_dim), 0.3)
        one, two = plain.step(actions), other.step(actions)
        assert torch.equal(one.obs[:, shown], two.obs) and torch.equal(one.reward, two.reward)


@pytest.mark.slow
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_perturbed_task_keeps_the_contract(check):
    check(lambda count: DmcVectorEnv("cheetah-run", count, backend="serial", **EVERYTHING))


def test_a_state_of_another_form_is_refused():
    env = DmcVectorEnv("cartpole-swingup", 1, sticky=0.5, backend="serial")
    env.reset(0)
    (simulator,) = env.pool.simulators
    state = simulator.state()
    simulator.load_state(state)
    state["perturbed"]["keys"] = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match=r"env/perturbed: keys is not int64\[1\]"):
        simulator.load_state(state)


def test_backends_give_the_same_numbers():
    one, other = (GymnasiumVectorEnv("Hopper-v5", 3, backend=name, **EVERYTHING) for name in ("serial", "processes"))
    try:
        assert torch.equal(one.reset(5), other.reset(5))
        for step in range(40):
            actions = torch.full((3, 3), 0.5 * (-1) ** step)
            assert torch.equal(one.step(actions).obs, other.step(actions).obs)
    finally:
        other.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DmcVectorEnv("walker-walk", 1, sticky=1.0), "env.sticky is a probability"),
        (lambda: DmcVectorEnv("walker-walk", 1, push=-1.0), "env.push is a number of 0 or more"),
        (lambda: GymnasiumVectorEnv("Pendulum-v1", 1, push=1.0), "only MuJoCo's tasks can be pushed"),
        (lambda: GymnasiumVectorEnv("Pendulum-v1", 1, hide_velocities=True), "Pendulum-v1 does not tell which"),
        (lambda: DmcVectorEnv("walker-walk", 1, sticky=0.1, backend="arrays"), "arrays does not know env.sticky"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, words):
    with pytest.raises(WmzooError, match=words):
        make()


def test_an_unperturbed_task_is_not_wrapped():
    env = DmcVectorEnv("cheetah-run", 2, backend="serial")
    assert not isinstance(env.pool.simulators[0], PerturbedSimulator) and not Perturbations().named()
    assert MakePerturbed(lambda count: [Echo()] * count, Perturbations()).light is False
