"""A run that was cut short and goes on is the run that was never cut."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from composed import composed
from forked import Forked
from short_run import SHORT_RUN, without_video

from wmzoo.agent.load import load
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.state import load_state
from wmzoo.cli.main import main
from wmzoo.contracts.trainer import CLOCKS
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.recorder import RunRecorder
from wmzoo.runs.train import _schedule

pytestmark = pytest.mark.usefixtures("no_video")
SHORT = [*SHORT_RUN, "eval.episodes=2", "trainer.iterations=6", "eval.every=2", "save.every=2", "save.keep=2"]
RUNS = {
    "flow on dmc": ["dynamics=flow", "env=pendulum_swingup"],
    "mlp on gymnasium": ["dynamics=mlp", "env=Hopper-v5", "recipe=paper", "recipe.critic_passes=1"],
    "mlp on metaworld": ["dynamics=mlp", "env=mw_door_open"],
}
# A kill knows nothing of the task: that every suite's states come back exactly is in the contract of environments.
KILLED = ["flow on dmc", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in [*RUNS][1:])]


def numbers(run: Path) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name not in CLOCKS} for row in read_metrics(run)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    with without_video():
        assert main(["train", *SHORT, *RUNS["flow on dmc"], f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture
def cut(whole: Path, tmp_path: Path) -> Path:
    """The run as it stood after iteration 5: the last checkpoint is of iteration 4."""
    run = tmp_path / "cut"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "checkpoints" / "00000006")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(lines[:5]) + '\n{"iteration": 6, "env_st')
    return run


def test_it_goes_on_from_the_newest_checkpoint_to_the_same_rows_and_weights(whole: Path, cut: Path) -> None:
    assert main(["resume", str(cut)]) == 0
    assert numbers(cut) == numbers(whole)
    weights = [(run / "checkpoints" / "00000006" / "model.safetensors").read_bytes() for run in (whole, cut)]
    assert weights[0] == weights[1]
    assert [path.name for path in list_checkpoints(cut)] == ["00000004", "00000006"]
    facts = json.loads((cut / "run.json").read_text())
    assert facts["status"] == "done" and [time["iteration"] for time in facts["resumed"]] == [4]


@pytest.fixture
def finished(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "finished"))


def test_a_finished_run_that_is_resumed_says_so_and_stays_what_it_is(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(finished)
    assert main(["resume", str(finished)]) == 0
    assert f"{finished}: already finished, 6 iterations; `wmzoo resume {finished} trainer.iterations=N`" in (
        capsys.readouterr().out
    )
    assert content(finished) == before


@pytest.mark.slow
def test_a_finished_run_trains_on_to_what_a_longer_one_would_have_been(
    whole: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], no_video: None
) -> None:
    assert main(["resume", str(finished), "trainer.iterations=8"]) == 0
    said = capsys.readouterr().out
    assert "trainer.iterations is 8 now, it was 6: the learning rates fall to recipe.final_lr=0.0001" in said
    assert main(["train", *SHORT, *RUNS["flow on dmc"], "trainer.iterations=8", f"run_dir={tmp_path / 'longer'}"]) == 0
    rows, longer = numbers(finished), numbers(tmp_path / "longer")
    assert rows[:6] == numbers(whole) and [row["iteration"] for row in rows] == list(range(1, 9))
    assessed = ("eval_", "latent_error", "reward_r2")  # at each one's own end, too, of samples drawn then
    for row, other in zip(rows, longer, strict=True):
        assert {k: v for k, v in row.items() if not k.startswith(assessed)} == {
            k: v for k, v in other.items() if not k.startswith(assessed)
        }
    assert rows[-1]["eval_return"] == longer[-1]["eval_return"]
    assert "\n  iterations: 8\n" in (finished / "config.yaml").read_text()
    assert json.loads((finished / "run.json").read_text())["resumed"][0]["trainer.iterations"] == 8
    capsys.readouterr()
    assert main(["resume", str(finished)]) == 0
    assert "already finished, 8 iterations" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("decay", "says"),
    [
        ("run", "fall linearly, to recipe.final_lr=0.0001 at iteration 8; they go on 75% of the way down, where they "),
        (250000, "fall to recipe.final_lr=0.0001 at step 250,000, as in any run"),
        ("none", "are constant, as they would have been in a run of 8"),
    ],
)
def test_learning_rates_that_decay_are_told_of_where_a_run_gets_longer(decay: str | int, says: str) -> None:
    cfg = composed("trainer.iterations=8", f"recipe.lr_decay={decay}")
    said = _schedule(cfg, done=6, planned=6)
    assert f"trainer.iterations is 8 now, it was 6: the learning rates {says}" in said


def test_killed_before_its_own_first_checkpoint_it_still_knows_how_many_were_asked_for(finished: Path) -> None:
    for name, old, new in (("config.yaml", "iterations: 6", "iterations: 8"), ("run.json", '"done"', '"running"')):
        text = (finished / name).read_text()
        assert old in text
        (finished / name).write_text(text.replace(old, new))
    assert main(["resume", str(finished)]) == 0
    assert numbers(finished)[-1]["iteration"] == 8


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("trainer.iterations=6", "6 iterations are done; trainer.iterations=6 must be more"),
        ("trainer.iterations=many", "all that can be changed is trainer.iterations=N"),
        ("seed=3", "seed=3: a run goes on with its own config"),
    ],
)
def test_what_cannot_be_changed_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str], word: str, says: str
) -> None:
    before = content(finished)
    assert says in failing(finished, capsys, word)
    assert content(finished) == before


def failing(run: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["resume", str(run), *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_without_a_checkpoint_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(tmp_path / "nothing", capsys).endswith("nothing: no such folder")
    (tmp_path / "empty").mkdir()
    assert "no checkpoint of a run to go on from; start it anew" in failing(tmp_path / "empty", capsys)
    assert "`wmzoo train init_from=cartpole_swingup-mlp`" in failing(Path("cartpole_swingup-mlp"), capsys)


def test_of_a_checkpoint_it_says_which_run_to_resume(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"`wmzoo resume {whole}` goes on" in failing(whole / "checkpoints" / "00000006", capsys)


def content(run: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("num_envs: 4", "num_envs: 3", "the saved state has 4 environments, this one has 3"),
        ("latent_dim: 32", "latent_dim: 40", "agent/world_model.encoder"),
        ("  warmup_steps: 80\n", "", "warmup_steps"),
        ("loggers: []", "loggers: [tensorbord]", "loggers: there is no 'tensorbord'"),
        ("name: flow", "name: mine", "it was trained with plugin /gone/mine.py, which --plugin FILE loads"),
    ],
)
def test_where_it_cannot_go_on_it_says_why_in_one_line_and_changes_nothing(
    cut: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    config = cut / "checkpoints" / "00000004" / "config.yaml"
    text = config.read_text()
    assert old in text
    text = text.replace(old, new).replace("plugins: []", "plugins: [/gone/mine.py]")
    config.write_text(text[: text.index("  sha256:")])  # the line that notices changes
    before = content(cut)
    assert words in failing(cut, capsys)
    assert content(cut) == before


def test_a_damaged_state_or_run_json_changes_nothing_either(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cut / "run.json").write_text("{")
    before = content(cut)
    assert "run.json: cannot read it (" in failing(cut, capsys)
    assert content(cut) == before
    (cut / "checkpoints" / "00000004" / "resume.safetensors").write_bytes(b"half")
    before = content(cut)
    line = failing(cut, capsys)
    assert f"{cut}/checkpoints/00000004/resume.safetensors: damaged, or no safetensors file" in line
    assert line.endswith(f"; remove {cut}/checkpoints/00000004 to start the run anew")
    assert content(cut) == before


@pytest.mark.parametrize("words", [["train", "run_dir=DISK/new"], ["resume", "DISK/run"]])
def test_no_run_begins_or_goes_on_where_it_cannot_write(
    cut: Path, read_only: Any, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    disk = read_only(cut)
    assert main([word.replace("DISK", str(disk)) for word in words]) == 2
    err = capsys.readouterr().err
    assert "Read-only file system" in err and err.count("\n") == 1


@pytest.mark.slow
def test_what_a_kill_left_half_written_is_cleared_away(cut: Path) -> None:
    for name in (".00000006-x.tmp", ".00000002-old.tmp"):
        (cut / "checkpoints" / name).mkdir()
        (cut / "checkpoints" / name / "resume.safetensors").write_bytes(b"half")
    (cut / ".run.json.123.tmp").write_text("{")
    assert main(["resume", str(cut)]) == 0
    assert not [*cut.glob(".*"), *cut.glob("checkpoints/.*")]


def test_other_arithmetic_is_told(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads((cut / "run.json").read_text())
    facts["threads"], facts["versions"]["torch"] = 7, "2.6.0"
    (cut / "run.json").write_text(json.dumps(facts))
    assert main(["resume", str(cut)]) == 0
    out = capsys.readouterr().out
    assert "goes on after iteration 4; not bit for bit, perhaps: threads 7 then, 1 now, torch 2.6.0 then" in out


LONG = [*SHORT, *RUNS["flow on dmc"], "trainer.iterations=100000", "save.every=1000"]


def until(holds: Any, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def rows(run: Path) -> int:
    file = run / "metrics.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


def test_ctrl_c_saves_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, log = tmp_path / "run", RunRecorder.log

    def log_and_interrupt(self: RunRecorder, row: dict[str, Any]) -> None:
        log(self, row)
        if row["iteration"] == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(RunRecorder, "log", log_and_interrupt)
    assert main(["train", *LONG, f"run_dir={run}"]) == 130
    captured = capsys.readouterr()
    assert "saving after this iteration" in captured.out
    assert [bundle.name for bundle in list_checkpoints(run)] == ["00000002"] and rows(run) == 2
    line = captured.err.splitlines()[-1]
    assert line.startswith("wmzoo: interrupted after iteration 2; ") and f"`wmzoo resume {run}`" in line
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_environments_of_worker_processes_are_saved_though_all_processes_are_signalled(
    tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    words = ("train", *LONG, "eval.every=1000", "env.backend=processes", f"run_dir={run}")
    training = Forked(["wmzoo", *words], tmp_path / "log")
    try:
        until(lambda: rows(run) >= 2)
        os.killpg(training.pid, number)
        code = training.wait(120)
    finally:
        training.kill()
    assert code == 130 and "Traceback" not in (tmp_path / "log").read_text()
    (saved,) = list_checkpoints(run)
    assert int(saved.name) == rows(run) and len(load_state(saved)["env"]["simulators"]) == 4
    with pytest.raises(ProcessLookupError):
        os.killpg(training.pid, 0)  # nothing of it is left


class Gone(io.TextIOBase):
    """An output that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def test_ctrl_c_saves_where_the_output_can_no_longer_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, log = tmp_path / "run", RunRecorder.log

    def log_and_interrupt(self: RunRecorder, row: dict[str, Any]) -> None:
        log(self, row)
        if row["iteration"] == 2:
            monkeypatch.setattr(sys, "stdout", Gone())
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(RunRecorder, "log", log_and_interrupt)
    assert main(["train", *LONG, f"run_dir={run}"]) == 130
    assert [bundle.name for bundle in list_checkpoints(run)] == ["00000002"] and rows(run) == 2


