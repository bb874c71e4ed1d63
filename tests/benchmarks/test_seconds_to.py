"""benchmarks/seconds_to.py: when kept runs reach a return, and how other code is run for so many processor seconds."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from synthetic_runs import write_run

from wmzoo.config.composition import compose
from wmzoo.runs.metrics import MetricsWriter, read_metrics, rewrite_metrics
from wmzoo.storage.rows import write_csv
from wmzoo.storage.run_layout import read_facts
from wmzoo.studies.grid import Study, read_study

ROOT = Path(__file__).parents[2]
STUDY = """
title: One task
overrides: [size=tiny, trainer.iterations=8, eval.every=2, eval.episodes=1, env.num_envs=2]
arms: {mlp: [dynamics=mlp], flow: [dynamics=flow]}
tasks: [cartpole_swingup]
seeds: [0, 1, 2]
beside: [sac]
"""
TASK = "cartpole_swingup"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], ModuleType]:
    """A script of benchmarks/, with the study above, its runs and what is kept of them in `tmp_path`."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    (tmp_path / "one.yaml").write_text(STUDY)
    beside = importlib.import_module("beside")
    monkeypatch.setattr(beside, "STUDY", tmp_path / "one.yaml")
    monkeypatch.setattr(beside, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(importlib.import_module("seconds_to"), "KEPT", tmp_path / "kept")
    return importlib.import_module


@pytest.fixture
def study(script: Callable[[str], ModuleType]) -> Study:
    return read_study(str(script("beside").STUDY))


def keep(study: Study, folder: Path, arm: str, seed: int, returns: list[float], *changes: str) -> None:
    """A run whose evaluations end after 80, 100, 120, … seconds, of which the processor worked three quarters."""
    of_arm = study.arms.get(arm, ())
    cfg: Any = compose([*study.shared, f"env={TASK}", *of_arm, *changes])
    config = OmegaConf.to_container(cfg, resolve=True)
    run = folder / study.name / TASK / arm / f"seed{seed}"
    about = {"processor": "P", "cpus": 2}
    write_run(
        run, dynamics=arm, task="x", seed=seed, returns=returns, seconds=2.0, config=config, facts=about
    )  # 10 iterations between evaluations, after 60 seconds
    rows = [row | {"cpu_time": 0.75 * row["wall_clock"]} for row in read_metrics(run)]
    write_csv(rows, run / "metrics.csv")
    (run / "metrics.jsonl").unlink()


def test_the_median_over_seeds_is_of_each_one_s_first_evaluation_that_is_no_lower(
    script: Callable[[str], ModuleType], study: Study, tmp_path: Path
) -> None:
    """A clock of 100 seconds at the second evaluation and of 120 at the third: 75 and 90 processor seconds."""
    kept = tmp_path / "kept"
    for seed, returns in enumerate([[799.9, 800, 700], [500, 600, 801], [500, 600, 700]]):
        keep(study, kept, "mlp", seed, returns)
    for seed, returns in enumerate([[900, 0, 0, 0], [1, 2, 3], [1, 2]]):
        keep(study, kept, "sac", seed, returns)
    found = script("seconds_to").measured(study, ["sac"], [TASK])
    assert [run["agent_steps"] for run in found["rows"][0]["runs"]] == [40_960, 51_200, None]
    _, _, _, _, *lines = script("timing.tables").seconds_to(json.loads(json.dumps(found | {"command": "c"})))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    mlp = ["2 of 3", "90", "120", "51,200", "75, 90, not within 90", "30", "801"]
    sac = ["1 of 3", "not within 75", "–", "–", "60, not within 90, not within 75", "30", "900"]
    assert cells == [[TASK, "mlp", *mlp], [TASK, "sac", *sac]]


def test_runs_of_other_settings_than_the_study_has_are_left_out_and_named(
    script: Callable[[str], ModuleType], study: Study, tmp_path: Path
) -> None:
    keep(study, tmp_path / "kept", "mlp", 0, [900])
    keep(study, tmp_path / "kept", "mlp", 1, [900], "recipe.gamma=0.9")
    found = script("seconds_to").measured(study, ["sac"], [TASK])
    assert found["left_out"] == [f"{TASK}/mlp/seed1"]
    assert [run["seed"] for run in found["rows"][0]["runs"]] == [0]


def test_the_table_has_its_place_in_the_page(script: Callable[[str], ModuleType], study: Study, tmp_path: Path) -> None:
    keep(study, tmp_path / "kept", "mlp", 0, [900])
    facts = {"command": "c"} | script("seconds_to").measured(study, [], [TASK])
    (tmp_path / "seconds_to.json").write_text(json.dumps(facts))
    page = Path(shutil.copy(ROOT / "docs" / "performance.md", tmp_path))
    script("timing.tables").write_page(tmp_path, page)
    assert f"| {TASK} | mlp | 1 of 1 | 60 |" in page.read_text()


class Hours:
    """In the place of `time`: a processor that works three quarters of the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return 0.75 * self.now


def test_evaluations_are_at_equal_shares_of_the_processor_seconds_and_count_as_seconds(
    script: Callable[[str], ModuleType], study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of them in 60 processor seconds, which are 80 of the clock: due at 20, 40, 60 and 80 of these. One takes 6,
    the third 30, so that it leaves no room for the fourth."""
    beside, hours, taken = script("beside"), Hours(), iter([6, 6, 30])
    monkeypatch.setattr(sys.modules["wmzoo.trainers.clock"], "time", hours)

    def evaluate(*_: object) -> SimpleNamespace:
        hours.now += next(taken)
        return SimpleNamespace(row=lambda: {"eval_return": 1.0})

    monkeypatch.setattr(beside, "evaluate", evaluate)
    metrics = MetricsWriter(tmp_path / "metrics.jsonl")
    watch = beside.Watch(compose([*study.shared, f"env={TASK}"]), metrics, 60.0)
    watch.clock.start()
    stopped = []
    for step in range(1, 10):
        hours.now += 10
        stopped.append(watch.look(None, step, 5 * step))
        if stopped[-1]:
            break
    metrics.close()
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [(row["iteration"], row["env_steps"]) for row in rows] == [(2, 10), (4, 20), (5, 25)]
    assert [(row["wall_clock"], row["cpu_time"]) for row in rows] == [(26, 19.5), (52, 39), (92, 69)]
    assert stopped == [False] * 4 + [True]


def test_other_code_stands_beside_another_study_with_the_seconds_of_its_first_arm(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    beside, study = script("beside"), tmp_path / "two.yaml"
    study.write_text(STUDY.replace("mlp: [dynamics=mlp]", "paper: [dynamics=mlp]"))
    runs = tmp_path / "runs" / "two" / TASK
    write_run(runs / "paper" / "seed1", dynamics="mlp", task="x", seed=1, returns=[1])
    rewrite_metrics(runs / "paper" / "seed1" / "metrics.jsonl", [{"iteration": 1, "cpu_time": 2.5}])
    given = ["--study", str(study), "--tasks", TASK, "--seeds", "1", "--here"]
    threads = torch.get_num_threads()
    try:
        train = lambda cfg, watch: watch.clock.start()  # noqa: E731
        beside.run("theirs", train, beside.arguments("").parse_args(given), "python theirs.py", {})
    finally:
        torch.set_num_threads(threads)
    facts = read_facts(runs / "theirs" / "seed1")
    assert facts["processor_seconds"] == 2.5
    assert facts["command"] == f"python theirs.py --study benchmarks/studies/two.yaml --tasks {TASK} --seeds 1"


@pytest.mark.slow
def test_sac_has_the_seconds_of_the_run_beside_it(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("stable_baselines3")
    runs = tmp_path / "runs" / "one" / TASK
    write_run(runs / "mlp" / "seed1", dynamics="mlp", task="x", seed=1, returns=[1])
    rewrite_metrics(runs / "mlp" / "seed1" / "metrics.jsonl", [{"iteration": 1, "cpu_time": 4.0}])
    monkeypatch.setattr(sys, "argv", ["sac.py", "--tasks", TASK, "--seeds", "1", "--here"])
    threads = torch.get_num_threads()
    try:
        script("sac").main()
    finally:
        torch.set_num_threads(threads)
    facts, rows = read_facts(runs / "sac" / "seed1"), read_metrics(runs / "sac" / "seed1")
    assert facts["command"] == f"python benchmarks/sac.py --tasks {TASK} --seeds 1"
    assert (facts["status"], facts["processor_seconds"]) == ("done", 4.0)
    assert 2 <= len(rows) <= 4 and rows[-1]["cpu_time"] >= 4 > rows[-2]["cpu_time"]
    assert all(0 <= row["eval_return"] <= 1000 and row["env_steps"] > 0 for row in rows)


class TheirLoop:
    """As the public code trains: its learning rates are `epoch / max_epochs` of the way down."""

    max_epochs = 1_000_000

    def __init__(self, env: Any, horizon: int, seconds: Callable[[], float]) -> None:
        self.env, self.horizon, self.seconds = env, horizon, seconds
        self.wm, self.shares = SimpleNamespace(encode=lambda obs, task: 2 * obs), list[tuple[float, float]]()

    def actor(self, z: torch.Tensor, deterministic: bool) -> torch.Tensor:
        assert deterministic
        return z[:, :1]

    def train(self) -> None:
        for epoch in range(self.max_epochs):
            self.shares.append((epoch / self.max_epochs, self.seconds()))
            self.env.reset(grads=True)
            for _ in range(self.horizon):
                self.env.step(torch.zeros(self.env.num_envs, 1))


def test_the_public_code_s_loop_ends_with_its_seconds_and_its_rates_fall_over_them(
    script: Callable[[str], ModuleType], study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes three processor seconds, an iteration 48: when iteration n begins, n / 10 of the 480 are over."""
    public, hours = script("public_pwm"), Hours()
    monkeypatch.setattr(sys.modules["wmzoo.trainers.clock"], "time", hours)
    cfg = compose([*study.shared, f"env={TASK}", "recipe=paper"])
    metrics = MetricsWriter(tmp_path / "metrics.jsonl")
    watch = script("beside").Watch(cfg, metrics, 480.0)
    env = public.Watched(cfg, watch)
    step = env.env.step

    def slow(actions: torch.Tensor) -> Any:
        hours.now += 4
        return step(actions)

    monkeypatch.setattr(env.env, "step", slow)
    began = hours.process_time()
    agent = TheirLoop(env, cfg.trainer.horizon, lambda: hours.process_time() - began)
    env.train(agent)
    metrics.close()
    shares, seconds = zip(*agent.shares, strict=True)
    assert seconds == tuple(48 * n for n in range(11))
    assert shares[2:] == pytest.approx([n / 10 for n in range(2, 11)])
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [row["cpu_time"] for row in rows] == [144, 240, 384, 480]  # due at 120, 240, 360 and 480
    assert [row["env_steps"] for row in rows] == [16 * n * cfg.env.num_envs for n in (3, 5, 8, 10)]


def test_its_policy_acts_on_the_encoding_of_an_observation_without_noise(
    script: Callable[[str], ModuleType],
) -> None:
    policy = script("public_pwm").Deterministic(TheirLoop(None, 1, lambda: 0.0))
    assert policy.act(torch.tensor([[0.5, 3.0]])).item() == pytest.approx(torch.tanh(torch.tensor(1.0)).item())
