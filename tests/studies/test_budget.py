"""What a job takes: bytes and hours by hand; its probe, tests/cli/test_mt30.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from wmzoo.config.composition import compose
from wmzoo.data.sampler import TaskSlices
from wmzoo.envs.task_sets import MT30, Task
from wmzoo.studies import budget
from wmzoo.studies.budget import EPISODES, Drawn, Stage, bytes_of
from wmzoo.studies.extraction import read_plan


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


def test_hours_of_agents_have_what_comes_beside_their_iterations() -> None:
    """Six runs of 100 iterations of 3 s, each with 60 s of warm-up and evaluations: 2160 s."""
    assert Stage("agents", runs=6, steps=100, seconds=3.0, memory=0, beside=60.0).hours == pytest.approx(0.6)


def test_what_comes_beside_an_agent_s_iterations_is_scaled_to_a_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every part that is probed took a second: of 400 random steps 20 times 2 are probed, 10 s; of 30 first updates
    3, 10 s; of each of the three evaluations 20 of 40 steps, 6 s."""

    def second(step: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
        return 1.0, step()

    monkeypatch.setattr(budget, "_timed", second)
    words = ["size=tiny", "dynamics=mlp", "env=cartpole_swingup", "env.num_envs=2", "env.episode_length=40"]
    words += ["trainer.warmup_steps=400", "trainer.pretrain_updates=30", "trainer.iterations=10", "eval.every=4"]
    words += ["trainer.buffer_size=400", "eval.episodes=1", "device=cpu"]
    iteration, beside = budget._acting(compose(words))
    assert beside == pytest.approx(26.0) and iteration() == 1.0


@pytest.mark.parametrize("collects", [True, False])
def test_agents_are_counted_only_where_they_are_trained(collects: bool) -> None:
    plan = read_plan("mt30_mini")
    names = [what for what, *_ in budget._wanted(plan, MT30[:2], collects)]
    pretrain = ["pretrain mlp", "pretrain flow"]
    extract = [f"extract {dynamics}, {mode}" for mode in ("frozen", "finetuned") for dynamics in ("mlp", "flow")]
    assert names == [*(["agents"] if collects else []), *pretrain, *extract, "evaluate"]


def test_what_is_learned_from_in_a_probe_has_the_form_of_a_sample() -> None:
    drawn = Drawn(5, 2, tasks=3).sample(7, 4)
    assert isinstance(drawn, TaskSlices) and drawn.task.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert [tuple(tensor.shape) for tensor in drawn.slices[:3]] == [(5, 7, 5), (4, 7, 2), (4, 7)]
    again = Drawn(5, 2, tasks=3).sample(7, 4)
    assert torch.equal(again.slices.obs, drawn.slices.obs)
