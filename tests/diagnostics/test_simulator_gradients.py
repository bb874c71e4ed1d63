"""The simulator's gradients, on tasks whose gradients are known: a linear-quadratic one, the toy task, a cartpole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_quadratic import A, B, LinearQuadratic, Q, R, exact_gradients, quadratic, states_along
from torch import Tensor
from which_dflex import BOTH, dflex

from wmzoo.diagnostics.simulator_gradients import NoGradients, SimulatorGradients, _analytic, simulator_gradients
from wmzoo.envs import dmc_tasks
from wmzoo.envs.base import VectorEnv
from wmzoo.registry import build

GAMMA, SEED, HORIZONS = 0.97, 4, [1, 2, 5]


class Differentiable(LinearQuadratic):
    differentiable = True

    def differentiable_rewards(self, actions: Tensor) -> Tensor:
        s, rewards = self.s, []
        for a in actions.double().clamp(-1, 1):
            rewards.append(-quadratic(s, Q) - quadratic(a, R))
            s = s @ A.T + a @ B.T
        return torch.stack(rewards)


def some_actions(env: VectorEnv, steps: int, most: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return most * (2 * torch.rand(steps, env.num_envs, env.act_dim, generator=generator) - 1)


def found(env: VectorEnv, actions: Tensor, moments: int | None = 2, horizons: list[int] = HORIZONS):
    return simulator_gradients(env, SEED, actions, horizons, GAMMA, torch.Generator().manual_seed(1), moments)


def check_closed_form(got: SimulatorGradients, env: LinearQuadratic, actions: Tensor) -> None:
    s, rows = states_along(env, SEED, actions.double()), env.num_envs
    for number, moment in enumerate(got.moments):
        mine = slice(number * rows, (number + 1) * rows)
        torch.testing.assert_close(got.obs[mine], s[moment])
        torch.testing.assert_close(got.actions[:, mine], actions[moment : moment + max(HORIZONS)])
        for place, h in enumerate(HORIZONS):
            along = slice(moment, moment + h)
            exact = exact_gradients(s[along], actions[along].double(), GAMMA).transpose(0, 1)
            torch.testing.assert_close(got.gradients[place, mine, :h], exact, rtol=1e-8, atol=1e-8)
            assert not got.gradients[place, mine, h:].any()


@pytest.mark.parametrize(("task", "method"), [(LinearQuadratic, "differences"), (Differentiable, "analytic")])
def test_they_are_those_of_the_closed_form_at_every_horizon_and_moment(task: type, method: str) -> None:
    env = task(3)
    actions = some_actions(env, 30)
    actions[:, 0, 0], actions[:, 1, 1] = 1.0, -0.9995  # at the bounds, and a step away from them
    got = found(env, actions)
    check_closed_form(got, env, actions)
    first, second = got.moments
    assert 0 <= first < 13 <= second <= 25 and got.episodes.tolist() == [0, 1, 2, 0, 1, 2]
    assert got.method == method and got.whole.all()
    assert got.rough is None if method == "analytic" else not got.rough.any()


def test_chance_is_common_to_all_that_is_compared() -> None:
    """With other noise on either side they would be off by 10 σ/ε."""
    env = LinearQuadratic(2, noise=0.5)
    actions = some_actions(env, 20)
    check_closed_form(found(env, actions), env, actions)


def test_a_kink_is_told_where_it_is_and_nowhere_else() -> None:
    """The first action stands at the kink of its cost at one step of one of the environments."""
    env = LinearQuadratic(2, kink=(0.5, 0.25))
    actions = some_actions(env, 12, most=0.2)
    (moment,) = found(env, actions, moments=1).moments
    actions[moment + 1, 1, 0] = 0.25
    got = found(env, actions, moments=1)
    assert got.rough[:, 1, 1, 0].tolist() == [False, True, True]  # of horizon 1 it is no part
    assert got.rough.sum() == 2


@pytest.mark.parametrize("task", [LinearQuadratic, Differentiable])
def test_what_comes_after_an_end_counts_for_nothing(task: type) -> None:
    env = task(8, fall=1.5)
    actions = some_actions(env, 20)
    got = found(env, actions, moments=1)
    env.reset(SEED)
    for action in actions[: got.moments[0]]:
        env.step(action)
    ends = torch.stack([env.step(action).done for action in actions[got.moments[0] :][: max(HORIZONS)]])
    for place, h in enumerate(HORIZONS):
        assert got.whole[place].tolist() == (~ends[: h - 1].any(0)).tolist()
    assert 0 < got.whole[-1].sum() < 8
    s, lasting = [got.obs], got.whole[-1]
    for a in got.actions[:-1].double():
        s.append(s[-1] @ A.T + a @ B.T)
    exact = exact_gradients(torch.stack(s), got.actions.double(), GAMMA).transpose(0, 1)
    torch.testing.assert_close(got.gradients[-1, lasting], exact[lasting], rtol=1e-8, atol=1e-8)


def test_few_steps_have_fewer_moments() -> None:
    env = LinearQuadratic(1)
    assert found(env, some_actions(env, 6), moments=5).moments == [0, 1]


def test_a_bet_s_gradient_is_the_coin_that_was_shown() -> None:
    """∂r_0/∂b_0 = s σ(8x), r_0 does not depend on the move, and the coins to come are the same for all."""
    env = build("env", "toy", task="bet", num_envs=6)
    got = found(env, some_actions(env, 20), moments=1)
    x, coin = got.obs.double().T
    torch.testing.assert_close(got.gradients[0, :, 0, 1], coin * (8 * x).sigmoid(), rtol=1e-5, atol=1e-7)
    assert not got.gradients[0, :, 0, 0].any()
    later = got.gradients[1, :, 1, 1]
    assert (later.abs() > 0).all()  # of a coin that no observation of the start has shown


def test_a_cartpole_s_are_those_of_mujoco_by_hand() -> None:
    """Against differences of dm_control's own environment, from the same positions and velocities, with another ε."""
    env = build("env", "dmc", task="cartpole-swingup", num_envs=2)
    actions = some_actions(env, 30)
    got = found(env, actions, moments=1, horizons=[3])
    env.reset(SEED)
    for action in actions[: got.moments[0]]:
        env.step(action)
    for row, simulator in enumerate(env.pool.simulators):
        state = simulator.physics.get_state()
        for step in range(3):
            exact = [_return(state, got.actions[:, row, 0].double().numpy(), step, move) for move in (1e-5, -1e-5)]
            mine = float(got.gradients[0, row, step, 0])
            assert mine == pytest.approx((exact[0] - exact[1]) / 2e-5, rel=1e-5, abs=1e-7)
    assert not got.rough.any()
    env.close()


