"""Weights on disk: a folder with model.safetensors and config.yaml, from which the agent is built again.

A run keeps them under checkpoints/<iteration, 8 digits>/, with the trainer's whole state beside (runs/state.py).
config.yaml is the composed config (names, never import paths) with a block `checkpoint: {format, obs_dim, act_dim,
iteration, env_steps}`, and in it, if it was trained with plugins, their names, paths and sha256. Both files carry a
digest, so that damage is noticed. Nothing is pickled.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from wmzoo import values
from wmzoo.errors import DamagedFile, WmzooError, one_line
from wmzoo.paths import data_dir
from wmzoo.plugins import file_sha256, load_files, load_known, loaded
from wmzoo.registry import get, list_entries
from wmzoo.runs import atomic
from wmzoo.runs.state import save_state
from wmzoo.tensors import read_tensors, write_tensors
from wmzoo.values import WIDEST

if TYPE_CHECKING:
    from wmzoo.agent import Agent

FORMAT = 1
WEIGHTS, CONFIG = "model.safetensors", "config.yaml"
log = logging.getLogger("wmzoo")


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
) -> Path:
    """Writes a bundle; whoever looks sees a whole one or none. An existing bundle's files are replaced.

    state: the trainer's, with which a run can go on from here.
    """
    folder = Path(folder)
    config = OmegaConf.create(OmegaConf.to_container(cfg, resolve=True))
    assert isinstance(config, DictConfig)
    before = config.pop("checkpoint", None) or {}  # of a loaded agent that is saved again
    config["checkpoint"] = {
        "format": FORMAT,
        "obs_dim": obs_dim,
        "act_dim": act_dim,
        "iteration": before.get("iteration") if iteration is None else iteration,
        "env_steps": before.get("env_steps") if env_steps is None else env_steps,
    }
    if before.get("origin"):
        config["checkpoint"]["origin"] = before["origin"]
    named = [plugin for plugin in loaded() if plugin["path"] in (config.get("plugins") or [])]
    if named or before.get("plugins"):
        config["checkpoint"]["plugins"] = named or before["plugins"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".tmp", dir=folder.parent))
    try:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in agent.state_dict().items()}
        write_tensors(partial / WEIGHTS, weights)
        (partial / CONFIG).write_text(_sealed(OmegaConf.to_yaml(config)), encoding="utf-8")
        files = [partial / WEIGHTS, partial / CONFIG, *(save_state(partial, state) if state is not None else [])]
        for file in files:
            shutil.copymode(partial / CONFIG, file)  # safetensors writes for its owner alone
            atomic.sync_file(file)
        if folder.exists():
            for file in files:
                os.replace(file, folder / file.name)
        else:
            partial.chmod(0o755)  # mkdtemp makes it private
            os.rename(partial, folder)
        atomic.sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


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
        going = old.with_name(f".{old.name}-old.tmp")  # half deleted, it must not look like a checkpoint
        old.rename(going)
        shutil.rmtree(going, ignore_errors=True)
    return folder


def list_checkpoints(run_folder: Path | str) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    folders = [path for path in (Path(run_folder) / "checkpoints").glob("*") if path.name.isdigit()]
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
        result = json.loads((run / "eval" / f"{iteration or 0:08d}.json").read_text())
        episodes = len(result["returns"])
        origin["result"] = {"mean": result["mean"], "std": result["std"], "episodes": episodes, "seed": result["seed"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a card can do without
    return origin


def load_config(bundle: Path) -> DictConfig:
    """The composed config of a bundle, with its checked `checkpoint` block."""
    file = bundle / CONFIG
    try:
        text = file.read_text(encoding="utf-8")
        cfg = OmegaConf.create(text)
        number = OmegaConf.select(cfg, "checkpoint.format")
        dims = [OmegaConf.select(cfg, f"checkpoint.{name}") for name in ("obs_dim", "act_dim")]
        counts = [OmegaConf.select(cfg, f"checkpoint.{name}") for name in ("iteration", "env_steps")]
    except (OSError, YAMLError, ValueError, OmegaConfBaseException) as error:
        raise DamagedFile(f"{file}: cannot read it ({one_line(error)})") from error
    if not isinstance(cfg, DictConfig) or not all(type(dim) is int and 0 < dim <= WIDEST for dim in dims):
        raise DamagedFile(f"{file}: not a bundle's config: it has no checkpoint.obs_dim and act_dim that make sense")
    if not all(count is None or type(count) is int for count in counts):
        raise DamagedFile(f"{file}: checkpoint.iteration and env_steps are no numbers")
    if number != FORMAT:
        raise WmzooError(f"{file}: checkpoint.format is {number}; this version of wmzoo reads {FORMAT}")
    if not _seal_holds(text):
        raise DamagedFile(f"{file}: damaged, or changed by hand: if you changed it, delete its last line, the sha256")
    return cfg


def check_config(bundle: Path, cfg: DictConfig, needed: Iterable[str] = ()) -> None:
    """WmzooError, naming the bundle's file, for a value that makes no sense and a needed key that is not there."""
    try:
        values.check(cfg, needed)
    except (WmzooError, OmegaConfBaseException) as error:
        raise WmzooError(f"{bundle / CONFIG}: {one_line(error)}{plugins_hint(cfg)}") from error


