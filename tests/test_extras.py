"""What `pip install 'wmzoo[EXTRA]'` gives today, without the pins, and that every Python gets something that fits."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
from distributions import ROOT, built, copied_sources, empty_environment, environment, run, with_torch_of_here

# What an extra is for, in a line; "" is a plain installation.
USES = {
    "": "import wmzoo; wmzoo.build('env', 'dmc', num_envs=1).reset(0)",
    "metaworld": "import torch, wmzoo; env = wmzoo.build('env', 'metaworld', num_envs=1); env.reset(0); "
    "env.step(torch.zeros(1, 4))",
    "tensorboard": "from torch.utils.tensorboard import SummaryWriter; SummaryWriter('.').close()",
    "wandb": "import wandb; wandb.init(mode='offline').log({'x': 1})",
    "hub": "from huggingface_hub import HfApi; HfApi()",
    "onnx": "import onnx, onnxruntime, onnxscript",
    "tune": "import optuna; optuna.create_study().ask().suggest_float('x', 0, 1)",
    "minari": "import h5py, minari; minari.DataCollector",
    "trackio": "import trackio; trackio.init",
    "mlflow": "import mlflow; mlflow.set_tracking_uri('sqlite:///runs.db'); mlflow.set_experiment('x')",
    "slurm": "from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher",
    "parallel": "from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher",
    "docs": "import metaworld, myst_parser, pydata_sphinx_theme, sphinx",
    "test": "import hypothesis, pytest, tensordict, torchdiffeq",
    "dev": "import mypy, ruff",
}
PYTHONS = ("3.10", "3.11.5", "3.12", "3.13", "3.14")  # what Sphinx's theme needs asks for 3.11.5
NO_WHEELS = ("antlr4-python3-runtime", "rliable")  # of Python alone, so that any builds them


def test_there_is_a_line_for_every_extra() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no reader of TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"", *project["optional-dependencies"]} == set(USES)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("tools"), "build", "uv")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def wheel(tools: Path, sources: Path) -> Path:
    return built(sources, tools)[1]


@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("extra", USES)
def test_an_extra_alone_works_with_the_newest_of_everything(
    extra: str, tools: Path, wheel: Path, tmp_path: Path
) -> None:
    """By uv, which takes some seconds each."""
    if extra in ("metaworld", "docs") and sys.version_info >= (3, 14):
        pytest.skip("Meta-World has no release for Python 3.14")
    if extra == "docs" and sys.version_info < (3, 11):
        pytest.skip("Sphinx has no release that fits Python 3.10")
    empty = with_torch_of_here(empty_environment(tmp_path, tools))
    asked = f"wmzoo[{extra}] @ {wheel.as_uri()}"
    kept = f"torch=={metadata.version('torch')}"  # what asks for another one has to do with an older version itself
    run(tools, "uv", "pip", "install", "-q", "--python", tmp_path / "bin" / "python", asked, kept)
    run(empty, "python", "-c", USES[extra])


@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.timeout(1800)
def test_pip_too_finds_versions_that_go_with_meta_world(wheel: Path, tmp_path: Path) -> None:
    """Which decides over the versions of others. pip tries in another order than uv."""
    empty = with_torch_of_here(environment(tmp_path))
    run(empty, "pip", "install", "-q", f"wmzoo[metaworld] @ {wheel.as_uri()}")
    run(empty, "python", "-c", USES["metaworld"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "versions",
    [
        pytest.param(["--all-extras"], marks=pytest.mark.newest),
        ["--extra=test", "--extra=dev", "-c", "constraints.txt"],
    ],
)
@pytest.mark.parametrize("python", PYTHONS)
def test_there_are_wheels_for_every_python(python: str, versions: list[str], tools: Path, sources: Path) -> None:
    """Of the newest versions, and of the pinned ones."""
    wheels = ["--only-binary=:all:", *(f"--no-binary={name}" for name in NO_WHEELS)]
    words = ["pip", "compile", "-q", "--python-version", python, *versions, *wheels, "--group=suite", "pyproject.toml"]
    resolved = run(tools, "uv", *words, cwd=sources).stdout
    assert "\nmujoco==" in resolved and "\ndm-control==" in resolved and "labmaze" not in resolved


@pytest.mark.slow
@pytest.mark.newest
def test_uv_sync_has_dm_control_for_every_python_and_labmaze_for_none(tools: Path, sources: Path) -> None:
    run(tools, "uv", "lock", "-q", cwd=sources)
    locked = (sources / "uv.lock").read_text(encoding="utf-8")
    assert 'name = "dm-control"' in locked and 'name = "labmaze"' not in locked
