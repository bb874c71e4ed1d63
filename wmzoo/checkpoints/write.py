"""Writing bundles: a folder with model.safetensors and config.yaml, from which the agent is built again.

A run keeps them under checkpoints/<iteration, 8 digits>/, with the trainer's whole state beside (state.py). Both
files carry a digest, so that damage is noticed. Nothing is pickled.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.config import CONFIG, block, sealed
from wmzoo.checkpoints.find import CARD, CHECKPOINTS, WEIGHTS, is_bundle, list_checkpoints
from wmzoo.checkpoints.state import TENSORS, TREE, save_state
from wmzoo.errors import WmzooError
from wmzoo.storage.files import make_folder, remove, sync_file, sync_folder
from wmzoo.storage.tensors import write_tensors


def save(
    folder: Path | str,
    agent: torch.nn.Module,
    cfg: DictConfig,
    obs_dim: int,
    act_dim: int,
    *,
    iteration: int | None = None,
    env_steps: int | None = None,
    state: dict[str, Any] | None = None,
    card: str | None = None,
) -> Path:
    """Writes a bundle; whoever looks sees a whole one or none. An existing bundle is replaced, other files in it stay.

    state: the trainer's, with which a run can go on from here. card: the text of README.md.
    """
    folder = Path(folder)
    config = OmegaConf.create(OmegaConf.to_container(cfg, resolve=True))
    assert isinstance(config, DictConfig)
    before = config.pop("checkpoint", None) or {}  # of a loaded agent that is saved again
    config["checkpoint"] = block(config, before, obs_dim, act_dim, iteration, env_steps)
    with replacing(folder) as partial:
        write_tensors(partial / WEIGHTS, agent.state_dict())
        (partial / CONFIG).write_text(sealed(config), encoding="utf-8")
        if state is not None:
            save_state(partial, state)
        if card is not None:
            (partial / CARD).write_text(card, encoding="utf-8")
    return folder


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A folder for a bundle's files, with those that `folder` has so far: at the end it takes that one's place, in one
    step. After an error everything is as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    former = _beside(folder, "former")
    if os.path.lexists(former) and not os.path.lexists(folder):  # a kill between the two renames below
        former.rename(folder)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".tmp", dir=folder.parent))
    files = [partial / name for name in (WEIGHTS, CONFIG, CARD, TENSORS, TREE)]
    try:
        if folder.is_dir() and not folder.is_symlink():
            shutil.copytree(folder, partial, dirs_exist_ok=True, symlinks=True)  # what links lead to is somebody else's
            for file in filter(Path.is_symlink, files):
                file.unlink()  # not written through
        yield partial
        for file in filter(Path.is_file, files):
            sync_file(file)
        partial.chmod(0o755)  # mkdtemp makes it private
        try:
            if os.path.lexists(folder):
                remove(former)
                folder.rename(former)
            os.rename(partial, folder)
        except BaseException:
            if os.path.lexists(former) and not os.path.lexists(folder):
                former.rename(folder)
            raise
        sync_folder(folder.parent)
        _remove(former)
    finally:
        remove(partial)


def check_replaceable(folder: Path) -> None:
    """WmzooError unless a shared bundle may be put here: nothing is there, or a former one and nothing else."""
    if folder.exists() and not folder.is_dir():
        raise WmzooError(f"{folder}: a file; give a folder")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if there and (there - {WEIGHTS, CONFIG, CARD} or not is_bundle(folder)):
        raise WmzooError(f"{folder}: holds more than a shared checkpoint; choose another folder")


def _beside(folder: Path, what: str) -> Path:
    """A place for a bundle that is replaced or removed, where nobody takes it for one."""
    return folder.with_name(f".{folder.name}-{what}.tmp")


def _remove(folder: Path) -> None:
    """Delete a bundle, if it is there, under another name: half deleted, it must not look like a whole one."""
    if os.path.lexists(folder):
        going = _beside(folder, "old")
        remove(going)
        remove(folder.rename(going))


def save_in_run(
    run_folder: Path | str,
    agent: torch.nn.Module,
    cfg: DictConfig,
    obs_dim: int,
    act_dim: int,
    *,
    iteration: int,
    env_steps: int,
    keep: int = 3,
    state: dict[str, Any] | None = None,
) -> Path:
    """Saves checkpoints/<iteration> of a run and removes all but its newest `keep`."""
    folder = make_folder(Path(run_folder), CHECKPOINTS) / f"{iteration:08d}"
    save(folder, agent, cfg, obs_dim, act_dim, iteration=iteration, env_steps=env_steps, state=state)
    for old in list_checkpoints(run_folder)[: -max(keep, 1)]:
        _remove(old)
    return folder
