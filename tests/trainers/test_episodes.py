"""What training reports of the episodes it finishes, of simulators whose success flickers."""

from __future__ import annotations

import pytest
import torch
from flicker import FLICKER, NO_SUCCESS, environments

from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.trainers.episodes import EpisodeTracker


def play(env: SimulatedVectorEnv, tracker: EpisodeTracker, steps: int) -> None:
    for _ in range(steps):
        tracker.add(env.step(torch.zeros(env.num_envs, 1)))


def test_training_episodes_report_both_each_by_its_own_steps() -> None:
    env = environments(FLICKER)
    env.reset(0)
    tracker = EpisodeTracker(env.elapsed)
    play(env, tracker, 3)
    assert {value for name, value in tracker.take().items() if name != "recovered"} == {None}
    for _ in range(2):  # a second episode is not taken for a success because the first one was
        play(env, tracker, 4)
        row = tracker.take()
        assert row.items() >= {"rewards": 10.0, "episode_length": 4.0, "success": 0.5, "success_any": 0.75}.items()


def test_an_episode_whose_beginning_was_not_seen_counts_for_neither() -> None:
    env = environments(["1000", "1000"])
    env.reset(0, stagger=True)
    tracker = EpisodeTracker(env.elapsed)  # environment 1 starts at step 2
    play(env, tracker, 4)
    assert len(tracker.finished) == 1
    assert (tracker.take()["success"], env.elapsed.tolist()) == (0.0, [0, 2])


def test_training_on_a_task_without_success_reports_neither() -> None:
    env = environments(NO_SUCCESS)
    env.reset(0)
    tracker = EpisodeTracker(env.elapsed)
    play(env, tracker, 4)
    row = tracker.take()
    assert row.items() >= {"rewards": 10.0, "episode_length": 4.0, "success": None, "success_any": None}.items()


@pytest.mark.parametrize(("forget", "expected"), [(False, 0.75), (True, 0.5)])
def test_a_success_before_a_resume_is_remembered_and_an_older_state_has_none(forget: bool, expected: float) -> None:
    env = environments(FLICKER)
    env.reset(0)
    tracker = EpisodeTracker(env.elapsed)
    play(env, tracker, 2)
    state = tracker.state_dict()
    if forget:
        del state["succeeded"]
    resumed = EpisodeTracker(env.elapsed)
    resumed.load_state_dict(state)
    play(env, resumed, 2)
    assert (row := resumed.take())["success_any"] == expected and row["rewards"] == 10.0


def test_an_episode_that_ended_before_a_resume_and_was_not_told_of_yet_is_told_of_then() -> None:
    env = environments(FLICKER)
    env.reset(0)
    tracker = EpisodeTracker(env.elapsed)
    play(env, tracker, 5)
    resumed = EpisodeTracker(env.elapsed)
    resumed.load_state_dict(tracker.state_dict())
    row = resumed.take()
    assert row == tracker.take() and row["rewards"] == 10.0 and resumed.take()["rewards"] is None
