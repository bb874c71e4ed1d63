"""The distributions, and the wheel in an empty environment away from the repository, with a plugin beside it.

One test tells it in order: the environment takes a minute to install, and pytest-xdist's workers share no fixture.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import distributions
import pytest
from distributions import PIP_ARGS, ROOT, tracked_files

import wmzoo
from wmzoo.registry import KINDS
from wmzoo.registry.cards import load_yaml

DATA = ("registry/", "configs/", "checkpoints/", "scoreboard/")
SHORT = ["size=tiny", "env=pendulum_swingup", "env.num_envs=4", "env.episode_length=10", "trainer.horizon=4"]
SHORT += ["recipe.model_updates=1", "recipe.actor_updates=1", "recipe.rollouts=16"]
SHORT += ["recipe.warmup_steps=80", "recipe.pretrain_updates=1", "trainer.iterations=2", "device=cpu", "threads=1"]
PLUGIN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "wmzoo-example"
version = "1.2"
[project.entry-points."wmzoo.plugins"]
"dynamics.example" = "wmzoo_example:ExampleDynamics"
"""
PLUGIN_MODULE = "from wmzoo.dynamics.mlp import MLPDynamics\nclass ExampleDynamics(MLPDynamics): ...\n"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # much may have to be downloaded
def test_the_wheel_works_in_an_empty_environment_away_from_the_repository(installed: Path) -> None:
    the_source_distribution_holds_what_a_wheel_is_made_of_and_the_pages_and_stays_small(installed)
    the_wheel_holds_the_code_and_the_data_and_nothing_beside_them(installed)
    both_say_version_and_licence_and_can_be_uploaded(installed)
    folders_of_the_repository_are_no_packages(installed)
    list_names_exactly_the_built_in_entries(installed)
    doctor_reports(installed)
    a_checkpoint_of_the_catalogue_evaluates_to_what_its_card_says(installed)
    an_installed_plugin_is_listed_without_being_imported_and_trains_resumes_and_evaluates(installed)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """The environment's folder; in it are `tools/`, which has built `tools/dist/`, and `away/` to work in."""
    (tmp_path / "away").mkdir()
    tools = distributions.environment(tmp_path / "tools", "build", "twine", "uv")
    _, wheel = distributions.built(distributions.copied_sources(tmp_path / "source"), tools)
    # That wmzoo asks for torch is shown by the installation that runs this. All else comes from the index.
    distributions.with_torch_of_here(distributions.empty_environment(tmp_path, tools))
    install(tmp_path, "-c", ROOT / "constraints.txt", wheel)
    yield tmp_path
    # Pytest would keep this gigabyte for three sessions. Some file systems take minutes to delete it: nobody waits.
    subprocess.run(["sh", "-c", 'rm -rf "$0" >/dev/null 2>&1 &', tmp_path], check=True)


def install(installed: Path, *words: str | Path) -> None:
    where = ("--python", installed / "bin" / "python")
    run(installed / "tools", "uv", "pip", "install", "-q", *where, *PIP_ARGS, *words, cwd=".")


def run(installed: Path, command: str, *words: str | Path, cwd: str = "away", **rest: Any) -> CompletedProcess[str]:
    return distributions.run(installed, command, *words, cwd=installed / cwd, **rest)


