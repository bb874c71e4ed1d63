"""`wmzoo bench`: the command that goes on, what it refuses, and a whole bench that was interrupted."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from forked import Forked
from short_run import SHORT_RUN
from synthetic_runs import write_run

from wmzoo.cli.bench import command
from wmzoo.cli.main import main, parse

TINY = [*SHORT_RUN, "eval.episodes=1", "eval.every=4", "save.every=4"]
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
    words = ["wmzoo", "bench", str(file), *TINY, "--tasks", "pendulum_swingup", "--seeds", "1"]

    def bench(steps: int, log: str) -> Forked:
        return Forked([*words, "--steps", str(steps), "--root", str(root)], tmp_path / log)

    begun = bench(1400, "begun.log")
    while begun.poll() is None and not list(root.rglob("checkpoints/0*")):
        time.sleep(0.05)
    begun.send_signal(signal.SIGTERM)  # as Ctrl-C
    code, said = begun.wait(120), (tmp_path / "begun.log").read_text()
    assert code == 130 and "goes on" in said, said
    (run,) = root.glob("*/pendulum_swingup/*/seed0")
    before = json.loads((run / "run.json").read_text())
    assert before["status"] == "interrupted" and [each["name"] for each in before["plugins"]] == ["mine"]

    def again(steps: int) -> list[float]:
        code, said = bench(steps, "again.log").wait(600), (tmp_path / "again.log").read_text()
        assert code == 0, said
        assert "no parity: mine" in said and "report: " in said
        (file,) = root.glob("*/row.json")
        task = json.loads(file.read_text())["tasks"]["pendulum_swingup"]
        assert task["ratio"] > 0 and task["esnr"] is not None and task["latent_errors"][0] > 0
        return list(task["seeds"]["0"]["steps"])

    # The warm-up has 80 steps, an iteration 16, an evaluation comes every fourth one.
    assert again(1600)[-1] == 80 + 16 * 96
    assert json.loads((run / "run.json").read_text())["resumed"] and list(root.glob("*/report/report.html"))
    file.write_text(PLUGIN.replace("A small one", "Another one"))
    code, said = bench(1600, "changed.log").wait(120), (tmp_path / "changed.log").read_text()
    assert code == 2 and "mine.py has changed since" in said
