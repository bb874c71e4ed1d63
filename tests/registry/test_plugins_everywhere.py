"""A dynamics from a file, and one from an installed distribution, everywhere a built-in works: in child processes of a
sweep, in `evaluate`, `resume` and `wmzoo.load` from another directory. And a stranger's plugin nowhere."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Forked
from omegaconf import OmegaConf
from short_run import SHORT_RUN

from wmzoo.agent.load import load
from wmzoo.cli.main import main
from wmzoo.errors import WmzooError
from wmzoo.storage.package_data import PACKAGE

SHORT = [*SHORT_RUN, "env=pendulum_swingup", "eval.episodes=1", "trainer.iterations=2", "eval.every=2", "save.every=1"]
PLUGIN = """
import wmzoo
from wmzoo.dynamics.mlp import MLPDynamics

@wmzoo.register("dynamics", "{name}", params={{"units": "${{model.units}}", "simnorm_dim": "${{model.simnorm_dim}}"}})
class Mine(MLPDynamics):
    "Of somebody."
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the plugin mine.py, and a site directory with the distribution `theirs`."""
    (tmp_path / "work").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work" / "mine.py").write_text(PLUGIN.format(name="mine"))
    info = tmp_path / "site" / "theirs-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[wmzoo.plugins]\ndynamics.theirs = theirs_module:Mine\n")
    (tmp_path / "site" / "theirs_module.py").write_text(PLUGIN.format(name="theirs"))
    return tmp_path


def python(place: Path, folder: str, *words: str) -> subprocess.CompletedProcess[str]:
    known = {"OMP_NUM_THREADS": "1", "MUJOCO_GL": "disabled"}  # without a video
    environment = {**os.environ, **known, "PYTHONPATH": f"{PACKAGE.parent}:{place / 'site'}"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=place / folder, env=environment, capture_output=True, text=True, timeout=600)


def wmzoo(place: Path, folder: str, *words: str, code: int = 0) -> str:
    log, known = place / "log", {"PYTHONPATH": f"{PACKAGE.parent}:{place / 'site'}"}
    log.unlink(missing_ok=True)
    ended, said = Forked(["wmzoo", *words], log, place / folder, known).wait(600), log.read_text()
    assert ended == code and "Traceback" not in said, said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_both_work_in_the_child_processes_of_a_sweep(place: Path, launcher: str) -> None:
    sweep = ["-m", f"hydra/launcher={launcher}", "dynamics=mine,theirs", "hydra.sweep.dir=sweep"]
    done = python(place, "work", "-m", "wmzoo", "train", *sweep, *SHORT, "--plugin", "mine.py")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    runs = [place / "work" / "sweep" / number for number in "01"]
    assert [OmegaConf.load(run / "config.yaml").dynamics.name for run in runs] == ["mine", "theirs"]
    assert all((run / "metrics.csv").read_text().count("\n") == 3 for run in runs)


@pytest.mark.slow
@pytest.mark.usefixtures("own_registry", "no_video")
def test_both_work_in_evaluate_resume_and_load_from_another_directory(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place / "work")
    monkeypatch.syspath_prepend(place / "site")
    for name, given in (("mine", ["plugins=[mine.py]"]), ("theirs", [])):
        assert main(["train", *SHORT, *given, f"dynamics={name}", f"run_dir={name}"]) == 0
    runs = [str(place / "work" / name) for name in ("mine", "theirs")]
    for run in runs:
        assert "the same" in wmzoo(place, "elsewhere", "evaluate", run)
        shutil.rmtree(Path(run) / "checkpoints" / "00000002")
        assert "goes on after iteration 1" in wmzoo(place, "elsewhere", "resume", run)
    loading = "import sys, wmzoo; print(*[type(wmzoo.load(run).world_model.dynamics).__name__ for run in sys.argv[1:]])"
    assert python(place, "elsewhere", "-c", loading, *runs).stdout == "Mine Mine\n"


@pytest.mark.slow
@pytest.mark.usefixtures("own_registry", "no_video")
def test_a_plugin_that_has_changed_since_has_to_be_asked_for(place: Path) -> None:
    run, file = str(place / "work" / "run"), place / "work" / "mine.py"
    assert main(["train", *SHORT, "dynamics=mine", f"run_dir={run}", "--plugin", str(file)]) == 0
    file.write_text(file.read_text() + "\nprint('as it is now')\n")
    said = wmzoo(place, "elsewhere", "evaluate", run, code=2)
    assert said.count("\n") == 1 and "unknown dynamics 'mine'" in said
    assert f"plugin {file} (it has changed since), which --plugin FILE loads" in said
    said = wmzoo(place, "elsewhere", "evaluate", run, "--plugin", str(file))
    assert "as it is now" in said and f"plugin {file} has changed since the training" in said
    loading = f"import sys, wmzoo; wmzoo.load(sys.argv[1], plugins=[{str(file)!r}])"
    assert python(place, "elsewhere", "-c", loading, run).returncode == 0


@pytest.mark.usefixtures("own_registry")
def test_the_plugin_of_a_downloaded_bundle_is_not_run(tmp_path: Path) -> None:
    """Even where it lies on this machine with the right digest: this user has not asked for it."""
    strange = tmp_path / "strange.py"
    strange.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + PLUGIN.format(name="strange"))
    agent = load("cartpole_swingup-mlp")
    agent.save(tmp_path / "bundle")
    config = tmp_path / "bundle" / "config.yaml"
    record = {"name": "strange", "path": str(strange), "sha256": hashlib.sha256(strange.read_bytes()).hexdigest()}
    cfg = OmegaConf.load(config)
    cfg.dynamics.name, cfg.plugins, cfg.checkpoint.plugins = "strange", [str(strange)], [record]
    del cfg.checkpoint.sha256
    OmegaConf.save(cfg, config)
    with pytest.raises(WmzooError, match=r"unknown dynamics 'strange'.* which --plugin FILE loads"):
        load(tmp_path / "bundle")
    assert not (tmp_path / "ran").exists()
    load(tmp_path / "bundle", plugins=[strange])
    assert (tmp_path / "ran").exists()
