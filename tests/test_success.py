"""Success at the last step and at any step, of simulators whose success flickers."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from wmzoo.cli.evaluate import describe
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.envs.simulator import Facts, SimulatorStep
from wmzoo.evaluation.episodes import Evaluation, evaluate
from wmzoo.runs.metrics import COLUMNS
from wmzoo.runs.recorder import RunRecorder
from wmzoo.trainers.episodes import EpisodeTracker

FLICKER = ["0100", "0011", "0000", "1111"]  # by environment: the success of each step of an episode
NO_SUCCESS = [None] * 4


class Flicker:
    """Every episode's step t is a success if `successes[t]` says so; its reward is t."""

    facts = Facts(obs_dim=1, act_dim=1, control_timestep=0.1, time_limit=4)

    def __init__(self, successes: str | None) -> None:
        self.successes = successes

    def seed(self, seed: int) -> None:
        pass

    def reset(self) -> np.ndarray:
        self.steps = 0
        return np.zeros(1)

    def step(self, action: np.ndarray) -> SimulatorStep:
        self.steps += 1
        success = None if self.successes is None else float(self.successes[self.steps - 1])
        return SimulatorStep(np.zeros(1), float(self.steps), False, False, success)


def environments(successes: list[str] | list[None]) -> SimulatedVectorEnv:
    return SimulatedVectorEnv(
        "flicker", lambda count: [Flicker(each) for each in successes], len(successes), backend="serial"
    )


def evaluation(successes: list[str] | list[None]) -> Evaluation:
    still = SimpleNamespace(act=lambda obs, task, deterministic: torch.zeros(len(obs), 1))
    return evaluate(still, environments(successes), seed=0)


def test_an_evaluation_reports_both() -> None:
    result = evaluation(FLICKER)
    assert result.successes == (False, True, False, True) and result.successes_any == (True, True, False, True)
    assert (result.row()["eval_success"], result.row()["eval_success_any"]) == (0.5, 0.75)


def test_a_task_without_success_reports_neither() -> None:
    result = evaluation(NO_SUCCESS)
    assert result.successes is result.successes_any is None
    assert result.row()["eval_success"] is result.row()["eval_success_any"] is None


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


def test_both_are_columns_of_the_metrics_and_stand_in_the_evaluation_s_file(tmp_path) -> None:
    assert {"success", "success_any", "eval_success", "eval_success_any"} <= set(COLUMNS)
    run = SimpleNamespace(folder=tmp_path, cfg=SimpleNamespace(seed=0))
    RunRecorder(run, progress=None, stop_requested=bool).evaluated(7, 70, evaluation(FLICKER))  # type: ignore[arg-type]
    file = json.loads((tmp_path / "eval" / "00000007.json").read_text())
    assert (file["success"], file["success_any"]) == (0.5, 0.75)
    assert file["successes"] == [False, True, False, True] and file["successes_any"] == [True, True, False, True]


def test_wmzoo_evaluate_says_both_in_words() -> None:
    result = {
        "task": "reach",
        "returns": [1.0],
        "episodes": 1,
        "mean": 1.0,
        "std": 0.0,
        "iteration": 1,
        "success": 0.5,
        "success_any": 0.75,
        "checkpoint": "run",
        "video": None,
    }
    assert "success: 50 % of the episodes at their last step, 75 % at any step" in describe(result)
    assert "success" not in describe(result | {"success": None, "success_any": None})
