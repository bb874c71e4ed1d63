"""A task whose gradients are known: s′ = A s + B a + σ ε, r = −sᵀ Q s − aᵀ R a − k |a_0 − c|; and its exact model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from wmzoo.agent.agent import Agent
from wmzoo.agent.world_model import WorldModel
from wmzoo.dynamics.base import Dynamics
from wmzoo.envs.base import Transition, VectorEnv
from wmzoo.nets import ScalarCode

STATE, ACT = 3, 2
A = torch.tensor([[0.9, 0.2, 0.0], [-0.1, 0.8, 0.3], [0.0, -0.2, 1.1]], dtype=torch.float64)
B = torch.tensor([[0.0, 1.0], [0.5, 0.0], [1.0, -0.5]], dtype=torch.float64)
Q = torch.diag(torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64))
R = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)


def quadratic(x: Tensor, weights: Tensor) -> Tensor:
    """xᵀ W x of x[..., W] -> [...]"""
    return torch.einsum("...i,ij,...j->...", x, weights, x)


class LinearQuadratic(VectorEnv):
    """`noise`: σ. `kink`: k and c. `fall`: the first entry of s beyond which an episode ends. Float64 throughout."""

    obs_dim, act_dim, episode_length, control_timestep = STATE, ACT, 40, 1.0
    device = torch.device("cpu")

    def __init__(
        self, num_envs: int, noise: float = 0.0, kink: tuple[float, float] = (0.0, 0.0), fall: float = np.inf
    ) -> None:
        self.num_envs, self.noise, self.kink, self.fall = num_envs, noise, kink, fall
        self.stream = torch.Generator()

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        self.stream.manual_seed(seed)
        self.s = torch.randn(self.num_envs, STATE, generator=self.stream, dtype=torch.float64)
        self.steps = torch.zeros(self.num_envs, dtype=torch.int64)
        return self.s.clone()

    def step(self, actions: Tensor) -> Transition:
        a = torch.from_numpy(self.check_actions(actions))
        reward = -quadratic(self.s, Q) - quadratic(a, R) - self.kink[0] * (a[:, 0] - self.kink[1]).abs()
        chance = torch.randn(self.num_envs, STATE, generator=self.stream, dtype=torch.float64)
        self.s = self.s @ A.T + a @ B.T + self.noise * chance
        self.steps += 1
        terminated = self.s[:, 0].abs() > self.fall
        truncated = (self.steps >= self.episode_length) & ~terminated
        final, done = self.s.clone(), terminated | truncated
        self.s[done], self.steps[done] = 0.1, 0
        return Transition(self.s.clone(), reward.float(), terminated, truncated, final, None, {}, reward.numpy())

    @property
    def elapsed(self) -> Tensor:
        return self.steps.clone()

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {"s": self.s.clone(), "steps": self.steps.clone(), "stream": self.stream.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.s, self.steps = state["s"].clone(), state["steps"].clone()
        self.stream.set_state(state["stream"])


def states_along(env: LinearQuadratic, seed: int, actions: Tensor) -> Tensor:
    """[T,B,S], before each of the actions [T,B,A]."""
    env.reset(seed)
    found = []
    for action in actions:
        found.append(env.s.clone())
        env.step(action)
    return torch.stack(found)


def exact_gradients(s: Tensor, a: Tensor, gamma: float) -> Tensor:
    """∂(Σ_{t<H} γ^t r_t)/∂a [H,B,A] along s[H,B,S], a[H,B,A], without the kink, by the adjoint recursion:
    λ_H = 0, ∂/∂a_t = −2 γ^t R a_t + Bᵀ λ_{t+1}, λ_t = −2 γ^t Q s_t + Aᵀ λ_{t+1}."""
    adjoint, found = torch.zeros_like(s[0]), []
    for t in reversed(range(len(a))):
        found.append(-2 * gamma**t * a[t] @ R + adjoint @ B)
        adjoint = -2 * gamma**t * s[t] @ Q + adjoint @ A
    return torch.stack(found[::-1])


class LinearDynamics(Dynamics):
    """The true one; with noise_dim, samples that spread around it."""

    def __init__(self, noise_dim: int = 0) -> None:
        super().__init__()
        self.noise_dim = noise_dim

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        z_next = z @ A.T + a @ B.T
        return z_next if noise is None else z_next + 0.1 * noise


class QuadraticReward(nn.Module):
    """`scale` times the true reward without its kink."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, inputs: Tensor) -> Tensor:
        z, a = inputs.split([STATE, ACT], -1)
        return -self.scale * (quadratic(z, Q) + quadratic(a, R)).unsqueeze(-1)


def model(scale: float = 1.0, std: float = 1.0, noise_dim: int = 0) -> Agent:
    """Its rewards are `scale` times the true ones, and its reward head learned them divided by `std`."""
    world = WorldModel(nn.Identity(), LinearDynamics(noise_dim), QuadraticReward(scale / std), ScalarCode())
    cfg = OmegaConf.create({"recipe": {"reward_scale": "std"}})
    agent = Agent(world, None, None, cfg, STATE, ACT).double()
    world.reward_moments.update(torch.tensor([-std, std], dtype=torch.float64))
    return agent
