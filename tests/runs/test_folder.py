import json
import re
import sys
from datetime import datetime
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from wmzoo.errors import RunFailed, RunInterrupted, WmzooError
from wmzoo.runs import Run
from wmzoo.runs.folder import default_name
from wmzoo.storage.lock import FolderLock


def config(**extra):
    plan = {"seed": 3, "run_dir": None, "device": "cpu", "units": 64, "env": {"task": "cartpole-swingup"}}
    return OmegaConf.create(
        plan | {"dynamics": {"name": "flow", "units": "${units}"}, "integrator": {"name": "heun"}} | extra
    )


def test_the_default_name_tells_task_dynamics_integrator_seed_and_time():
    now = datetime(2025, 1, 2, 3, 4, 5)
    assert default_name(config(), now) == Path("runs/cartpole-swingup/flow-heun-s3-20250102-030405")
    without = default_name(config(dynamics={"name": "mlp"}, integrator=None), now)
    assert without == Path("runs/cartpole-swingup/mlp-s3-20250102-030405")


def test_two_runs_of_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wmzoo.runs.folder.default_name", lambda cfg: Path("runs/task/name"))
    folders = [Run(None, config()).folder for _ in range(3)]
    assert [folder.name for folder in folders] == ["name", "name-2", "name-3"]


def test_a_folder_that_holds_something_is_refused_and_an_empty_one_taken(tmp_path):
    Run(tmp_path, config())
    with pytest.raises(WmzooError, match="not empty"):
        Run(tmp_path, config())


def test_run_dir_of_the_config_names_the_folder(tmp_path):
    assert Run(None, config(run_dir=str(tmp_path / "here"))).folder == tmp_path / "here"


def test_the_config_is_written_resolved(tmp_path):
    Run(tmp_path, config())
    assert OmegaConf.load(tmp_path / "config.yaml").dynamics == {"name": "flow", "units": 64}
    assert "${" not in (tmp_path / "config.yaml").read_text()


def test_run_json_tells_what_the_run_was_made_with_and_takes_new_facts(tmp_path):
    run = Run(tmp_path, config())
    run.note(parameters={"actor": 10})
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["seed"] == 3 and facts["device"] == "cpu" and facts["status"] == "running"
    assert facts["parameters"] == {"actor": 10}
    assert {"python", "torch", "numpy", "mujoco", "wmzoo"} <= facts["versions"].keys()
    assert facts["threads"] >= 1 and datetime.fromisoformat(facts["started"]).tzinfo is not None
    assert facts["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", facts["commit"])


def test_a_finished_run_has_csv_picture_and_end_time_and_no_leftovers(tmp_path):
    with Run(tmp_path, config()) as run:
        for iteration in range(1, 4):
            run.log({"iteration": iteration, "env_steps": 9 * iteration, "rewards": 1.0, "eval_return": 2.0})
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 4
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["status"] == "done" and facts["wall_clock"] > 0 and facts["ended"] >= facts["started"]
    expected = {"config.yaml", "run.json", "metrics.jsonl", "metrics.csv", "learning_curve.png"}
    assert {path.name for path in tmp_path.iterdir()} == expected


STATUS = [(KeyboardInterrupt, "interrupted"), (RunInterrupted, "interrupted"), (ValueError, "failed")]


@pytest.mark.parametrize(("error", "status"), STATUS)
def test_a_run_that_ends_early_says_so_and_keeps_its_rows(tmp_path, error, status):
    with pytest.raises(error), Run(tmp_path, config()) as run:
        run.log({"iteration": 1, "env_steps": 5})
        raise error
    assert json.loads((tmp_path / "run.json").read_text())["status"] == status
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 2


def test_a_run_holds_its_folder_for_as_long_as_it_lives(tmp_path):
    with Run(tmp_path, config()), pytest.raises(WmzooError, match="in use by process"):
        FolderLock(tmp_path)
    FolderLock(tmp_path).release()


def mistaken(folder, error=WmzooError, rows=0):
    with pytest.raises(error), Run(folder, config()) as run:
        for iteration in range(rows):
            run.log({"iteration": iteration + 1, "env_steps": 5})
        (run.folder / "eval").mkdir()
        raise error("no such task")


def test_a_mistake_found_before_the_first_row_leaves_no_folder_so_the_corrected_command_can_have_it(tmp_path):
    mistaken(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with Run(tmp_path / "run", config()):
        pass
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"


def test_a_folder_that_was_there_before_a_mistake_stays_and_is_empty_again(tmp_path):
    mistaken(tmp_path)
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())


def test_a_logger_that_is_not_installed_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(WmzooError, match="tensorboard is not installed"):
        Run(tmp_path / "run", config(loggers=["tensorboard"]))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("error", "rows"), [(RunFailed, 0), (WmzooError, 1), (ValueError, 0)])
def test_a_run_that_began_or_did_not_end_by_a_mistake_keeps_its_folder(tmp_path, error, rows):
    mistaken(tmp_path / "run", error, rows)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"
