"""`wmzoo train`: what it hands to the run, and sweeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wmzoo.cli.main import main


def test_train_prints_the_composed_config_of_a_plugin(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "plugins=[mine.py]", "dynamics=mine", "--cfg", "seed=4"]) == 0
    out = capsys.readouterr().out
    assert "name: mine\n  gain: 0.5\n" in out and "seed: 4\n" in out and f"- {plugin}\n" in out


def test_train_hands_the_composed_config_to_the_run(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Any] = []
    monkeypatch.setattr("wmzoo.runs.train.train", runs.append)
    assert main(["train", "--plugin", "mine.py", "dynamics=mine", "size=tiny"]) == 0
    assert [(cfg.dynamics.name, cfg.model.latent_dim, cfg.plugins) for cfg in runs] == [("mine", 32, [str(plugin)])]


def test_a_sweep_runs_every_combination_in_a_folder_of_its_own(plugin: Path) -> None:
    # In a process of its own, because Hydra sets up logging for the whole process.
    code = (
        "import sys, types\n"
        "train = sys.modules['wmzoo.runs.train'] = types.ModuleType('train')\n"  # without all that training imports
        "train.train = lambda cfg: print('ran', cfg.dynamics.name, cfg.loss.name, cfg.seed, cfg.run_dir)\n"
        "from wmzoo.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = ["train", "-m", "--plugin", "mine.py", "dynamics=mine,flow", "seed=0,1"]
    done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    runs = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ran ")]
    losses = {"mine": "mse", "flow": "rectified_flow"}
    assert [run[:3] for run in runs] == [[d, losses[d], seed] for d in ("mine", "flow") for seed in "01"]
    assert len({run[3] for run in runs}) == 4


def test_a_sweep_goes_over_tasks_by_their_own_names(tmp_path: Path) -> None:
    code = (
        "import sys, types\n"
        "train = sys.modules['wmzoo.runs.train'] = types.ModuleType('train')\n"  # as above
        "train.train = lambda cfg: print('ran', cfg.env.name, cfg.env.task)\n"
        "from wmzoo.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = ["train", "-m", "env=fish_swim,Humanoid-v5,cartpole-swingup,bet"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, cwd=tmp_path)
    runs = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ran ")]
    tasks = [["dmc", "fish-swim"], ["gymnasium", "Humanoid-v5"], ["dmc", "cartpole-swingup"], ["toy", "bet"]]
    assert runs == tasks, done.stderr


FAILING = """
import sys, types
from wmzoo.errors import RunFailed, WmzooError

def train(cfg):
    print("ran", cfg.seed)
    if cfg.seed == 1:
        raise WmzooError("no such task")
    if cfg.seed == 3:
        raise {kind}("it went wrong")

sys.modules["wmzoo.runs.train"] = types.ModuleType("train")  # without all that training imports
sys.modules["wmzoo.runs.train"].train = train
from wmzoo.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "code"), [("WmzooError", 2), ("RunFailed", 3), ("ZeroDivisionError", 3)])
def test_of_several_runs_of_a_sweep_that_fail_all_are_named_with_what_they_differ_in(
    tmp_path: Path, kind: str, code: int
) -> None:
    command = ["train", "-m", "seed=0,1,2,3", "size=tiny", "hydra.sweep.dir=sweep"]
    done = subprocess.run(
        [sys.executable, "-c", FAILING.format(kind=kind), *command], capture_output=True, text=True, cwd=tmp_path
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("ran")] == ["ran 0", "ran 1", "ran 2", "ran 3"]
    last = done.stderr.splitlines()[-1]
    assert last.startswith("wmzoo: 2 of the sweep's runs failed: 1 (seed=1): no such task; 3 (seed=3): ")
    assert last.endswith("it went wrong") and done.returncode == code and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["run_dir=one"], ["run_dir=one,other", "dynamics=flow,mlp"], ["run_dir=one", "trainer.horizon=4,8"]]
)
def test_a_sweep_whose_runs_would_share_a_folder_is_refused_before_the_first(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wmzoo.cli.train.job", None)
    assert main(["train", "-m", "seed=0,1", *words]) == 2
    err = capsys.readouterr().err
    assert "a run needs a folder of its own" in err and "'run_dir=runs/${seed}'" in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_sweep_over_an_unknown_name_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-m", "dynamics=flow,flwo"]) == 2
    assert "did you mean flow?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["seed=0,1", "sead=3"], "unknown key 'sead': did you mean seed?"),
        (["dynamics=flow,mlp", "dynamics.subsetps=3"], "did you mean dynamics.substeps"),
        (["seed=glob(*)"], "seed=glob(*): name the values, as seed=1,2"),
        (["seed=0,1", "hydra/launcher=joblb"], "hydra/launcher/joblb"),
        (["seed=0,1", "--cfg"], "--cfg shows one config and -m runs many"),
    ],
)
def test_a_mistake_in_a_sweep_is_one_line_and_runs_nothing(overrides: list[str], says: str, tmp_path: Path) -> None:
    # In a process of its own, because Hydra sets up logging for the whole process.
    command = [sys.executable, "-m", "wmzoo", "train", "-m", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr and done.stderr.startswith("wmzoo: ") and done.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("metrics.jsonl"))