HOLDS = """
import sys
from pathlib import Path
from wmzoo.storage.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("mine", flush=True)
input()
"""


def test_the_folder_of_a_live_run_is_left_alone(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run one process holds the lock, from its first line to its last: see runs/folder.py."""
    command = [sys.executable, "-c", HOLDS, str(cut)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as live:
        assert live.stdout is not None and live.stdout.readline() == "mine\n"
        before = content(cut)
        assert f"{cut}: in use by process {live.pid}" in failing(cut, capsys)
        assert main(["train", *SHORT, f"run_dir={cut}"]) == 2
        assert content(cut) == before
        live.kill()
    assert main(["resume", str(cut)]) == 0  # the system lets go of a lock whose process has ended


def newest(run: Path) -> str:
    return max((bundle.name for bundle in list_checkpoints(run)), default="")


def killed(words: tuple[str, ...], run: Path, delay: float) -> int:
    """Start it, and kill it `delay` seconds after its first save; gives the exit code."""
    before = newest(run)
    training = Forked(["wmzoo", *words], Path(os.devnull))
    until(lambda: training.poll() is not None or newest(run) > before)
    time.sleep(delay)
    training.kill()
    return training.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", KILLED)
def test_killed_at_random_moments_a_run_still_ends_in_the_same_numbers(tmp_path: Path, name: str) -> None:
    """Three kills each, anywhere after the first save, writes included; a checkpoint that loads is always there."""
    if "metaworld" in name:
        pytest.importorskip("metaworld")
    settings = [*SHORT, *RUNS[name], "trainer.iterations=24", "save.every=1", "eval.every=12"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert main(["train", *settings, f"run_dir={whole}"]) == 0
    chance = random.Random(name)
    words: tuple[str, ...] = ("train", *settings, f"run_dir={run}")
    for kill in range(3):
        assert killed(words, run, chance.uniform(0, 0.4)) == -signal.SIGKILL, f"it ended before kill {kill}"
        load(list_checkpoints(run)[-1])
        words = ("resume", str(run))
    assert main(["resume", str(run)]) == 0
    assert numbers(run) == numbers(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_stops_the_run_in_one_line_and_leaves_the_last_good_checkpoint(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_disk / "run"
    assert main(["train", *LONG, "save.every=1", "save.keep=100", f"run_dir={run}"]) == 3
    err = capsys.readouterr().err
    (line,) = [line for line in err.splitlines() if line.startswith("wmzoo:")]
    assert "space" in line and f"`wmzoo resume {run}`" in line and "Traceback" not in err
    load(list_checkpoints(run)[-1])
    assert not list(run.glob("checkpoints/.*"))
