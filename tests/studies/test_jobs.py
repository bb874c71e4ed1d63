"""Many jobs: what fails is named, and whatever ends the process, the next goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wmzoo.errors import RunFailed
from wmzoo.runs.metrics import read_metrics
from wmzoo.studies.grid import read_study, trainings
from wmzoo.studies.jobs import Runner
from wmzoo.studies.launchers import Local


def start(spec: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "wmzoo", "study", "run", str(spec), "--workers", "2", "--root", str(spec.parent)]
    environment = {**os.environ, "MUJOCO_GL": "disabled"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_study_that_was_killed_or_interrupted_goes_on(spec: Path, number: signal.Signals) -> None:
    long = (
        spec.read_text()
        .replace("trainer.iterations=4", "trainer.iterations=40")
        .replace("eval.every=4", "eval.every=40")
    )
    spec.write_text(long)
    study = start(spec)
    while not list(spec.parent.glob("two_arms/*/*/seed0/checkpoints/0*")):
        assert study.poll() is None
        time.sleep(0.1)
    study.send_signal(number)
    _, err = study.communicate(timeout=120)
    assert study.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert number == signal.SIGKILL or f"runs are left; `wmzoo study run {spec}` goes on" in err
    again = start(spec)
    out, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert out.splitlines()[-1].startswith("4 of 4 done")
    runs = [spec.parent / "two_arms" / "pendulum" / arm / f"seed{seed}" for arm in ("mlp", "flow") for seed in (0, 1)]
    assert [json.loads((run / "run.json").read_text())["status"] for run in runs] == ["done"] * 4
    assert all([row["iteration"] for row in read_metrics(run)] == list(range(1, 41)) for run in runs)
    assert "4 of 4 done" in start(spec).communicate(timeout=120)[0].splitlines()[0]


@pytest.mark.slow
def test_a_run_that_fails_is_named_and_does_not_stop_the_others(spec: Path) -> None:
    spec.write_text(spec.read_text().replace("[dynamics=mlp]", "[dynamics=mlp, dynamics.residual=odd]"))
    with pytest.raises(RunFailed, match=r"2 runs failed, see .*mlp/seed0.log, .*mlp/seed1.log"):
        Runner(trainings(read_study(str(spec)), spec.parent), Local(threads=1), 2, print, "").run()
    assert len(list(spec.parent.glob("two_arms/*/*/*/metrics.csv"))) == 2
