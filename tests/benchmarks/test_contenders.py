"""What benchmarks/speed.py times as an iteration is one."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["paper", "default"])
def test_an_iteration_is_timed_whole_and_its_environment_s_part_of_it(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from timing import contenders

    few = ["env.num_envs=4", "trainer.horizon=4", "recipe.model_updates=2", "recipe.actor_updates=1"]
    few += ["recipe.model_horizon=4", "recipe.imagination_horizon=4", "trainer.batch_size=8", "threads=1"]
    measured = contenders.iteration(contenders.config("tiny", "mlp", "Hopper-v5", few, recipe))
    for _ in range(2):
        seconds = measured()
        assert 0 < seconds[contenders.ENVIRONMENT] < seconds["iteration"] < 60
