"""Bundles of a module of two layers, and ways to damage them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.write import save

CFG = OmegaConf.create({"width": 8, "model": {"latent_dim": "${width}"}})


class Toy(torch.nn.Module):
    """What the fixture `toy_builder` builds of a config."""

    def __init__(self, obs_dim: int, act_dim: int, units: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(obs_dim, units)
        self.head = torch.nn.Linear(units, act_dim)
        self.register_buffer("steps", torch.tensor(5))


def saved(folder: Path, cfg: DictConfig = CFG, **more: Any) -> Toy:
    toy = Toy(3, 2, 8)
    save(folder, toy, cfg, 3, 2, **more)
    return toy


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def cut(folder: Path) -> None:
    """The weights without their last bytes."""
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
