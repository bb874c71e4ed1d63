"""What a job takes: bytes and hours by hand; its probe, tests/cli/test_mt30.py."""

from __future__ import annotations

import pytest
import torch

from wmzoo.data.sampler import TaskSlices
from wmzoo.envs.task_sets import MT30, Task
from wmzoo.studies.budget import EPISODES, Drawn, Stage, bytes_of


def test_chunks_are_padded_to_the_widest_task_and_a_data_set_is_not() -> None:
    two = (Task("wide", 5, 1), Task("acts", 3, 2))
    found = bytes_of(two, episodes=6, rows=11)
    assert found.chunks == 66 * 4 * (5 + 2 + 2)  # observations, actions, reward, task
    assert found.data == 33 * 4 * (5 + 1 + 1) + 33 * 4 * (3 + 2 + 1)


def test_mt30_has_the_bytes_that_its_page_says() -> None:
    found = bytes_of(MT30, *EPISODES["mt30"])
    assert found.chunks == pytest.approx(44e9, rel=0.02) and found.data == pytest.approx(24e9, rel=0.05)


def test_hours_are_those_of_all_runs_one_after_the_other() -> None:
    assert Stage("extract", runs=30, steps=10_000, seconds=0.12, memory=0).hours == pytest.approx(10.0)


def test_what_is_learned_from_in_a_probe_has_the_form_of_a_sample() -> None:
    drawn = Drawn(5, 2, tasks=3).sample(7, 4)
    assert isinstance(drawn, TaskSlices) and drawn.task.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert [tuple(tensor.shape) for tensor in drawn.slices[:3]] == [(5, 7, 5), (4, 7, 2), (4, 7)]
    again = Drawn(5, 2, tasks=3).sample(7, 4)
    assert torch.equal(again.slices.obs, drawn.slices.obs)
