"""What is exported: a part of an agent as a function of named tensors, with the inputs on which it is compared."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from wmzoo import __version__
from wmzoo.agent.agent import Agent
from wmzoo.agent.rewards import in_task_units
from wmzoo.envs.task_sets import task_of
from wmzoo.errors import WmzooError

ROWS = 1000  # on which a file is compared with PyTorch


@dataclass(frozen=True)
class Graph:
    """module(**inputs) -> the outputs, a tensor or a tuple of them.

    inputs: by the names of the module's parameters, ROWS rows each; any number of rows may be given. outputs: names.
    facts: about the agent, as texts, for the file's metadata.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    facts: Mapping[str, str]

    def __call__(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """The outputs in order."""
        with torch.no_grad():
            found = self.module(**inputs)
        return [found] if isinstance(found, Tensor) else [*found]

    def rounding(self) -> list[float]:
        """How far each output, in float32, is from what it is in float64, at the most."""
        exact = replace(self, module=copy.deepcopy(self.module).double())
        inputs = {name: value.double() if value.is_floating_point() else value for name, value in self.inputs.items()}
        pairs = zip(self(self.inputs), exact(inputs), strict=True)
        return [float((found - wanted).abs().max()) for found, wanted in pairs]


class _Part(nn.Module):
    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.agent, self.model = agent, agent.world_model


class Policy(_Part):
    """The deterministic policy, as `agent.act`: obs[B,O] (and task int64 [B]) -> action[B,A] in [−1, 1]."""

    def forward(self, obs: Tensor, task: Tensor | None = None) -> Tensor:
        assert self.agent.actor is not None
        return self.model.mask(self.agent.actor(self.model.encode(obs, task)), task)


class Encoder(_Part):
    """obs[B,O] (and task) -> latent[B,D], where the steps of the model begin."""

    def forward(self, obs: Tensor, task: Tensor | None = None) -> Tensor:
        return self.model.encode(obs, task)


class Step(_Part):
    """One step, as `world_model.step`: latent[B,D], action[B,A] (and task) -> next_latent[B,D], reward[B] in the task's
    units, and where the model predicts ends discount[B], the probability that the episode goes on.

    noise[B,N], standard normal: a stochastic dynamics takes it and gives a sample.
    """

    def forward(
        self, latent: Tensor, action: Tensor, task: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        reached, reward = self.model.step(latent, action, task, noise)
        reward = in_task_units(self.agent, reward, task)
        if self.model.termination_head is None:
            return reached, reward
        return reached, reward, 1 - self.model.end_probability(reached, task)


def policy(agent: Agent) -> Graph:
    """WmzooError for an agent without one."""
    if agent.actor is None:
        raise WmzooError("it holds a world model alone: there is no policy to export")
    fixed = _fixed(agent)
    fixed.world_model.dynamics = fixed.world_model.reward_head = nn.Identity()  # type: ignore[assignment]
    return _graph("policy", Policy(fixed), _observations(agent), ("action",))


def encoder(agent: Agent) -> Graph:
    return _graph("encoder", Encoder(_fixed(agent)), _observations(agent), ("latent",))


def step(agent: Agent) -> Graph:
    fixed, chance = _fixed(agent), torch.Generator().manual_seed(1)
    seen, model = _observations(agent), fixed.world_model
    with torch.no_grad():
        latent = model.encode(**seen)
    action = 2 * torch.rand(ROWS, agent.act_dim, generator=chance) - 1
    inputs = {"latent": latent, "action": action, **{name: value for name, value in seen.items() if name == "task"}}
    if model.dynamics.noise_dim:
        inputs["noise"] = torch.randn(ROWS, model.dynamics.noise_dim, generator=chance)
    outputs = ("next_latent", "reward", "discount")[: 2 if model.termination_head is None else 3]
    return _graph("model step", Step(fixed), inputs, outputs)


def _graph(name: str, part: _Part, inputs: Mapping[str, Tensor], outputs: tuple[str, ...]) -> Graph:
    agent = part.agent
    cfg: Any = OmegaConf.to_container(agent.cfg)
    facts = {
        "wmzoo": __version__,
        "graph": name,
        "task": task_of(cfg["env"]) if "env" in cfg else "not stated",
        "dynamics": cfg["dynamics"]["name"],
        "obs_dim": agent.obs_dim,
        "act_dim": agent.act_dim,
        "latent_dim": cfg["model"]["latent_dim"],
        "num_tasks": cfg["model"]["num_tasks"],
    }
    return Graph(name, part, inputs, outputs, {key: str(value) for key, value in facts.items()})


def _fixed(agent: Agent) -> Agent:
    """A copy on the CPU in float32, without critics, whose passes change no weight: a task embedding is shortened here,
    once."""
    fixed = copy.deepcopy(agent).cpu().float().eval()
    fixed.critic, model = None, fixed.world_model
    if model.task_embedding is not None:
        model.embed(torch.zeros(1, dtype=torch.int64))
        model.task_embedding = model.task_embedding.table  # type: ignore[assignment]
    return fixed


def _observations(agent: Agent) -> dict[str, Tensor]:
    """obs[ROWS,O], spread as those that the agent has seen where it remembers, and task[ROWS] if it has several."""
    chance, model = torch.Generator().manual_seed(0), agent.world_model
    obs, task = torch.randn(ROWS, agent.obs_dim, generator=chance), None
    if model.task_embedding is not None:
        task = torch.randint(int(agent.cfg.model.num_tasks), (ROWS,), generator=chance)
    if (seen := model.observation_moments) is not None:
        mean, std = seen.of(obs, task)
        obs = obs * std + mean
    return {"obs": obs} if task is None else {"obs": obs, "task": task}
