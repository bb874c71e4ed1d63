"""What is trained, saved and evaluated: a world model with a policy and its critics on the latent."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.checkpoints.card import model_card
from wmzoo.checkpoints.card_metadata import NOT_STATED
from wmzoo.checkpoints.write import check_replaceable, save
from wmzoo.nets.actor import Actor
from wmzoo.nets.critic import CriticEnsemble


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
        obs: Tensor,
        task: Tensor | None = None,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """obs[B,O] -> actions[B,A] in [−1, 1]: the policy's mode, or a sample of it.

        A sample is taken with the noise[B,A] that is given, or, without one and with deterministic=False, with noise
        from `generator`.

        Raises ValueError for a bundle without an actor.
        """
        if self.actor is None:
            raise ValueError("this checkpoint holds a world model alone: there is no actor to act with")
        if noise is None and not deterministic:
            noise = torch.randn(len(obs), self.actor.action_dim, generator=generator).to(obs.device)
        z = self.world_model.encode(obs, task)
        return self.world_model.mask(self.actor(z, noise), task)

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
