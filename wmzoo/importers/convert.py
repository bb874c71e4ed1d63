"""From another project's file to a checkpoint of wmzoo."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.agent.build import build_agent
from wmzoo.agent.moments import RunningMoments
from wmzoo.checkpoints.weights import check_finite, misfit
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError
from wmzoo.importers.pwm import WORLD_MODEL, read_pwm
from wmzoo.importers.running_statistics import STAND_INS
from wmzoo.importers.tdmpc2 import read_tdmpc2
from wmzoo.importers.torch_file import read_torch_file
from wmzoo.importers.world_model import Imported
from wmzoo.storage.files import file_sha256

BASE = ("size=dflex", "recipe=paper", "dynamics=mlp")  # PWM's own settings, for what the file does not tell


def convert(source: Path, folder: Path, overrides: Sequence[str] = ()) -> list[str]:
    """Write the checkpoint `folder` from the file `source`, and give lines that say what came of it.

    overrides: for what the file does not tell, as `env=…` or `model.bin_range=5`; they go before what is read off it.

    Raises:
        WmzooError: the file is not one that can be converted, or the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WmzooError(f"{folder}: exists and is not empty; give a new folder")
    content = read_torch_file(source, STAND_INS)
    try:
        found = _read(content)
        if any(weight.is_meta for weight in found.weights.values()):
            raise WmzooError("its tensors have shapes, but no numbers")
        settings = [*BASE, *found.overrides, *overrides]
        cfg = _config(settings, found)
        with torch.device("meta"):  # built of the file's tensors, not of random ones first
            agent = build_agent(cfg, found.obs_dim, found.act_dim)
        weights = _moments(agent) | found.weights
        if problem := misfit(weights, agent.state_dict()):
            raise WmzooError(f"does not fit the settings {shlex.join(overrides)}: {problem}")
    except WmzooError as error:
        raise WmzooError(f"{source}: {error}") from error
    agent.load_state_dict(weights, assign=True)
    check_finite(source, found.weights)
    facts = {"file": _plain(source.name), "sha256": file_sha256(source), "layout": found.layout}
    command = _plain(shlex.join(["wmzoo", "convert", source.name, folder.name, *overrides]))
    agent.cfg["checkpoint"] = {"origin": {"source": facts, "command": command}}
    agent.save(folder)
    counts = agent.parameter_counts()
    parts = ", ".join(part for part in counts if part != "total")
    return [
        f"{found.layout}: {found.num_tasks or 'no'} tasks, observations of {found.obs_dim}, actions of "
        f"{found.act_dim}, latents of {found.latent_dim}; {counts['total']:,} parameters in {parts}",
        *found.notes,
        f"checkpoint: {folder}; its parts fit a training with {shlex.join([f'init_from={folder}', *settings])}",
    ]


def _read(content: object) -> Imported:
    if not isinstance(content, dict):
        raise WmzooError(f"holds a {type(content).__name__}; a checkpoint of TD-MPC2 or PWM is a dictionary")
    if WORLD_MODEL in content:
        return read_pwm(content)
    return read_tdmpc2(content)


def _plain(text: str) -> str:
    """Without what means something in a config or in a table of Markdown."""
    return "".join(c if c.isprintable() and c not in "`$|" else "_" for c in text)


def _config(settings: list[str], found: Imported) -> DictConfig:
    """The config of the net. It names no environment unless it is told one, and no part that the file lacks."""
    cfg = OmegaConf.create(OmegaConf.to_container(compose(settings), resolve=True))
    assert isinstance(cfg, DictConfig)
    if not any(text.startswith(("env=", "env.")) for text in settings):
        del cfg["env"]
    for part in ("actor", "critic"):
        if not any(name.startswith(f"{part}.") for name in found.weights):
            cfg[part] = None
    return cfg


def _moments(agent: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Moments before any number was seen, for all that the agent has."""
    modules = {name: module for name, module in agent.named_modules() if isinstance(module, RunningMoments)}
    return {
        f"{name}.{key}": value
        for name, module in modules.items()
        for key, value in RunningMoments(module.width, module.tasks).state_dict().items()
    }
