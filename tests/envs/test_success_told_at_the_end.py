"""`is_success` in the last info of an episode only, on every backend, in evaluation and in training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from telling import Make

from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.evaluation.episodes import evaluate
from wmzoo.trainers.episodes import EpisodeTracker

BACKENDS = ["serial", "threads", "processes"]


def batch(*episodes, backend="serial", count=6):
    return SimulatedVectorEnv("teller", Make(*episodes), count, backend=backend)


def evaluation(env):
    still = SimpleNamespace(act=lambda obs, task, deterministic: torch.zeros(len(obs), 1))
    result = evaluate(still, env, seed=0)
    env.close()
    return result


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    for pool in ("threads", "processes"):  # two chunks of three on any machine
        monkeypatch.setattr(f"wmzoo.envs.pools.{pool}.cores", lambda: 2)
    return request.param


def test_six_successful_episodes_are_all_successes(backend):
    ends = [(None,) * length + (1.0,) for length in (1, 2, 3)]
    result = evaluation(batch(*ends, backend=backend))
    assert (result.success, result.success_any) == (1.0, 1.0)


def test_an_episode_counts_by_its_own_row_whatever_the_others_tell(backend):
    result = evaluation(batch((None, 1.0), (None, 0.0), (None, None, None, 1.0), backend=backend))
    assert result.successes == result.successes_any == (True, False, True) * 2


def test_a_success_told_before_an_end_that_tells_nothing_is_one_at_any_step_but_not_at_the_last():
    result = evaluation(batch((1.0, None, None), (None, None, None), count=2))
    assert result.successes == (False, False) and result.successes_any == (True, False)


def test_a_task_that_never_tells_has_no_success(backend):
    result = evaluation(batch((None, None), backend=backend))
    assert result.successes is result.successes_any is None


def trained(env, steps):
    env.reset(0)
    tracker = EpisodeTracker(env.elapsed)
    for _ in range(steps):
        tracker.add(env.step(torch.zeros(env.num_envs, 1)))
    return tracker


def test_training_counts_all_finished_episodes_also_those_that_told_nothing():
    env = batch((None, 1.0), (None, None, None), (None, None, None), (None, None, None), count=4)
    row = trained(env, 3).take()  # one success, three failures
    assert (row["success"], row["success_any"]) == (0.25, 0.25)


def test_training_knows_no_success_until_one_is_told_and_remembers_it_over_a_resume():
    env = batch((None, None), (None, None, None, 1.0), count=2)
    tracker = trained(env, 2)
    assert tracker.take()["success"] is None
    for _ in range(2):
        tracker.add(env.step(torch.zeros(2, 1)))
    assert tracker.take()["success"] == 0.5
    resumed = EpisodeTracker(env.elapsed)
    resumed.load_state_dict(tracker.state_dict())
    for _ in range(2):
        resumed.add(env.step(torch.zeros(2, 1)))
    assert resumed.take()["success"] == 0.0
