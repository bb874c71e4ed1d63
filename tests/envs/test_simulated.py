"""The batch around simulators, with a simulator whose every number is known beforehand."""

import pytest
import torch
from counting import Counter

from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.errors import WmzooError


def new(*simulators, length=3):
    return SimulatedVectorEnv("counting", lambda count: simulators, len(simulators), length, backend="serial")


def batch(*simulators, length=3):
    env = new(*simulators, length=length)
    env.reset(0)
    return env


def zeros(env):
    return torch.zeros(env.num_envs, 1)


def test_an_episode_is_truncated_at_its_length_and_restarts_in_the_same_step():
    env = batch(Counter())
    steps = [env.step(zeros(env)) for _ in range(4)]
    assert [s.truncated.item() for s in steps] == [False, False, True, False]
    assert [s.terminated.item() for s in steps] == [False] * 4
    assert steps[2].final_obs.tolist() == [[1, 3]]
    assert steps[2].obs.tolist() == [[2, 0]]
    assert steps[3].obs.tolist() == steps[3].final_obs.tolist() == [[2, 1]]


def test_an_episode_that_ends_itself_at_its_last_step_is_terminated_and_not_truncated():
    env = batch(Counter(life=3))
    last = [env.step(zeros(env)) for _ in range(3)][-1]
    assert (last.terminated.item(), last.truncated.item()) == (True, False)
    assert last.done.item()


def test_an_episode_that_the_task_cuts_off_is_truncated():
    env = batch(Counter(life=2, cut=True))
    last = [env.step(zeros(env)) for _ in range(2)][-1]
    assert (last.terminated.item(), last.truncated.item()) == (False, True)


def test_rows_end_on_their_own():
    env = batch(Counter(life=2), Counter())
    ended = [env.step(zeros(env)).done.tolist() for _ in range(4)]
    assert ended == [[False, False], [True, False], [False, True], [True, False]]
    assert env.elapsed.tolist() == [0, 1]


def test_staggered_first_episodes_end_at_evenly_spread_times_and_later_ones_are_whole():
    env = new(*(Counter() for _ in range(4)), length=8)
    env.reset(0, stagger=True)
    assert env.elapsed.tolist() == [0, 2, 4, 6]
    ends = [env.step(zeros(env)).truncated.nonzero().flatten().tolist() for _ in range(16)]
    assert ends == 2 * [[], [3], [], [2], [], [1], [], [0]]


def test_success_is_reported_where_the_task_knows_it():
    env = batch(Counter(life=2), Counter())
    assert [env.step(zeros(env)).success.tolist() for _ in range(2)] == [[0, 0], [1, 0]]


def test_stepping_before_reset_says_what_to_call():
    env = new(Counter())
    with pytest.raises(WmzooError, match=r"call reset\(seed\)"):
        env.step(zeros(env))


def test_a_non_finite_action_names_its_environment():
    env = batch(Counter(), Counter())
    with pytest.raises(WmzooError, match="environment 1 is not finite"):
        env.step(torch.tensor([[0.0], [float("nan")]]))


def test_a_state_of_another_batch_size_is_refused_with_the_size_that_fits():
    env = batch(Counter())
    with pytest.raises(WmzooError, match=r"set env\.num_envs=2"):
        env.load_state_dict({"elapsed": torch.zeros(2), "simulators": [{}, {}]})


def test_without_a_length_of_an_episode_the_error_says_what_to_set():
    with pytest.raises(WmzooError, match=r"counting has no episode length of its own: set env\.episode_length"):
        new(Counter(), length=None)


@pytest.mark.parametrize("count", [0, 4097])
def test_a_number_of_environments_that_no_machine_steps_is_refused(count):
    with pytest.raises(WmzooError, match=r"env\.num_envs is from 1 to 4096"):
        SimulatedVectorEnv("counting", lambda count: [], count, 3)
