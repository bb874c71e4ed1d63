"""The toy tasks: their formulas, their chances, and that the optimum is what the best policy earns."""

import math

import numpy as np
import pytest
import torch

from wmzoo.envs.toy import TASKS, ToyVectorEnv, optimum
from wmzoo.errors import WmzooError


def sigma(x):
    return 1 / (1 + math.exp(-x))


def placed(task, x, coins, seed=0):
    """Players at x with these coins."""
    env = ToyVectorEnv(task, len(x))
    env.reset(seed)
    state = env.state_dict()
    env.load_state_dict(state | {"x": torch.tensor(x).double(), "coins": torch.tensor(coins).double()})
    return env


def test_bet_pays_a_wage_on_the_left_and_the_won_bet_on_the_right():
    x, coins, bets = [-1.0, 0.1, 0.7, 1.5], [[1], [-1], [1], [-1]], [1.0, -0.5, -1.0, -0.25]
    env = placed("bet", x, coins)
    got = env.step(torch.tensor([[0.5, bet] for bet in bets]))
    expected = [0.4 * sigma(-8 * at) + b * s[0] * sigma(8 * at) for at, s, b in zip(x, coins, bets, strict=True)]
    np.testing.assert_allclose(got.reward, expected, rtol=1e-6)
    np.testing.assert_allclose(got.obs[:, 0], [-0.9, 0.2, 0.8, 1.5], rtol=1e-6)  # 0.2 · 0.5 further, up to the edge


def test_bet2_pays_for_equal_coins_alone():
    x, coins, bets = [-1.0, 0.1, 0.7], [[1, 1], [-1, -1], [1, -1]], [1.0, -0.5, 1.0]
    got = placed("bet2", x, coins).step(torch.tensor([[0.0, bet] for bet in bets]))
    won = [1.0, 0.5, -1.5]
    expected = [0.4 * (1 - sigma(8 * at)) + sigma(8 * at) * w for at, w in zip(x, won, strict=True)]
    np.testing.assert_allclose(got.reward, expected, rtol=1e-6)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("at", [-1.0, 0.2, 0.3])
def test_each_coin_is_fair_fresh_and_as_often_equal_to_the_other_as_the_place_says(task, at):
    env, count = placed(task, [at] * 400, [[1] * TASKS[task].coins] * 400), 50
    seen = torch.stack([env.step(torch.zeros(400, 2)).obs[:, 1:] for _ in range(count)])
    assert set(seen.unique().tolist()) == {-1.0, 1.0}
    error = 4 / math.sqrt(400 * count)
    assert seen.mean((0, 1)).abs().max() < error
    assert (seen[1:] * seen[:-1]).mean().abs() < error  # nothing of the toss before
    assert (seen[:, 1:] * seen[:, :-1]).mean().abs() < error  # nor of the neighbour's
    if task == "bet2":
        equal = (seen[..., 0] == seen[..., 1]).float().mean().item()
        assert equal == pytest.approx((1 + sigma(16 * (at - 0.2))) / 2, abs=error)


@pytest.mark.parametrize("task", TASKS)
def test_the_optimum_is_what_going_right_and_betting_on_the_coin_earns(task):
    """In `bet` the best expected reward rises with x everywhere, so going right is best in closed form; the same policy
    is played in the environment."""
    players = 2000
    env = ToyVectorEnv(task, players)
    obs, total = env.reset(3), torch.zeros(players)
    starts = obs[:, 0].double().numpy()
    for _ in range(env.episode_length):
        got = env.step(torch.stack([torch.ones(players), obs[:, 1]], 1))
        total, obs = total + got.reward, got.obs
    assert total.mean().item() == pytest.approx(optimum(task), abs=4 * total.std().item() / math.sqrt(players))
    x, by_hand = starts, 0.0
    for _ in range(env.episode_length):
        by_hand, x = by_hand + TASKS[task].best(x), np.minimum(x + 0.2, 1.5)
    assert total.mean().item() == pytest.approx(by_hand.mean(), abs=4 * total.std().item() / math.sqrt(players))
    assert optimum(task) == pytest.approx(98.5, abs=0.7)


@pytest.mark.parametrize("task", TASKS)
def test_the_best_bet_earns_what_best_says_on_average(task):
    drawn = np.random.default_rng(0).random((200_000, 3))
    for x in (-0.5, 0.0, 0.15, 0.6):
        places = np.full(len(drawn), x)
        coins = TASKS[task].toss(places, drawn)
        earned = np.maximum(*(TASKS[task].reward(places, coins, np.full(len(drawn), bet)) for bet in (-1.0, 1.0)))
        assert earned.mean() == pytest.approx(TASKS[task].best(np.array([x]))[0], abs=0.01)


def test_staying_left_earns_the_wage():
    env = placed("bet2", [-1.5] * 50, [[1, 1]] * 50)
    total = sum(env.step(torch.tensor([[-1.0, 0.0]]).expand(50, 2)).reward for _ in range(100))
    assert total.mean().item() == pytest.approx(40, abs=0.01)


def test_a_picture_shows_the_player_and_the_coins():
    env = placed("bet2", [-1.5, 1.5], [[1, -1], [1, 1]])
    left, right = env.render(0, 120, 90), env.render(1, 120, 90)
    red = [(picture[..., 0] > 200) & (picture[..., 1] < 60) for picture in (left, right)]
    assert red[0][:, :20].any() and not red[0][:, 60:].any() and red[1][:, 100:].any()
    assert (left == 40).all(-1).any() and not (right == 40).all(-1).any()


def test_an_unknown_task_is_refused():
    with pytest.raises(WmzooError, match="bet2"):
        ToyVectorEnv("bet3", 2)