def _return(state: np.ndarray, actions: np.ndarray, step: int, move: float) -> float:
    """Of three agent steps, each of two control steps, the action of one of them moved."""
    real = dmc_tasks.load("cartpole", "swingup")
    real.reset()
    with real.physics.reset_context():
        real.physics.set_state(state)
    total = 0.0
    for t in range(3):
        action = actions[t : t + 1] + (move if t == step else 0.0)
        total += GAMMA**t * sum(real.step(action).reward for _ in range(2))
    return total


def test_an_action_that_did_not_stick_has_no_gradient() -> None:
    """With env.sticky an action is taken or it is not, as it was drawn; the first of an episode always is."""
    env = build("env", "dmc", task="cartpole-swingup", num_envs=6, sticky=0.5, episode_length=20)
    got = found(env, some_actions(env, 20), moments=1)
    taken = got.gradients[-1, :, :, 0] != 0
    assert 0.2 < taken[:, :-1].double().mean() < 0.9
    assert not got.rough[-1][taken.unsqueeze(-1)].any()
    env.close()


@pytest.mark.parametrize(("differentiable", "atol"), [(True, 1e-7), (False, 1e-4)])
def test_a_suite_in_float32_has_them_analytically_or_by_the_longer_steps(differentiable: bool, atol: float) -> None:
    """dflex's stand-in: r = 1 + q − 0.1 a², of the state before the step, and q_1 has 10 a_0/60² in it."""
    with dflex("fake"):
        env = build("env", "dflex", task="cartpole", num_envs=4, episode_length=20, device="cpu")
        env.differentiable = differentiable
        got = found(env, some_actions(env, 20), moments=1)
    a = got.actions[0, :, 0].double()
    torch.testing.assert_close(got.gradients[0, :, 0, 0], -0.2 * a, rtol=0, atol=atol)
    torch.testing.assert_close(got.gradients[1, :, 0, 0], GAMMA * 10 / 3600 - 0.2 * a, rtol=0, atol=atol)
    assert (got.rough is None) == differentiable


