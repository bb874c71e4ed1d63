"""Weights on disk: a folder with model.safetensors and config.yaml, from which the agent is built again.

A run keeps them under checkpoints/<iteration, 8 digits>/, with the trainer's whole state beside (runs/state.py). Both
files carry a digest, so that damage is noticed. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.bundle_config import CONFIG, block, check_config, load_config, load_known_plugins, plugins_hint, sealed
from wmzoo.errors import DamagedFile, WmzooError, one_line
from wmzoo.paths import data_dir
from wmzoo.plugins import file_sha256, load_files
from wmzoo.registry import get, list_entries
from wmzoo.runs import atomic
from wmzoo.runs.state import save_state
from wmzoo.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from wmzoo.agent import Agent

WEIGHTS, CARD = "model.safetensors", "README.md"


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".tmp", dir=folder.parent))
    try:
        if folder.exists():
            shutil.copytree(folder, partial, dirs_exist_ok=True)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in agent.state_dict().items()}
        write_tensors(partial / WEIGHTS, weights)
        (partial / CONFIG).write_text(sealed(config), encoding="utf-8")
        files = [partial / WEIGHTS, partial / CONFIG, *(save_state(partial, state) if state is not None else [])]
        if card is not None:
            (partial / CARD).write_text(card, encoding="utf-8")
            files.append(partial / CARD)
        for file in files:
            shutil.copymode(partial / CONFIG, file)  # safetensors writes for its owner alone
            atomic.sync_file(file)
        partial.chmod(0o755)  # mkdtemp makes it private
        former = _set_aside(folder) if folder.exists() else None
        os.rename(partial, folder)
        atomic.sync_folder(folder.parent)
        if former is not None:
            shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def check_replaceable(folder: Path) -> None:
    """WmzooError unless a shared bundle may be put here: nothing is there, or a former one and nothing else."""
    if folder.exists() and not folder.is_dir():
        raise WmzooError(f"{folder}: a file; give a folder")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if there and (there - {WEIGHTS, CONFIG, CARD} or not is_bundle(folder)):
        raise WmzooError(f"{folder}: holds more than a shared checkpoint; choose another folder")


def _set_aside(folder: Path) -> Path:
    """Rename a bundle that is to be deleted, and give its new place: half deleted, it must not look like one."""
    going = folder.with_name(f".{folder.name}-old.tmp")
    shutil.rmtree(going, ignore_errors=True)
    return folder.rename(going)


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
    folder = Path(run_folder) / "checkpoints" / f"{iteration:08d}"
    save(folder, agent, cfg, obs_dim, act_dim, iteration=iteration, env_steps=env_steps, state=state)
    for old in list_checkpoints(run_folder)[: -max(keep, 1)]:
        shutil.rmtree(_set_aside(old), ignore_errors=True)
    return folder


def list_checkpoints(run_folder: Path | str) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    folders = [path for path in (Path(run_folder) / "checkpoints").glob("*") if re.fullmatch("[0-9]+", path.name)]
    return sorted(filter(is_bundle, folders), key=lambda folder: int(folder.name))


def is_bundle(folder: Path) -> bool:
    """Whether the folder holds weights with their config."""
    return (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()


def locate(path: Path | str) -> Path:
    """The bundle that `path` means: itself, the newest checkpoint of a run folder, or a name of the catalogue."""
    catalogue = list_entries("checkpoint")
    if not Path(path).exists() and str(path) in catalogue:
        return catalogued(str(path))
    path = Path(path)
    if is_bundle(path):
        return path
    if not path.is_dir():
        known = f", or a name of the catalogue ({', '.join(catalogue)})" if catalogue else ""
        raise WmzooError(f"{path}: no such folder; give a run folder or one with {WEIGHTS} and {CONFIG}{known}")
    found = list_checkpoints(path)
    if not found:
        raise WmzooError(f"{path}: neither a bundle ({WEIGHTS}, {CONFIG}) nor a run with a checkpoint")
    return found[-1]


def catalogued(name: str) -> Path:
    """The folder of a shared checkpoint. WmzooError unless its files are, to the last bit, those of its card."""
    folder = data_dir("checkpoints") / name
    for file, digest in get("checkpoint", name).facts["sha256"].items():
        try:
            found = file_sha256(folder / file)
        except OSError as error:
            raise WmzooError(f"{folder / file}: cannot read it ({error.strerror}); reinstall wmzoo") from error
        if found != digest:
            raise WmzooError(f"{folder / file}: its sha256 is not that of the catalogue; reinstall wmzoo")
    return folder


def run_of(bundle: Path) -> Path | None:
    """The run folder that a checkpoint lies in, if it does."""
    folder = bundle.resolve().parent.parent
    return folder if bundle.resolve().parent.name == "checkpoints" and (folder / "run.json").is_file() else None


def origin_of(run: Path, iteration: int | None) -> dict[str, Any]:
    """What a run tells of one of its checkpoints: command, commit, versions, and the evaluation at that time."""
    origin: dict[str, Any] = {}
    try:
        facts = json.loads((run / "run.json").read_text())
        origin = {name: facts[name] for name in ("command", "commit", "versions") if facts.get(name)}
        if "${" in str(origin.get("command")):  # a typed reference, which would be resolved in a config
            del origin["command"]
        result = json.loads((run / "eval" / f"{iteration or 0:08d}.json").read_text())
        episodes = len(result["returns"])
        origin["result"] = {"mean": result["mean"], "std": result["std"], "episodes": episodes, "seed": result["seed"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a card can do without
    return origin


def load(path: Path | str, device: torch.device | str = "cpu", plugins: Iterable[Path | str] = ()) -> Agent:
    """Builds the agent of a bundle, or of a run's newest checkpoint, in evaluation mode.

    plugins: files to run first, whose entries the bundle needs. Those that it names itself are run if this user has run
    them before and they are unchanged; others are somebody else's code, and must be given here.

    Raises:
        WmzooError: the path holds no bundle, a file is damaged, or weights and config do not fit each other.
    """
    from wmzoo.build import build_agent

    bundle = locate(path)
    load_files(plugins)
    try:
        cfg = load_config(bundle)
        load_known_plugins(cfg)
        check_config(bundle, cfg)
        try:
            agent = build_agent(cfg, obs_dim=cfg.checkpoint.obs_dim, act_dim=cfg.checkpoint.act_dim)
        except WmzooError as error:
            raise WmzooError(f"{bundle / CONFIG}: {error}{plugins_hint(cfg)}") from error
        except Exception as error:  # whatever a part makes of a config of another version
            what = f"{type(error).__name__}: {one_line(error)}"
            raise WmzooError(f"{bundle / CONFIG}: no agent can be built from it ({what})") from error
        load_weights(agent, bundle / WEIGHTS)
    except DamagedFile as error:
        raise DamagedFile(f"{error}; {mend(bundle)}") from error
    if run := run_of(bundle):
        cfg.checkpoint.origin = origin_of(run, cfg.checkpoint.iteration)
    return agent.to(device).eval()


def mend(bundle: Path) -> str:
    """What to do about a damaged bundle."""
    run = run_of(bundle)
    others = [other for other in list_checkpoints(run) if other.name != bundle.name] if run else []
    return f"take another checkpoint of this run, as {others[-1]}" if others else "copy it anew from where it came from"


def load_weights(module: torch.nn.Module, file: Path) -> None:
    """Loads a safetensors file whose names, shapes and types must be exactly the module's."""
    found = read_tensors(file)
    if problem := misfit(found, module.state_dict()):
        raise WmzooError(f"{file}: does not fit its {CONFIG}: {problem}")
    check_finite(file, found)
    module.load_state_dict(found, strict=True)


def misfit(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> str | None:
    """The first tensor by which weights are not those of a module, and how many more there are."""
    problems = [f"lacks {name}" for name in wanted if name not in found]
    problems += [f"has unknown {name}" for name in found if name not in wanted]
    for name in wanted.keys() & found.keys():
        theirs, ours = found[name], wanted[name]
        if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
            problems.append(f"has {name} as {_kind(theirs)}, the config makes it {_kind(ours)}")
    rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{rest}" if problems else None


def check_finite(file: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """WmzooError for weights with a NaN or an infinity."""
    bad = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise WmzooError(f"{file}: {bad[0]} has numbers that are not finite; take a checkpoint from before")


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
