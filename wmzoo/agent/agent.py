"""What is trained, saved and evaluated: a world model with a policy and its critics on the latent."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.checkpoints.card import model_card
from wmzoo.checkpoints.card_metadata import NOT_STATED
from wmzoo.checkpoints.write import check_replaceable, save
from wmzoo.envs.task_sets import task_of
from wmzoo.nets.actor import Actor
from wmzoo.nets.critic import CriticEnsemble

Array = TypeVar("Array", Tensor, np.ndarray)


class Agent(nn.Module):
    """`.world_model`, `.actor`, `.critic`, and the composed config they were built from.

    `actor` and `critic` are None in a bundle that holds a model alone.
    """

    def __init__(
        self,
        world_model: WorldModel,
        actor: Actor | None,
        critic: CriticEnsemble | None,
        cfg: DictConfig,
        obs_dim: int,
        act_dim: int,
    ) -> None:
        super().__init__()
        self.world_model, self.actor, self.critic = world_model, actor, critic
        self.cfg, self.obs_dim, self.act_dim = cfg, obs_dim, act_dim

    @torch.no_grad()
    def act(
        self,
        obs: Array,
        task: Tensor | int | None = None,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Array:
        """obs[O] or [B,O] -> actions[A] or [B,A] in [−1, 1]: the policy's mode, or a sample of it.

        A NumPy array of any real numbers gives one of float32, wherever the agent is; a tensor gives a tensor, and has
        to be on the agent's device and of its dtype. task: of an agent with several, int64[B], or an int, of every row.
        A sample is taken with the noise[B,A] that is given, or, without one and with deterministic=False, with noise
        from `generator`.

        Raises ValueError for observations of another width, an unknown task, and a bundle without an actor.
        """
        if self.actor is None:
            raise ValueError("this checkpoint holds a world model alone: there is no actor to act with")
        if not isinstance(obs, Tensor):
            tensor = self._tensor(obs)
            return self.act(tensor, task, deterministic, generator, noise).cpu().numpy().astype(np.float32)
        if obs.ndim not in (1, 2) or obs.shape[-1] != self.obs_dim:
            raise ValueError(f"{self._takes()}, not {list(obs.shape)}")
        if obs.ndim == 1:
            return self.act(obs[None], task, deterministic, generator, noise)[0]
        if task is not None and not isinstance(task, Tensor):
            task = self._each(int(task), obs)
        if noise is None and not deterministic:
            noise = torch.randn(len(obs), self.actor.action_dim, generator=generator).to(obs.device)
        z = self.world_model.encode(obs, task)
        return self.world_model.mask(self.actor(z, noise), task)

    def _tensor(self, obs: object) -> Tensor:
        """An array as a tensor that the agent takes."""
        if not isinstance(obs, np.ndarray) or obs.dtype.kind not in "biuf":
            what = f"an array of {obs.dtype}" if isinstance(obs, np.ndarray) else f"a {type(obs).__name__}"
            raise ValueError(f"{self._takes()}, as an array of numbers or a tensor, not {what}")
        parameter = next(self.parameters())
        return torch.from_numpy(np.array(obs, order="C", dtype=np.float32)).to(parameter)

    def _each(self, task: int, obs: Tensor) -> Tensor:
        """One task for every row."""
        embedding = self.world_model.task_embedding
        if embedding is not None and not 0 <= task < embedding.table.num_embeddings:
            raise ValueError(f"this agent has the tasks 0 to {embedding.table.num_embeddings - 1}, not {task}")
        return torch.full((len(obs),), task, device=obs.device)

    def _takes(self) -> str:
        played = f" plays {task_of(self.cfg.env)} and" if "env" in self.cfg else ""
        return (
            f"this agent{played} takes observations of {self.obs_dim} numbers, [{self.obs_dim}] or [B, {self.obs_dim}]"
        )

    def parameter_counts(self) -> dict[str, int]:
        """Trainable parameters by part, and their total."""
        parts: dict[str, nn.Module | None] = {
            "encoder": self.world_model.encoder,
            "dynamics": self.world_model.dynamics,
            "reward_head": self.world_model.reward_head,
            "termination_head": self.world_model.termination_head,
            "task_embedding": self.world_model.task_embedding,
            "actor": self.actor,
            "critic": self.critic,
        }
        counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items() if part is not None}
        return counts | {"total": sum(counts.values())}

    def save(self, folder: str | Path, licence: str = NOT_STATED) -> None:
        """Write a bundle that `wmzoo.load` reads: model.safetensors, config.yaml, and README.md, its model card.

        A former bundle of that name is replaced. WmzooError for a folder with anything else in it, a run for example.
        """
        folder = Path(folder)
        check_replaceable(folder)
        card = model_card(self, folder.name, licence)
        save(folder, self, self.cfg, self.obs_dim, self.act_dim, card=card)
