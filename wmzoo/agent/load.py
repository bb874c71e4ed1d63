"""From a bundle, or a run's newest checkpoint, to the agent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from omegaconf import DictConfig

from wmzoo.agent.agent import Agent
from wmzoo.agent.build import build_agent
from wmzoo.checkpoints.config import CONFIG, check_config, load_config, load_known_plugins, plugins_hint
from wmzoo.checkpoints.find import WEIGHTS, locate, mend
from wmzoo.checkpoints.origin import note_origin
from wmzoo.checkpoints.weights import check_fits, load_weights
from wmzoo.errors import DamagedFile, WmzooError, named
from wmzoo.registry.plugins import load_files


def load(path: Path | str, device: torch.device | str = "cpu", plugins: Iterable[Path | str] = ()) -> Agent:
    """Builds the agent of a bundle, or of a run's newest checkpoint, in evaluation mode.

    path: a folder, a name of the catalogue, or "hf:org/name@revision" for what a repository of the hub holds.
    plugins: files to run first, whose entries the bundle needs. Those that it names itself are run if this user has run
    them before and they are unchanged; others are somebody else's code, and must be given here.

    Raises:
        WmzooError: the path holds no bundle, a file is damaged, or weights and config do not fit each other.
    """
    bundle = locate(path)
    load_files(plugins)
    try:
        cfg = load_config(bundle)
        load_known_plugins(cfg)
        check_config(bundle, cfg)
        with torch.device("meta"):  # a few lines can ask for any size: nothing is allocated before the weights fit
            described = _built(bundle, cfg)
        check_fits(described, bundle / WEIGHTS)
        agent = _built(bundle, cfg)
        load_weights(agent, bundle / WEIGHTS)
    except DamagedFile as error:
        raise DamagedFile(f"{error}; {mend(bundle)}") from error
    note_origin(cfg, bundle)
    return agent.to(device).eval()


def _built(bundle: Path, cfg: DictConfig) -> Agent:
    try:
        return build_agent(cfg, obs_dim=cfg.checkpoint.obs_dim, act_dim=cfg.checkpoint.act_dim)
    except WmzooError as error:
        raise WmzooError(f"{bundle / CONFIG}: {error}{plugins_hint(cfg)}") from error
    except Exception as error:  # whatever a part makes of a config of another version
        what = named(error)
        raise WmzooError(f"{bundle / CONFIG}: no agent can be built from it ({what})") from error
