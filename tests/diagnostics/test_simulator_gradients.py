"""The simulator's gradients, on tasks whose gradients are known: a linear-quadratic one, the toy task, a cartpole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_quadratic import LinearQuadratic, exact_gradients, states_along
from torch import Tensor
from which_dflex import dflex

from wmzoo.diagnostics.simulator_gradients import NoGradients, SimulatorGradients, simulator_gradients
from wmzoo.envs import dmc_tasks
from wmzoo.envs.base import VectorEnv
from wmzoo.registry import build

GAMMA, SEED, HORIZONS = 0.97, 4, [1, 2, 5]


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


def test_they_are_those_of_the_closed_form_at_every_horizon_and_moment() -> None:
    env = LinearQuadratic(3)
    actions = some_actions(env, 30)
    actions[:, 0, 0], actions[:, 1, 1] = 1.0, -0.9995  # at the bounds, and a step away from them
    got = found(env, actions)
    check_closed_form(got, env, actions)
    first, second = got.moments
    assert 0 <= first < 13 <= second <= 25 and got.episodes.tolist() == [0, 1, 2, 0, 1, 2]
    assert not got.rough.any() and got.whole.all()


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


def test_what_comes_after_an_end_counts_for_nothing() -> None:
    env = LinearQuadratic(8, fall=1.5)
    actions = some_actions(env, 20)
    got = found(env, actions, moments=1)
    env.reset(SEED)
    for action in actions[: got.moments[0]]:
        env.step(action)
    ends = torch.stack([env.step(action).done for action in actions[got.moments[0] :][: max(HORIZONS)]])
    for place, h in enumerate(HORIZONS):
        assert got.whole[place].tolist() == (~ends[: h - 1].any(0)).tolist()
    assert 0 < got.whole[-1].sum() < 8


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


def test_a_suite_in_float32_has_them_by_the_longer_steps() -> None:
    """dflex's stand-in: r = 1 + q − 0.1 a², of the state before the step, and q_1 has 10 a_0/60² in it."""
    with dflex("fake"):
        env = build("env", "dflex", task="cartpole", num_envs=4, episode_length=20, device="cpu")
        got = found(env, some_actions(env, 20), moments=1)
    a = got.actions[0, :, 0].double()
    torch.testing.assert_close(got.gradients[0, :, 0, 0], -0.2 * a, rtol=0, atol=1e-4)
    torch.testing.assert_close(got.gradients[1, :, 0, 0], GAMMA * 10 / 3600 - 0.2 * a, rtol=0, atol=1e-4)
    assert not got.rough.any()


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
