"""What is declared and what is imported are the same, every Python has its pins, and the version is in one place."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wmzoo

ROOT = Path(wmzoo.__file__).parents[1]
IMPORTED_AS = {"hydra-core": "hydra", "pillow": "PIL"}
OF_DM_CONTROL = {"dm-env", "lxml", "scipy"}  # which has to be installed without its requirements from Python 3.13 on
PLAYS = """
import sys
before = set(sys.modules)
from importlib.metadata import packages_distributions
from wmzoo.envs import dmc_tasks
for domain, task in dmc_tasks.TASKS:
    dmc_tasks.load(domain, task, 0)
owners = packages_distributions()
print(*{owner for module in {*sys.modules} - before for owner in owners.get(module.partition(".")[0], ())})
"""


def declared() -> list[Requirement]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no reader of TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"]]


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_every_dependency_is_imported_somewhere():
    source = "\n".join(path.read_text() for path in (ROOT / "wmzoo").rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", source, re.M))
    ours = [requirement.name for requirement in declared() if requirement.name not in OF_DM_CONTROL]
    assert len(ours) > 5
    assert [name for name in ours if IMPORTED_AS.get(name, name) not in imported] == []


@pytest.mark.slow
def test_dm_control_s_tasks_need_nothing_of_its_own_requirements_that_is_not_declared_here():
    """So that `pip install --no-deps dm_control` is all that is missing where labmaze has no wheel."""
    done = subprocess.run([sys.executable, "-c", PLAYS], capture_output=True, text=True, cwd=ROOT, check=True)
    imported = set(map(canonicalize_name, done.stdout.split())) & names(metadata.requires("dm_control"))
    here = {canonicalize_name(requirement.name) for requirement in declared()}
    assert {"dm-env", "lxml"} <= imported and "labmaze" not in imported
    assert imported <= here | names(metadata.requires("mujoco"))


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_no_distribution_has_two_pins_for_one_python(python):
    """Some are needed by older ones alone."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    held = [pin for pin in pins if not pin.marker or pin.marker.evaluate({"python_version": python})]
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    assert sorted(pin.name for pin in held) == sorted({pin.name for pin in held})


def test_the_version_is_said_in_one_place_and_the_changelog_begins_with_it():
    tracked = subprocess.run(["git", "ls-files", "wmzoo", "*.toml", "*.cff"], cwd=ROOT, capture_output=True, text=True)
    text = {path: (ROOT / path).read_text(encoding="utf-8") for path in tracked.stdout.split()}
    assert [path for path in text if wmzoo.__version__ in text[path]] == ["wmzoo/__init__.py"]
    first = re.search(r"^## \[?([\d.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert first and first[1] == wmzoo.__version__