@pytest.mark.dflex
@pytest.mark.parametrize("task", ["cartpole", "hopper"])
def test_dflex_s_own_are_those_of_differences(task: str) -> None:
    """As far as float32 goes. A reward of 10 is rounded by 5e-7: over the diagnostic's step of 1e-3 that is 1% of a
    derivative of 0.05, as short horizons have them, and a few rewards add up; over one of 0.02, by hand, it is a
    twentieth, beside the hopper's contacts."""
    with dflex("real"):
        env = build("env", "dflex", task=task, num_envs=16, device="cpu")
        actions = some_actions(env, 60, most=0.9)
        analytic = found(env, actions, horizons=[2, 4])
        env.differentiable = False
        differences = found(env, actions, horizons=[2, 4])
        by_hand = torch.cat([_longer_differences(env, actions, moment, 4) for moment in differences.moments])
    assert (analytic.method, differences.method) == ("analytic", "differences") and differences.whole.all()
    assert (apart := _apart(analytic.gradients, differences.gradients)).median() < 0.003 and apart.max() < 0.1
    assert (apart := _apart(analytic.gradients[-1], by_hand)).median() < 0.001 and apart.max() < 0.02


def _longer_differences(env: VectorEnv, actions: Tensor, moment: int, horizon: int) -> Tensor:
    """[B,H,A], central ones with ε = 0.02, from the state before actions[moment]."""
    env.reset(SEED)
    for action in actions[:moment]:
        env.step(action)
    state, gradients = env.state_dict(), torch.zeros(horizon, env.num_envs, env.act_dim).double()
    for step, entry in np.ndindex(horizon, env.act_dim):
        for sign in (1, -1):
            moved = actions[moment : moment + horizon].clone()
            moved[step, :, entry] += sign * 0.02
            env.load_state_dict(state)
            total = sum(GAMMA**t * env.step(action).reward.double() for t, action in enumerate(moved))
            gradients[step, :, entry] += sign * total / 0.04
    return gradients.transpose(0, 1)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """‖one − other‖/‖one‖ of each start."""
    one, other = one.flatten(-2), other.flatten(-2)
    return (one - other).norm(dim=-1) / one.norm(dim=-1)


@pytest.mark.parametrize("which", BOTH)
def test_a_hopper_that_falls_has_no_gradient_beyond_its_end(which: str) -> None:
    with dflex(which):
        height = 0.93 if which == "fake" else -0.02
        env = build("env", "dflex", task="hopper", num_envs=16, options={"termination_height": height}, device="cpu")
        actions = some_actions(env, 24)
        analytic = found(env, actions, moments=1, horizons=[2, 8])
        env.differentiable = False
        differences = found(env, actions, moments=1, horizons=[2, 8])
    whole = analytic.whole
    assert torch.equal(whole, differences.whole) and 0 < whole[-1].sum() < 16
    assert not analytic.gradients[~whole].any() and differences.gradients[~whole].any()
    one, other = (each.gradients[whole].flatten(1) for each in (analytic, differences))
    assert torch.cosine_similarity(one, other).min() > 0.999


@pytest.mark.parametrize("which", BOTH)
def test_a_simulation_that_fails_has_no_gradient_and_leaves_the_others(which: str) -> None:
    with dflex(which):
        env = build("env", "dflex", task="hopper", num_envs=4, device="cpu")
        actions, found = some_actions(env, 3), []
        for value in (0.0, float("nan")):
            env.reset(SEED)
            env._env.state.joint_q.view(4, -1)[2] += value
            found.append(_analytic(env, actions.double(), [3], GAMMA, 3))
    (untouched, _), (gradients, whole) = found
    assert whole.tolist() == [[True, True, False, True]] and not gradients[0, 2].any()
    assert torch.equal(gradients[whole], untouched[whole]) and untouched[0, 2].any()


def test_differentiable_simulators_have_as_many_moments_as_any() -> None:
    env = Differentiable(2)
    actions = some_actions(env, 40)
    assert len(simulator_gradients(env, SEED, actions, [39], GAMMA, torch.Generator()).moments) == 2


def test_too_many_steps_are_not_taken_unasked() -> None:
    env = LinearQuadratic(2)
    actions = some_actions(env, 40)
    env.num_envs = 3000
    with pytest.raises(NoGradients, match=r"it would take 3,\d+,\d+ steps of the simulator; --moments 1 asks"):
        simulator_gradients(env, SEED, actions, [1, 13], GAMMA, torch.Generator())


def test_an_environment_that_cannot_go_on_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    env = LinearQuadratic(2)
    monkeypatch.setattr(env, "why_new_episodes", lambda: "its state cannot be saved")
    with pytest.raises(NoGradients, match="its state cannot be saved"):
        found(env, some_actions(env, 20))
