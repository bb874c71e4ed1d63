"""A state that was tampered with is refused before any of it is taken, whichever of its tensors it is."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from short_run import SHORT_RUN

import wmzoo
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.state import load_state, open_state, read, save_state
from wmzoo.cli.main import main
from wmzoo.runs.recorder import SilentRecorder
from wmzoo.storage.tensors import StoredTensor
from wmzoo.trainers.build import build_trainer

SHORT = [*SHORT_RUN, "dynamics=mlp", "eval.episodes=1", "trainer.iterations=1", "trainer.buffer_size=1000"]
State = dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crafted") / "run"
    assert main(["train", *SHORT, "env=pendulum_swingup", f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def state(run: Path) -> State:
    return load_state(list_checkpoints(run)[-1])


@pytest.fixture(scope="module")
def trainer() -> Any:
    recorder = SilentRecorder(lambda: False)
    return build_trainer(wmzoo.compose([*SHORT, "env=pendulum_swingup", "seed=3"]), recorder.of)[0]


def put(*path: Any) -> Callable[[State, Any], None]:
    def change(state: State, value: Any) -> None:
        for key in path[:-1]:
            state = state[key]
        state[path[-1]] = value(state[path[-1]]) if callable(value) else value

    return change


ADAM = ("pwm", "optimisers", "model", "state", 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ((*ADAM, "exp_avg"), torch.zeros(3), r"optimisers/model/0/exp_avg is float32\[3\], not float32\["),
        ((*ADAM, "exp_avg_sq"), lambda x: x.double(), "exp_avg_sq is float64"),
        ((*ADAM, "step"), torch.zeros(7), r"step is float32\[7\], not float32\[\]"),
        ((*ADAM, "exp_avg"), 5, "exp_avg is a int, not float32"),
        (ADAM, {}, "optimisers/model/0 lacks step"),
        (("pwm", "optimisers", "critic", "state", 99), {}, "optimisers/critic/99: there are .* parameters"),
        (("pwm", "esnr", "gradients"), torch.zeros(32, 10**6), "esnr/gradients is float32"),
        (("pwm", "esnr", "gram"), torch.zeros(2, 2), "esnr/gram is float32"),
        (("pwm", "esnr", "count"), -5, "esnr/count is -5"),
        (("pwm", "returns", "mean"), torch.zeros(4).double(), r"returns/mean is float64\[4\]"),
        (("pwm", "streams", "tau"), lambda x: x[:100], r"streams/tau is uint8\[100\]"),
        (("pwm", "streams", "tau"), lambda x: torch.full_like(x, 255), "streams/tau is no state of a random stream"),
        (("agent", "actor.mean.0.bias"), lambda x: x.half(), "agent/actor.mean.0.bias is float16"),
        (("pwm", "entropy", "log_coef"), torch.zeros(3), r"pwm/entropy/log_coef is float32\[3\]"),
        (("pwm", "target", "layers.0.bias"), torch.zeros(3), r"pwm/target/layers.0.bias is float32\[3\]"),
        (("agent", "more"), torch.zeros(1), "agent has unknown more"),
        (("counters", "iteration"), 1e400, "counters/iteration is a float, not a int"),
        (("replay", "head"), lambda x: x + 10**6, "replay/head has 10000.. to 10000.., not from 0 to below"),
        (("replay", "head"), lambda x: x - 10**6, "replay/head has -"),
        (("replay", "counters"), torch.tensor([3, 10**9]), "replay/counters tell of 3 episodes in 1000000000 of 250"),
        (("replay", "counters"), torch.tensor([3, 0]), "replay/counters tell of 3 episodes in 0 of 250"),
        (("replay", "counters"), torch.zeros(2), r"replay/counters is float32\[2\]"),
        (("replay", "obs"), lambda x: x[:1], r"replay/obs is float32\[1, 4, 3\]"),
        (("replay", "reward"), lambda x: x.double(), "replay/reward is float64"),
        (("replay", "episode"), lambda x: x + 10**6, "replay/episode has"),
        (("replay", "generator"), lambda x: x[:5], r"replay/generator is uint8\[5\]"),
        (("episodes", "returns"), lambda x: x[:1], r"episodes/returns is float64\[1\]"),
        (("obs",), lambda x: x[:, :1], r"obs is float32\[4, 1\]"),
        (("env", "elapsed"), lambda x: x + 10**6, "env/elapsed has 10000"),
        (("env", "elapsed"), lambda x: x.double(), "env/elapsed is float64"),
        (("env", "simulators", 2, "integration"), torch.zeros(3).double(), r"integration is float64\[3\]"),
        (("env", "simulators", 2, "integration"), torch.zeros(9).float(), "integration is float32"),
        (("env", "simulators", 1, "random", "position"), 10**9, "the state of a random stream is none"),
        (("env", "simulators", 1, "random", "key"), lambda x: x[:9], "the state of a random stream is none"),
        (("env", "simulators", 0, "model", "jnt_qposadr"), torch.zeros(1), "has jnt_qposadr, which the simulation"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_of_the_state_is_taken(
    trainer: Any, state: State, path: tuple[Any, ...], value: Any, words: str
) -> None:
    crafted, before = copy.deepcopy(state), copy.deepcopy(trainer.agent.state_dict())
    put(*path)(crafted, value)
    with pytest.raises(ValueError, match=words):
        trainer.load_state_dict(crafted)
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.agent.state_dict().items())
    assert trainer.iteration == 0 and not len(trainer.replay) and not trainer.pwm.optimisation.optimisers["model"].state


def test_settings_of_an_optimiser_come_from_the_config_not_from_a_state(trainer: Any, state: State) -> None:
    crafted = copy.deepcopy(state)
    for group in crafted["pwm"]["optimisers"]["actor"]["param_groups"]:
        group |= {"amsgrad": True, "betas": ["x"], "fused": False, "params": [99]}
    trainer.load_state_dict(crafted)
    (group,) = trainer.pwm.optimisation.optimisers["actor"].param_groups
    assert (group["amsgrad"], group["fused"], tuple(group["betas"])) == (False, True, (0.7, 0.95))


def test_a_resumed_trainer_finds_its_replay_in_the_file_and_takes_all_of_it(trainer: Any, run: Path) -> None:
    stored = open_state(list_checkpoints(run)[-1])
    assert trainer.in_pieces == ("replay",) and isinstance(stored["replay"]["obs"], StoredTensor)
    trainer.load_state_dict({key: part if key in trainer.in_pieces else read(part) for key, part in stored.items()})
    saved, whole = trainer.replay.state_dict(), read(stored["replay"])
    assert saved.keys() == whole.keys() and all(torch.equal(saved[name], whole[name]) for name in saved)


@pytest.mark.parametrize("part", ["pwm", "env"])
def test_resume_refuses_a_crafted_checkpoint_in_one_line_and_changes_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    crafted = tmp_path / "run"
    shutil.copytree(run, crafted)
    bundle = list_checkpoints(crafted)[-1]
    changed = load_state(bundle)
    if part == "pwm":
        changed["pwm"]["optimisers"]["model"]["state"][0]["exp_avg"] = torch.zeros(3)
    else:
        changed["env"]["simulators"][0]["random"]["position"] = 10**9
    save_state(bundle, changed)
    before = {path: path.read_bytes() for path in crafted.rglob("*") if path.is_file()}
    assert main(["resume", str(crafted), "trainer.iterations=99"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{bundle}: does not fit the run's config, or this version: " in line
    assert {path: path.read_bytes() for path in crafted.rglob("*") if path.is_file()} == before
    assert json.loads((crafted / "run.json").read_text())["status"] == "done"
