"""Agents of several tasks on disk, with no weight at zero."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from chunk_files import told_chunk, write_chunks

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.data.convert import convert
from wmzoo.envs.build import build_env
from wmzoo.envs.task_sets import Task
from wmzoo.trainers.build import settled

SET = ["cup-catch", "pendulum-swingup", "cartpole-swingup"]
MULTITASK = ["env=multitask", f"env.set=[{','.join(SET)}]"]


def saved(
    folder: Path, *typed: str, alone: bool = False, dynamics: str = "mlp", tasks: Sequence[Task] | None = None
) -> Path:
    """An agent of SET, or as typed, with no weight at zero. tasks: those that are only in its data."""
    words = [f"dynamics={dynamics}", "size=tiny", "device=cpu", "threads=1", "trainer.horizon=4", "seed=3"]
    if not tasks:
        words += typed if any(word.startswith("env=") for word in typed) else [*MULTITASK, *typed]
        words.append("env.episode_length=24")
    cfg = wmzoo.compose([*words, *(typed if tasks else ())])
    if tasks:
        cfg.model.num_tasks, cfg.model.action_dims = len(tasks), [task.act_dim for task in tasks]
        widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    else:
        env = build_env(cfg, 1)
        cfg = settled(cfg, env)
        widths = env.obs_dim, env.act_dim
    if alone:
        cfg.actor = cfg.critic = None
    agent = build_agent(cfg, *widths)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    agent.save(folder)
    return folder


def data_of(folder: Path, tasks: Sequence[Task]) -> Path:
    """A data set of an episode of each task, of numbers that no environment gives."""
    widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    convert([write_chunks(folder.with_name("chunks"), told_chunk(list(range(len(tasks))), 3, widths))], folder, tasks)
    return folder
