"""Many jobs: what fails is named, and whatever ends the process, the next goes on."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest
from forked import Forked

from wmzoo.cli.main import main
from wmzoo.errors import RunFailed
from wmzoo.runs.metrics import read_metrics
from wmzoo.studies.grid import read_study, trainings
from wmzoo.studies.jobs import Runner
from wmzoo.studies.launchers import Local

pytestmark = pytest.mark.usefixtures("forked_jobs")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_study_that_was_killed_or_interrupted_goes_on(
    spec: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        spec.read_text()
        .replace("trainer.iterations=4", "trainer.iterations=12")
        .replace("eval.every=4", "eval.every=12")
    )
    spec.write_text(
        re.sub(r"arms: .*", "arms: {mlp: [dynamics=mlp]}", text).replace("seeds: [0, 1]", "seeds: [0, 1, 2]")
    )
    again = ["study", "run", str(spec), "--workers", "2", "--root", str(spec.parent)]
    study = Forked(["wmzoo", *again], spec.parent / "log")
    while not list(spec.parent.glob("two_arms/*/*/seed0/checkpoints/0*")):
        assert study.poll() is None
        time.sleep(0.1)
    study.send_signal(number)
    assert study.wait(120) == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    said = (spec.parent / "log").read_text()
    assert number == signal.SIGKILL or f"runs are left; `wmzoo study run {spec}` goes on" in said
    assert main(again) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 of 3 done")
    runs = [spec.parent / "two_arms" / "pendulum" / "mlp" / f"seed{seed}" for seed in range(3)]
    assert [json.loads((run / "run.json").read_text())["status"] for run in runs] == ["done"] * 3
    assert all([row["iteration"] for row in read_metrics(run)] == list(range(1, 13)) for run in runs)
    assert main(again) == 0 and "3 of 3 done" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.slow
def test_a_run_that_fails_is_named_and_does_not_stop_the_others(spec: Path) -> None:
    spec.write_text(spec.read_text().replace("[dynamics=mlp]", "[dynamics=mlp, dynamics.residual=odd]"))
    with pytest.raises(RunFailed, match=r"2 runs failed, see .*mlp/seed0.log, .*mlp/seed1.log"):
        Runner(trainings(read_study(str(spec)), spec.parent), Local(threads=1), 2, print, "").run()
    assert len(list(spec.parent.glob("two_arms/*/*/*/metrics.csv"))) == 2
