"""What every test may rely on: one thread, and a registry that forgets what a test adds to it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from composed import choices_kept, composed_by_hydra
from hub_stub import Hub, asked_at, stub
from short_run import without_video
from toy_bundle import Toy

from wmzoo.registry import catalogue, installed, plugins, siblings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("dflex") is None:
        for item in items:
            if item.get_closest_marker("dflex"):
                item.add_marker(pytest.mark.skip(reason="dflex is not installed"))
    # What has a limit of its own takes minutes: it comes first, lest one process waits for it at the end.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Plugins that tests run are not remembered in the user's own files."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state-home"))


@pytest.fixture(autouse=True, scope="session")
def configs_from_kept_choices() -> Iterator[None]:
    with choices_kept():
        yield


@pytest.fixture
def configs_by_hydra(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what composes and what is refused."""
    monkeypatch.setattr("wmzoo.config.composition._compose", composed_by_hydra)


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Entries registered by the test are gone after it."""
    for module, name in ((catalogue, "_added"), (catalogue, "_objects"), (plugins, "_loaded")):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(siblings, "_folders", [])
    installed.entry_point_entries.cache_clear()
    yield
    installed.entry_point_entries.cache_clear()


@pytest.fixture
def toy_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load` builds a Toy of every bundle."""
    monkeypatch.setattr(
        "wmzoo.agent.load.build_agent", lambda cfg, obs_dim, act_dim: Toy(obs_dim, act_dim, cfg.model.latent_dim)
    )


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of the test's own, which huggingface_hub asks; its cache is tmp_path/cache."""
    with stub() as hub:
        asked_at(hub.url, monkeypatch, tmp_path / "cache")
        yield hub


@pytest.fixture
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny trainings of the trainers' contract have short episodes, also to evaluate."""
    from wmzoo.contracts import trainer as contract

    monkeypatch.setattr(contract, "TINY", (*contract.TINY, "env.episode_length=12"))


@pytest.fixture
def no_video() -> Iterator[None]:
    with without_video():
        yield


@pytest.fixture
def forked_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs that are started here are forked, see forked.py, and asked more often whether they have ended."""
    from forked import start_job

    monkeypatch.setattr("wmzoo.studies.launchers.Local.start", start_job)
    monkeypatch.setattr("wmzoo.studies.jobs.POLL", 0.1)


@pytest.fixture
def no_drawing() -> Iterator[None]:
    from synthetic_runs import undrawn

    with undrawn("png", "svg"):
        yield


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """read_only(run) gives a file system that holds the folder `run` and cannot be written to, even by root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")

    def fill(run: Path) -> Path:
        shutil.copytree(run, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        return disk

    yield fill
    subprocess.run(["umount", "-l", str(disk)], check=True)