def _sealed(text: str) -> str:
    """A config's text, which ends in its block `checkpoint`, with the sha256 of the text in that block's last line."""
    return f"{text}  sha256: {sha256(text.encode()).hexdigest()}  # of all above; delete this line to change the file\n"


def _seal_holds(text: str) -> bool:
    """Whether the text has no seal, or the right one."""
    seal = re.search(r"^  sha256: ([0-9a-f]{64})[^\n]*\n*\Z", text, re.MULTILINE)
    return seal is None or sha256(text[: seal.start()].encode()).hexdigest() == seal[1]


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


def load_known_plugins(cfg: DictConfig) -> None:
    """Runs the plugins that a bundle names, as far as this user has run exactly these files before.

    Of one that was asked for and has changed since the training, a line says so.
    """
    now = {plugin["path"]: plugin["sha256"] for plugin in loaded()}
    for plugin in _list(cfg.checkpoint.get("plugins")):
        path, digest = (str(plugin.get(name)) if isinstance(plugin, dict) else "" for name in ("path", "sha256"))
        if path not in now:
            load_known(path, digest)
        elif now[path] != digest:
            log.warning("plugin %s has changed since the training", path)


def _list(node: Any) -> list[Any]:
    """The list that a config has here; empty for anything else."""
    return OmegaConf.to_container(node) if isinstance(node, ListConfig) else []  # type: ignore[return-value]


def plugins_hint(cfg: DictConfig) -> str:
    """What to add to an error about a config that needs plugins; they never run unasked, it may be a stranger's."""
    files = ", ".join(map(str, _list(cfg.get("plugins"))))
    return f"; it was trained with plugins [{files}], which --plugin FILE loads" if files else ""


def init_from(agent: Agent, path: Path | str) -> str:
    """Starts an agent with the weights of a bundle, where names and shapes match; gives a line that says which did.

    Raises:
        WmzooError: nothing matches, or what `locate` and the file's reading raise.
    """
    file = locate(path) / WEIGHTS
    found, own = read_tensors(file), agent.state_dict()
    matched = {name: found[name] for name in own if name in found and found[name].shape == own[name].shape}
    for name in [name for name in matched if name.endswith("_moments.count")]:  # no count without its mean
        if name.removesuffix("count") + "mean" not in matched:
            del matched[name]
    if not matched:
        raise WmzooError(f"{file}: none of its {len(found)} tensors has the name and shape of one of this agent's")
    agent.load_state_dict(matched, strict=False)
    fresh = [name for name in own if name not in matched]
    parts = sorted({name.removeprefix("world_model.").partition(".")[0] for name in fresh})
    rest = f"; starting fresh: {', '.join(parts)}" if parts else ""
    return f"init_from {file}: {len(matched)} of {len(own)} tensors matched{rest}"


def load_weights(module: torch.nn.Module, file: Path) -> None:
    """Loads a safetensors file whose names, shapes and types must be exactly the module's."""
    found = read_tensors(file)
    wanted = module.state_dict()
    problems = [f"lacks {name}" for name in wanted if name not in found]
    problems += [f"has unknown {name}" for name in found if name not in wanted]
    for name in wanted.keys() & found.keys():
        theirs, ours = found[name], wanted[name]
        if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
            problems.append(f"has {name} as {_kind(theirs)}, the config makes it {_kind(ours)}")
    if problems:
        rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise WmzooError(f"{file}: does not fit its {CONFIG}: {problems[0]}{rest}")
    module.load_state_dict(found, strict=True)


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
