"""The project's distributions, built as for an upload, and environments to install them into."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIP_ARGS = shlex.split(os.environ.get("PIP_ARGS", ""))  # of `make`: where torch comes from, for example
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if (ROOT / path).is_file()]


def copied_sources(folder: Path) -> Path:
    """A copy, so that what is done there leaves nothing in the repository."""
    for path in tracked_files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


def environment(folder: Path, *packages: str) -> Path:
    """An environment with nothing but these packages, the newest; skips the test where they cannot be fetched."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [folder / "bin" / "pip", "install", "-q", *PIP_ARGS, *packages]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True) if packages else None
    if done and done.returncode:
        pytest.skip(f"no package index can be reached: {' '.join(done.stderr.split())[-300:]}")
    return folder


def empty_environment(folder: Path, tools: Path) -> Path:
    """One without even pip, by the `uv` of the environment `tools`: made and filled in a tenth of the time."""
    run(tools, "uv", "venv", "-q", "--allow-existing", "--python", sys.executable, folder)
    return folder


def built(sources: Path, tools: Path) -> tuple[Path, Path]:
    """The source distribution, and the wheel that is built from it, by the `build` of the environment `tools`."""
    run(tools, "python", "-m", "build", "--outdir", tools / "dist", sources)
    (sdist,), (wheel,) = (tools / "dist").glob("*.tar.gz"), (tools / "dist").glob("*.whl")
    return sdist, wheel


def with_torch_of_here(folder: Path) -> Path:
    """The environment, with the torch that runs the tests: another one may be gigabytes.

    File by file, not by a link to its folders: an installer that takes another version would empty those.
    """
    (packages,) = (folder / "lib").glob("python*/site-packages")
    distribution = metadata.distribution("torch")
    for name in {file.parts[0] for file in distribution.files or ()} - {".."}:
        source = Path(str(distribution.locate_file(name)))
        if source.is_dir():
            shutil.copytree(source, packages / name, copy_function=_same_file)
        else:
            _same_file(source, packages / name)
    return folder


def _same_file(source: str | Path, place: str | Path) -> None:
    """A hard link, which costs nothing and which nobody else's removal takes away; a copy where there can be none."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copy2(source, place)


def run(
    folder: Path,
    command: str,
    *words: str | Path,
    cwd: Path | None = None,
    codes: tuple[int, ...] = (0,),
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """A command of the environment `folder`, which must end with one of the exit codes."""
    command_line = [folder / "bin" / command, *words]
    done = subprocess.run(
        command_line, cwd=cwd or folder, env=ENVIRONMENT | env, capture_output=True, text=True, timeout=900
    )
    assert done.returncode in codes, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done
