"""Trials of a search: what Optuna is told of them, which are pruned, and that whatever ends the search, it goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from forked import Forked

from wmzoo.cli.main import main
from wmzoo.errors import RunFailed, RunInterrupted, WmzooError
from wmzoo.runs.metrics import read_metrics
from wmzoo.studies import jobs
from wmzoo.studies.search import Range, Scale, Search
from wmzoo.studies.tune import Tuner

optuna = pytest.importorskip("optuna", reason="optuna is not installed: it is of the extra test")

SEARCH = Search(
    name="x",
    spec="x.yaml",
    title="How high",
    shared=["size=tiny"],
    space={"x": Range(0.0, 1.0)},
    tasks={"hill": ["env=hill"]},
    scales={"hill": Scale("eval_return")},
    seeds=[100],
    trials=8,
    pruner="none",
    startup=0,
    last=2,
    evaluations=4,
)
Height = Callable[
    [float, int, str, int], float | None
]  # of x, a seed, a task and an evaluation, from 1; None: it fails


def linear(x: float, seed: int, task: str, evaluation: int) -> float | None:
    """The last two evaluations of x have the mean 100 x."""
    return 100 * x + (evaluation - 3.5)


@dataclass
class Hill:
    """Runs whose evaluations a formula gives, one every time that somebody looks; in the place of trainings."""

    height: Height = linear
    started: list[list[str]] = field(default_factory=list)
    interrupted: list[Path] = field(default_factory=list)
    stop_at: int | None = None  # the start at which Ctrl-C comes

    def start(self, words: Sequence[str], log: Path) -> Climb:
        if self.stop_at == len(self.started):
            raise KeyboardInterrupt
        self.started.append(list(words))
        keys = dict(word.partition("=")[::2] for word in words[1:])
        folder = Path(keys["run_dir"])
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("{}\n")
        return Climb(self, folder, float(keys["x"]), int(keys["seed"]), keys["env"])


@dataclass(eq=False)
class Climb:
    hill: Hill
    folder: Path
    x: float
    seed: int
    task: str
    done: int = 0
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            self.done += 1
            value = self.hill.height(self.x, self.seed, self.task, self.done)
            if value is None:
                self.end(3, "failed")
                return self.code
            with (self.folder / "metrics.jsonl").open("a") as file:
                file.write(json.dumps({"iteration": self.done, "eval_return": value}) + "\n")
            if self.done == SEARCH.evaluations:
                self.end(0, "done")
        return self.code

    def end(self, code: int, status: str) -> None:
        self.code = code
        (self.folder / "run.json").write_text(json.dumps({"status": status}))

    def interrupt(self) -> None:
        self.hill.interrupted.append(self.folder)
        self.end(130, "interrupted")

    def wait(self) -> None:
        assert self.code is not None


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL", 0.0)


def tuner(folder: Path, hill: Hill, search: Search = SEARCH, workers: int = 1, said: list[str] | None = None) -> Tuner:
    say = (lambda line: None) if said is None else said.append
    return Tuner(search, folder / "x-tune", hill, workers, say, "wmzoo study tune x.yaml")


def trials(folder: Path) -> list[Any]:
    """As anybody reads them who has Optuna."""
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "x-tune" / "optuna.log"))
    found: list[Any] = optuna.load_study(study_name="x", storage=optuna.storages.JournalStorage(backend)).trials
    return found


def states(folder: Path) -> str:
    """C for a trial that came to its end, P for one that was pruned, F for one that failed, R for one under way."""
    return "".join(trial.state.name[0] for trial in trials(folder))


@pytest.mark.parametrize("workers", [1, 3])
def test_it_ends_with_the_best_trials_and_the_command_that_trains_the_best(tmp_path: Path, workers: int) -> None:
    hill = Hill()
    lines = tuner(tmp_path, hill, workers=workers).run()
    found = trials(tmp_path)
    assert states(tmp_path) == "C" * 8 and len(hill.started) == 8
    assert all(trial.value == pytest.approx(100 * trial.params["x"]) for trial in found)
    best = max(found, key=lambda trial: trial.value)
    assert lines[0] == "How high: 8 trials, 8 to their end, 0 pruned, 0 failed"
    assert lines[1].split() == ["trial", "value", "x"] and len(lines) == 12
    assert lines[2].split()[0] == str(best.number) and lines[2].split()[2] == f"{best.params['x']:.4g}"
    assert lines[-2] == f"trial {best.number} is trained, with a seed= that no trial had, by"
    assert lines[-1] == f"wmzoo train size=tiny env=hill x={best.params['x']}"
    assert hill.started[best.number][:5] == ["train", "size=tiny", "env=hill", f"x={best.params['x']}", "seed=100"]
    assert tuner(tmp_path, hill).run() == lines and len(hill.started) == 8  # nothing is left to be done


def test_a_trial_counts_the_mean_over_tasks_and_seeds_in_the_range_of_each_task(tmp_path: Path) -> None:
    search = replace(
        SEARCH,
        tasks={"hill": ["env=hill"], "peak": ["env=peak"]},
        scales={"hill": Scale("eval_return", 0, 100), "peak": Scale("eval_return", 1000, 2000)},
        seeds=[100, 101],
        trials=1,
    )
    heights = {("hill", 100): 10.0, ("hill", 101): 30.0, ("peak", 100): 1500.0, ("peak", 101): 1100.0}
    hill = Hill(lambda x, seed, task, evaluation: heights[task, seed] + (evaluation == 1))
    lines = tuner(tmp_path, hill, search).run()
    (trial,) = trials(tmp_path)
    assert trial.value == pytest.approx((0.1 + 0.3 + 0.5 + 0.1) / 4)
    assert trial.intermediate_values[1] == pytest.approx(trial.value + (0.01 + 0.001) / 2)
    assert [line.split()[3] for line in lines[-2:]] == ["env=hill", "env=peak"]
    runs = {str(path.parent.relative_to(tmp_path / "x-tune")) for path in tmp_path.rglob("metrics.jsonl")}
    assert runs == {f"trial-0000/{task}/seed{seed}" for task, seed in heights}


def test_the_median_prunes_a_trial_that_is_worse_and_stops_its_runs(tmp_path: Path) -> None:
    """Two trials come to their end; of the others those below the median of their second evaluations are stopped."""
    said: list[str] = []
    hill = Hill()
    search = replace(SEARCH, pruner="median", startup=2, seeds=[100, 101])
    lines = tuner(tmp_path, hill, search, said=said).run()
    found = trials(tmp_path)
    pruned = [trial for trial in found if trial.state.name == "PRUNED"]
    assert states(tmp_path)[:2] == "CC" and 0 < len(pruned) < 6
    for trial in pruned:
        whole = [other for other in found[: trial.number] if other.state.name == "COMPLETE"]
        middle = sorted(other.intermediate_values[2] for other in whole)
        assert list(trial.intermediate_values) == [1, 2] and trial.intermediate_values[2] < middle[-1]
        folders = {tmp_path / "x-tune" / f"trial-{trial.number:04d}" / "hill" / f"seed{seed}" for seed in (100, 101)}
        assert {json.loads((run / "run.json").read_text())["status"] for run in folders} <= {"interrupted", "done"}
        assert folders & set(hill.interrupted)
        assert any(line.startswith(f"trial {trial.number}: pruned after evaluation 2; the best of") for line in said)
    assert f"{len(pruned)} pruned" in lines[0]


def test_the_last_evaluation_prunes_nothing(tmp_path: Path) -> None:
    """What is known whole is not thrown away: here trials differ in it alone."""
    hill = Hill(lambda x, seed, task, evaluation: 100 * x if evaluation == 4 else 50.0)
    tuner(tmp_path, hill, replace(SEARCH, pruner="median")).run()
    assert states(tmp_path) == "C" * 8


def test_hyperband_prunes_too(tmp_path: Path) -> None:
    tuner(tmp_path, Hill(), replace(SEARCH, pruner="hyperband", trials=20)).run()
    assert {"C", "P"} == set(states(tmp_path))


@pytest.mark.parametrize("stop_at", [0, 3, 5])
def test_an_interrupted_search_goes_on_and_comes_to_the_same_trials(tmp_path: Path, stop_at: int) -> None:
    search = replace(SEARCH, pruner="median", startup=2, trials=12)
    tuner(tmp_path / "whole", Hill(), search).run()
    with pytest.raises(RunInterrupted, match="1 trials are under way; `wmzoo study tune x.yaml` goes on"):
        tuner(tmp_path / "part", Hill(stop_at=stop_at), search).run()
    assert states(tmp_path / "part")[-1] == "R"
    hill = Hill()
    tuner(tmp_path / "part", hill, search).run()
    told = [[(t.params, t.value, t.intermediate_values) for t in trials(tmp_path / of)] for of in ("whole", "part")]
    assert told[0] == told[1] and states(tmp_path / "part") == states(tmp_path / "whole")
    assert len(hill.started) == 12 - stop_at


def test_a_run_that_ends_early_is_tried_once_more_and_then_its_trial_has_failed(tmp_path: Path) -> None:
    """Those with an x above a half always end early, at their second evaluation; one with another x once."""
    once: list[float] = []

    def height(x: float, seed: int, task: str, evaluation: int) -> float | None:
        if evaluation == 2 and (x > 0.5 or not once):
            once.append(x)
            return None
        return linear(x, seed, task, evaluation)

    said: list[str] = []
    hill = Hill(height)
    lines = tuner(tmp_path, hill, said=said).run()
    failed = [trial for trial in trials(tmp_path) if trial.state.name == "FAIL"]
    assert failed and all((trial.state.name == "FAIL") == (trial.params["x"] > 0.5) for trial in trials(tmp_path))
    assert f"{len(failed)} failed" in lines[0] and len(hill.started) - 8 >= len(failed)
    log = tmp_path / "x-tune" / f"trial-{failed[0].number:04d}" / "hill" / "seed100.log"
    assert any(line.startswith(f"trial {failed[0].number}: failed, see {log}") for line in said)


def test_a_search_of_which_every_trial_fails_has_failed(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"none of 8 trials came to its end; see the logs in .*x-tune/trial-\*/"):
        tuner(tmp_path, Hill(lambda *given: None)).run()


def test_a_search_goes_on_with_more_trials_but_not_with_other_things_to_try(tmp_path: Path) -> None:
    tuner(tmp_path, Hill()).run()
    more = Hill()
    tuner(tmp_path, more, replace(SEARCH, trials=10, title="Higher")).run()
    assert len(more.started) == 2 and states(tmp_path) == "C" * 10
    other = replace(SEARCH, space={"x": Range(0.0, 2.0)}, seeds=[101])
    with pytest.raises(WmzooError, match="x-tune: was begun with other search, seeds; rename or remove it"):
        tuner(tmp_path, Hill(), other).run()


def test_one_search_has_its_folder_for_itself(tmp_path: Path) -> None:
    def again(x: float, seed: int, task: str, evaluation: int) -> float | None:
        with pytest.raises(WmzooError, match="in use by process"):
            tuner(tmp_path, Hill()).run()
        return linear(x, seed, task, evaluation)

    tuner(tmp_path, Hill(again), replace(SEARCH, trials=1)).run()


def test_without_optuna_the_command_that_installs_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(WmzooError, match=r'tune is not installed: pip install "wmzoo\[tune\]"'):
        tuner(tmp_path, Hill()).run()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def rates(spec: Path) -> Path:
    """The study of conftest.py as a search."""
    text = re.sub(r"arms: .*", "search: {recipe.actor_lr: {from: 1e-4, to: 1e-2, log: true}}", spec.read_text())
    text = text.replace("eval.every=4", "eval.every=1").replace("trainer.iterations=4", "trainer.iterations=12")
    text = text.replace("save.every=1", "save.every=3")
    text = text.replace("pendulum: [env=pendulum_swingup]", "cartpole: [env=cartpole_swingup]")
    (spec.parent / "rates.yaml").write_text(re.sub(r"seeds: .*", "trials: 3\npruner: none", text))
    return spec.parent / "rates.yaml"


@pytest.mark.slow
@pytest.mark.usefixtures("forked_jobs", "no_video")
def test_real_trainings_are_searched_and_a_search_that_was_killed_goes_on(
    rates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed are the search and the training of its second trial, which leaves a checkpoint that is gone on from."""
    words = ["study", "tune", str(rates), "--root", str(rates.parent)]
    process = Forked(["wmzoo", *words], rates.parent / "log")
    second = rates.parent / "rates-tune" / "trial-0001" / "cartpole" / "seed100"
    while not list(second.glob("checkpoints/0*")):
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    process.wait()
    os.kill(int((second / ".lock").read_text()), signal.SIGKILL)
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "3 trials, 3 to their end, 0 pruned, 0 failed" in out
    assert out.startswith("trial 1: recipe.actor_lr=") and "\ntrial 0: " not in out
    facts = json.loads((second / "run.json").read_text())
    assert facts["status"] == "done" and len(facts["resumed"]) == 1 and facts["seed"] == 100
    assert [row["iteration"] for row in read_metrics(second)] == list(range(1, 13))
    assert not list(rates.parent.glob("rates-tune/*/*/*stopped*"))
    command = out.splitlines()[-1].split()
    assert command[:3] == ["wmzoo", "train", "size=tiny"]
    assert main([*command[1:], "seed=0", f"run_dir={rates.parent / 'best'}", "trainer.iterations=1"]) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("forked_jobs")
def test_a_pruned_training_saves_and_stops(rates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda trial: trial.number == 1)
    rates.write_text(rates.read_text().replace("iterations=12", "iterations=24").replace("trials: 3", "trials: 2"))
    assert main(["study", "tune", str(rates), "--root", str(rates.parent), "--workers", "2"]) == 0
    pruned = rates.parent / "rates-tune" / "trial-0001" / "cartpole" / "seed100"
    facts = json.loads((pruned / "run.json").read_text())
    assert facts["status"] == "interrupted" and list(pruned.glob("checkpoints/0*"))
    assert len(read_metrics(pruned)) < 24