def the_source_distribution_holds_what_a_wheel_is_made_of_and_the_pages_and_stays_small(installed: Path) -> None:
    (sdist,) = (installed / "tools" / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    pages = {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "constraints.txt", "pyproject.toml", ".gitignore"}
    inside = {path for path in tracked_files() if path.startswith(("wmzoo/", *DATA))}
    docs = {path for path in tracked_files() if path.startswith("docs/")}
    assert names == inside | docs | pages | {"PKG-INFO"}
    assert sdist.stat().st_size < 15e6  # nearly all of it is the catalogue's weights


def both_say_version_and_licence_and_can_be_uploaded(installed: Path) -> None:
    dist = sorted((installed / "tools" / "dist").iterdir())
    assert [path.name.startswith(f"wmzoo-{wmzoo.__version__}") for path in dist] == [True, True]
    run(installed / "tools", "twine", "check", "--strict", *dist, cwd=".")
    (wheel,) = (file for file in dist if file.suffix == ".whl")
    about = f"wmzoo-{wmzoo.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert b"\nLicense-Expression: MIT\n" in archive.read(f"{about}/METADATA")
        assert {f"{about}/licenses/LICENSE", "wmzoo/py.typed"} <= {*archive.namelist()}


def the_wheel_holds_the_code_and_the_data_and_nothing_beside_them(installed: Path) -> None:
    (wheel,) = (installed / "tools" / "dist").glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    code = [path for path in tracked_files() if path.startswith("wmzoo/")]
    data = [f"wmzoo/_{path}" for path in tracked_files() if path.startswith(DATA)]
    assert sorted(names) == sorted(code + data)


def folders_of_the_repository_are_no_packages(installed: Path) -> None:
    for name in ("registry", "configs", "checkpoints", "scoreboard", "tests"):
        error = run(installed, "python", "-c", f"import {name}", codes=(1,)).stderr
        assert f"ModuleNotFoundError: No module named '{name}'" in error


def list_names_exactly_the_built_in_entries(installed: Path) -> None:
    sections = [section.split("\n  ") for section in run(installed, "wmzoo", "list").stdout.split("\n\n")]
    listed = {kind: {line.split()[0] for line in lines} for kind, *lines in sections}
    for kind in KINDS:
        tasks = (ROOT / "configs" / kind).glob("*.yaml")  # of env: `list` names them among the entries
        assert listed[kind] == {path.stem for path in [*(ROOT / "registry" / kind).glob("*.yaml"), *tasks]}


def doctor_reports(installed: Path) -> None:
    done = run(installed, "wmzoo", "doctor", codes=(0, 1))
    assert "suites\n" in done.stdout and "Traceback" not in done.stdout + done.stderr


def a_checkpoint_of_the_catalogue_evaluates_to_what_its_card_says(installed: Path) -> None:
    name = "cartpole_swingup-mlp"
    place = run(installed, "python", "-c", "import wmzoo; print(wmzoo.__file__)").stdout
    assert place.startswith(str(installed / "lib"))
    card = load_yaml(ROOT / "registry" / "checkpoint" / f"{name}.yaml")
    found = json.loads(run(installed, "wmzoo", "evaluate", name, "--episodes", "1", "--json").stdout)
    assert found["mean"] == pytest.approx(card["result"]["mean"], rel=0.05)


def an_installed_plugin_is_listed_without_being_imported_and_trains_resumes_and_evaluates(installed: Path) -> None:
    (installed / "plugin").mkdir()
    (installed / "plugin" / "pyproject.toml").write_text(PLUGIN)
    (installed / "plugin" / "wmzoo_example.py").write_text(PLUGIN_MODULE)
    install(installed, "--no-deps", installed / "plugin")
    listing = run(installed, "wmzoo", "list", "dynamics", PYTHONPROFILEIMPORTTIME="1")  # stderr names every import
    assert [line for line in listing.stdout.splitlines() if "example" in line and "wmzoo-example 1.2" in line]
    assert "wmzoo.registry.installed" in listing.stderr and "wmzoo_example" not in listing.stderr
    run(installed, "wmzoo", "train", *SHORT, "dynamics=example", "run_dir=example")
    run(installed, "wmzoo", "resume", "example", "trainer.iterations=3")
    example = installed / "away" / "example"
    assert max((example / "checkpoints").glob("0*")).name == "00000003"
    assert json.loads((example / "run.json").read_text())["status"] == "done"
    assert "over 10 episodes" in run(installed, "wmzoo", "evaluate", "away/example", cwd=".").stdout
