"""`wmzoo bench`: the command that goes on, what it refuses, and a whole bench that was interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from short_run import SHORT_RUN
from synthetic_runs import write_run

from wmzoo.cli.bench import command
from wmzoo.cli.main import main, parse

TINY = [*SHORT_RUN, "eval.episodes=1", "eval.every=2", "save.every=1"]
PLUGIN = """
import wmzoo
from wmzoo.dynamics.mlp import MLPDynamics

@wmzoo.register("dynamics", "mine", default_loss="mse", params={"units": [16], "activation": "silu"})
class Mine(MLPDynamics):
    '''A small one.'''
"""


@pytest.mark.parametrize(
    "words",
    [
        "wmzoo bench mlp --seeds 3",
        "wmzoo bench my.py dynamics=mine size=tiny --tasks walker_walk,finger_spin --seeds 1 --steps 50000",
        "wmzoo bench cosine --plugin other.py --seeds 2 --root elsewhere --out page",
    ],
)
def test_the_command_that_goes_on_is_the_one_that_was_typed(words: str) -> None:
    assert command(parse(words.split()[1:])) == words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mlp", "--seeds", "0"], "--seeds is 0"),
        (["mlp", "--steps", "0"], "--steps is 0"),
        (["nothing_like_it"], "unknown dynamics, loss, integrator or file 'nothing_like_it'"),
        (["mlp", "--tasks", "walker_wolk"], "did you mean walker_walk"),
        (["mlp", "loss=rectified_flow", "--tasks", "walker_walk"], "needs velocity"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], configs_by_hydra: None
) -> None:
    assert main(["bench", *words, "--root", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_runs_of_other_settings_in_its_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "mlp" / "walker_walk" / "mlp" / "seed0"
    assert main(["train", "experiment=standard", "env=walker_walk", "dynamics=mlp", "recipe.gamma=0.9", "--cfg"]) == 0
    write_run(run, dynamics="mlp", task="walker-walk", seed=0, returns=[1.0])
    (run / "config.yaml").write_text(capsys.readouterr().out)
    assert main(["bench", "mlp", "--tasks", "walker_walk", "--root", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"{run}: was begun with other settings (recipe.gamma is 0.9 there and 0.99 here)" in error


@pytest.mark.slow
def test_a_bench_that_was_interrupted_goes_on_and_is_made_longer(tmp_path: Path) -> None:
    file, root = tmp_path / "mine.py", tmp_path / "bench"
    file.write_text(PLUGIN)
    words = [sys.executable, "-m", "wmzoo", "bench", str(file), *TINY, "--tasks", "pendulum_swingup", "--seeds", "1"]
    env = {**os.environ, "MUJOCO_GL": "disabled", "PYTHONPATH": os.pathsep.join(sys.path)}
    say = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": env}
    begun = subprocess.Popen([*words, "--steps", "3000", "--root", root], **say)  # type: ignore[call-overload]
    while begun.poll() is None and not list(root.rglob("checkpoints/0*")):
        time.sleep(0.05)
    begun.terminate()  # as Ctrl-C, which a process that was begun in the background may ignore
    out, _ = begun.communicate()
    assert begun.returncode == 130 and "goes on" in out, out
    (run,) = root.glob("*/pendulum_swingup/*/seed0")
    before = json.loads((run / "run.json").read_text())
    assert before["status"] == "interrupted" and [each["name"] for each in before["plugins"]] == ["mine"]

    def again(steps: int) -> list[float]:
        done = subprocess.run([*words, "--steps", str(steps), "--root", root], check=False, **say)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout
        assert "no parity: mine" in done.stdout and "report: " in done.stdout
        (file,) = root.glob("*/row.json")
        task = json.loads(file.read_text())["tasks"]["pendulum_swingup"]
        assert task["ratio"] > 0 and task["esnr"] is not None and task["latent_errors"][0] > 0
        return list(task["seeds"]["0"]["steps"])

    # The warm-up has 80 steps, an iteration 16, an evaluation comes every second one.
    assert again(3800)[-1] == 80 + 16 * 234
    assert json.loads((run / "run.json").read_text())["resumed"] and list(root.glob("*/report/report.html"))
    file.write_text(PLUGIN.replace("A small one", "Another one"))
    done = subprocess.run([*words, "--steps", "3800", "--root", root], check=False, **say)  # type: ignore[call-overload]
    assert done.returncode == 2 and "mine.py has changed since" in done.stdout
