"""Data of three tasks, noise of different sizes in their own widths, and the settings of tiny trainings on them."""

from __future__ import annotations

from pathlib import Path

import torch
from chunk_files import write_chunks

from wmzoo.data.chunks import Chunk
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import find

THREE = tuple(find(name) for name in ("cartpole-swingup", "reacher-easy", "cup-catch"))
SET = f"env.set=[{','.join(task.name for task in THREE)}]"
SCALES = (1.0, 1e-2, 10.0)  # of their observations and rewards
TINY = ["size=tiny", "dynamics=mlp", "trainer.horizon=4", "trainer.batch_size=16", "trainer.iterations=2"]
TINY += ["device=cpu", "threads=1", "recipe.termination=false"]
PRETRAIN = [*TINY, "trainer=pretrain", "trainer.model_updates=2"]
OFFLINE = [*TINY, "trainer=offline", "model.batch_size=16", "env.episode_length=10", "eval.episodes=2", "video=false"]


def chunk(episodes: int = 18, steps: int = 20) -> Chunk:
    """Episode i is of task i modulo 3; narrower tasks are padded with zeros."""
    chance = torch.Generator().manual_seed(0)
    task = (torch.arange(episodes) % 3).int()[:, None].repeat(1, steps + 1)
    scale = torch.tensor(SCALES)[task.long()]
    obs = torch.randn(episodes, steps + 1, 8, generator=chance) * scale[..., None]
    action = 2 * torch.rand(episodes, steps + 1, 2, generator=chance) - 1
    for number, own in enumerate(THREE):
        obs[number::3, :, own.obs_dim :], action[number::3, :, own.act_dim :] = 0.0, 0.0
    return Chunk(obs, action, scale * torch.randn(episodes, steps + 1, generator=chance), task)


def data_set(folder: Path, episodes: int = 18) -> Path:
    """`episodes` of all three together."""
    convert([write_chunks(folder / "chunks", chunk(episodes))], folder / "data", THREE)
    return folder / "data"
