"""The command line from outside: what it prints, its exit codes, and that the light commands are light."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wmzoo.cli import show
from wmzoo.cli.main import main
from wmzoo.errors import CheckFailed, RunFailed, RunInterrupted
from wmzoo.registry import KINDS, list_entries

PLUGIN = """
import wmzoo

@wmzoo.register("dynamics", "mine")
class Mine:
    '''Found in a file.'''
    def __init__(self, gain=0.5): ...
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(PLUGIN)
    return tmp_path / "mine.py"


def test_list_prints_every_entry_of_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    words = capsys.readouterr().out.split()
    assert [name for kind in KINDS for name in list_entries(kind) if name not in words] == []
    assert {"cartpole_swingup", "Hopper-v5"} <= set(words)


def test_list_of_one_kind_names_the_owner_of_what_is_not_built_in(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "dynamics", "--plugin", "mine.py"]) == 0
    out = capsys.readouterr().out
    assert "heun" not in out
    (line,) = [line for line in out.splitlines() if "mine" in line]
    assert "Found in a file." in line and str(plugin) in line


def test_show_prints_facts_and_parameters_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "dynamics", "flow"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "default_loss rectified_flow" in out
    assert "dynamics.condition_on_source false" in out
    assert "dynamics.substeps 2" in out


def test_show_knows_the_named_tasks_that_list_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "env", "walker_walk"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("env=walker_walk env=dmc env.task=walker-walk") and "env.task walker-walk" in out


@pytest.mark.parametrize("command", [["list"], ["show", "dynamics", "flow"], ["--help"]])
def test_a_light_command_imports_nothing_heavy_and_takes_under_0_3_s(command: list[str]) -> None:
    code = (
        "import sys; from wmzoo.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit(str(heavy) if (heavy := {'torch', 'hydra', 'numpy', 'mujoco'} & set(sys.modules)) else 0)"
    )
    seconds = []
    for _ in range(5):  # the best of five, in CPU time: other work on the machine does not count
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code, *command], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


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
        "import sys, wmzoo.runs.train; from wmzoo.cli.main import main\n"
        "wmzoo.runs.train.train = lambda cfg: print('ran', cfg.dynamics.name, cfg.loss.name, cfg.seed, cfg.run_dir)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = ["train", "-m", "--plugin", "mine.py", "dynamics=mine,flow", "seed=0,1"]
    done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    runs = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ran ")]
    losses = {"mine": "mse", "flow": "rectified_flow"}
    assert [run[:3] for run in runs] == [[d, losses[d], seed] for d in ("mine", "flow") for seed in "01"]
    assert len({run[3] for run in runs}) == 4


def test_a_sweep_over_an_unknown_name_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-m", "dynamics=flow,flwo"]) == 2
    assert "did you mean flow?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["seed=0,1", "sead=3"], "unknown key 'sead': did you mean seed?"),
        (["dynamics=flow,mlp", "dynamics.subsetps=3"], "did you mean dynamics.substeps"),
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


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (CheckFailed("no"), 1, "wmzoo: no\n"),
        (RunFailed("stopped;\nlast checkpoint: x"), 3, "wmzoo: stopped; last checkpoint: x\n"),
        (RunInterrupted("interrupted; last checkpoint: x"), 130, "wmzoo: interrupted; last checkpoint: x\n"),
        (KeyboardInterrupt(), 130, "wmzoo: interrupted\n"),
        (ValueError("odd"), 3, "wmzoo: ValueError: odd (--debug shows the traceback)\n"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(args: object) -> int:
        raise error

    monkeypatch.setattr(show, "run", run)
    assert main(["show", "dynamics", "flow"]) == code
    assert capsys.readouterr().err == says
    assert main(["--debug", "show", "dynamics", "flow"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_name_exits_with_2_and_near_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "dynamics", "flwo"]) == 2
    assert capsys.readouterr().err.startswith("wmzoo: unknown dynamics 'flwo': did you mean flow?")


@pytest.mark.parametrize("argv", [[], ["lsit"], ["list", "--nope"], ["show", "dynamics"]])
def test_bad_usage_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
