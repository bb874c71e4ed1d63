"""What an iteration costs, against the mlp's."""

from __future__ import annotations

import pytest
from short_run import SHORT_RUN

from wmzoo.config.composition import compose
from wmzoo.envs.build import build_env
from wmzoo.scoreboard import cost
from wmzoo.scoreboard.cost import Cost, measured, seconds_of_acting


def quietly(what: str, done: int, total: int) -> None: ...


def test_the_ratio_is_of_whole_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates of 300 and 100 ms, and 100 ms in which the environments are stepped: 0.4 s against 0.2."""
    rows = {"ms of updates per iteration": {"contender": 300.0, "baseline": 100.0}}
    rows["parameters: dynamics"] = {"contender": 12.0, "baseline": 10.0}
    monkeypatch.setattr(cost, "compare", lambda contender, baseline, say: rows)
    monkeypatch.setattr(cost, "seconds_of_acting", lambda env, horizon, seed: 0.1)
    found = measured(compose([*SHORT_RUN, "env=pendulum_swingup", "dynamics=flow"]), quietly)
    assert found == Cost(pytest.approx(0.4), pytest.approx(0.2), 12, 10) and found.ratio == pytest.approx(2)
    itself = measured(compose([*SHORT_RUN, "env=pendulum_swingup", "dynamics=mlp"]), quietly)
    assert itself.ratio == 1
    smaller = measured(compose([*SHORT_RUN, "env=pendulum_swingup", "dynamics=mlp", "dynamics.units=[8]"]), quietly)
    assert smaller.ratio == pytest.approx(2)


def test_the_steps_that_count_come_after_as_many_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second at every step: three of six count."""
    env = build_env(compose([*SHORT_RUN, "env=pendulum_swingup"]))
    steps = []
    step = env.step
    monkeypatch.setattr(env, "step", lambda actions: steps.append(actions) or step(actions))
    monkeypatch.setattr(cost.time, "perf_counter", lambda: float(len(steps)))
    try:
        assert seconds_of_acting(env, 3, seed=0) == 3
    finally:
        env.close()
    assert len(steps) == 6 and steps[0].shape == (4, 1) and all(each.abs().max() <= 1 for each in steps)
