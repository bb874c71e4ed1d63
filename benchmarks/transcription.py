"""PWM with the paper's settings, written plainly in PyTorch from the formulas: the yardstick of benchmarks/speed.py.

What an ordinary implementation of the method looks like: stock layers, a list of critics, a loop over the horizon,
`backward` through everything a loss depends on, `Adam(fused=True)`, and the loss as a Python number after every step.
It computes the losses of wmzoo with `recipe=paper dynamics=mlp` (a test holds it to that) and shares no code with its
updates. Letters: B batch or environments, H horizon, D latent, A action, O observation, as in docs/method.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.agent.agent import Agent

MIN_LOG_STD = -1.427
Drive = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]  # actions[B,A] -> done[B], terminated[B], obs[B,O]
TRANSCRIBED = {
    "dynamics.name": "mlp",
    "dynamics.residual": "none",
    "loss.name": "mse",
    "recipe.normalise_obs": False,
    "recipe.reward_scale": "mean_std",
    "recipe.encoder_lr_scale": 1.0,
    "recipe.return_scale": True,
    "recipe.detach": True,
    "recipe.act_on": "imagination",
}


class Rollout(NamedTuple):
    """What the critics learn from: z[H,B,D] and z_next[H,B,D]; rewards, done and terminated [H,B]."""

    z: Tensor
    z_next: Tensor
    rewards: Tensor
    done: Tensor
    terminated: Tensor


class SimNorm(nn.Module):
    """softmax over each group of `size` units."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], -1, self.size).softmax(-1).view_as(x)


class Moments:
    """Running mean and variance of all numbers seen, in float64."""

    def __init__(self) -> None:
        self.count = 0.0
        self.mean, self.var = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)

    def update(self, x: Tensor) -> None:
        x = x.detach().double()
        total = self.count + x.numel()
        delta = x.mean() - self.mean
        squares = self.var * self.count + x.var(correction=0) * x.numel()
        self.var = (squares + delta**2 * self.count * x.numel() / total) / total
        self.mean = self.mean + delta * x.numel() / total
        self.count = total

    @property
    def std(self) -> Tensor:
        return torch.sqrt(self.var + 1e-5)


def model_stack(inputs: int, units: Sequence[int], outputs: int, last: Sequence[nn.Module]) -> nn.Sequential:
    """Linear → LayerNorm → Mish per hidden layer; after the last Linear come the modules of `last`."""
    layers: list[nn.Module] = []
    for width in units:
        layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.Mish()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs), *last)


def policy_stack(inputs: int, units: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear → Mish → LayerNorm per hidden layer, then a Linear: actor and critics."""
    layers: list[nn.Module] = []
    for width in units:
        layers += [nn.Linear(inputs, width), nn.Mish(), nn.LayerNorm(width)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class Transcription(nn.Module):
    """Networks, optimisers and the three updates. ValueError for a config whose settings are not the paper's."""

    def __init__(self, cfg: Any, obs_dim: int, act_dim: int) -> None:
        super().__init__()
        for key, expected in TRANSCRIBED.items():
            group, name = key.split(".")
            if cfg[group][name] != expected:
                raise ValueError(f"{key}={cfg[group][name]} is not transcribed, only {expected}")
        size, self.recipe, self.act_dim = cfg.model, cfg.recipe, act_dim
        self.bins, self.limit, self.symexp = size.num_bins, size.bin_range, size.symexp
        latent, simplices = size.latent_dim, [nn.LayerNorm(size.latent_dim), SimNorm(size.simnorm_dim)]
        again = [nn.LayerNorm(latent), SimNorm(size.simnorm_dim)]
        self.encoder = model_stack(obs_dim, size.encoder_units, latent, simplices)
        self.dynamics = model_stack(latent + act_dim, size.units, latent, again)
        self.reward_head = model_stack(latent + act_dim, size.units, max(1, size.num_bins), [])
        self.actor = policy_stack(latent, cfg.actor.units, act_dim)
        self.log_std = nn.Parameter(torch.full((act_dim,), -1.0))
        self.critics = nn.ModuleList(policy_stack(latent, cfg.critic.units, 1) for _ in range(cfg.critic.num))
        self.rewards, self.returns = Moments(), Moments()
        self.start_optimisers()

    def start_optimisers(self) -> None:
        """Adam for each part, with nothing learned yet; needed again after a change of dtype."""
        r, adam = self.recipe, torch.optim.Adam
        model = [*self.encoder.parameters(), *self.dynamics.parameters(), *self.reward_head.parameters()]
        policy, critics = [*self.actor.parameters(), self.log_std], list(self.critics.parameters())
        betas = tuple(r.actor_critic_betas)
        self.optimisers = {
            "model": adam(model, r.model_lr, tuple(r.model_betas), fused=True),
            "actor": adam(policy, r.actor_lr, betas, fused=True),
            "critic": adam(critics, r.critic_lr, betas, fused=True),
        }

    def update_model(self, obs: Tensor, actions: Tensor, rewards: Tensor) -> float:
        """One step on obs[H+1,B,O], actions[H,B,A], rewards[H,B]; gives the loss."""
        r, horizon = self.recipe, len(actions)
        rewards = ((rewards - self.rewards.mean) / self.rewards.std).clamp(-r.reward_clip, r.reward_clip)
        with torch.no_grad():
            targets = self.encoder(obs[1:])
        z = self.encoder(obs[0])
        zs, dynamics = [], torch.zeros_like(z[0, 0])
        for t in range(horizon):
            zs.append(z)
            z = self.dynamics(torch.cat([z, actions[t]], -1))
            dynamics = dynamics + r.gamma**t * F.mse_loss(z, targets[t])
        raw = self.reward_head(torch.cat([torch.stack(zs), actions], -1))
        discounts = r.gamma ** torch.arange(horizon, dtype=rewards.dtype).unsqueeze(1)
        reward = (discounts * self.reward_error(raw, rewards)).mean()  # (1/H) Σ_t γ^t mean_B
        loss = (r.dynamics_coef * dynamics + r.reward_coef * reward) / horizon
        return self.descend("model", loss, r.model_grad_clip)

    def update_actor(self, obs: Tensor, noise: Tensor, drive: Drive | None = None) -> tuple[float, Rollout]:
        """One step from obs[B,O] with noise[H,B,A]; gives the loss and the rollout."""
        gamma, horizon = self.recipe.gamma, len(noise)
        z = self.encoder(obs)
        done = terminated = torch.zeros(len(obs), dtype=torch.bool)
        total, discount = torch.zeros_like(z[:, 0]), torch.ones_like(z[:, 0])
        steps = []
        for i in range(horizon):
            with torch.no_grad():
                self.log_std.clamp_(min=MIN_LOG_STD)
            action = (self.actor(z.detach()) + self.log_std.exp() * noise[i]).tanh()
            pair = torch.cat([z, action], -1)
            reward, z_next = self.decode(self.reward_head(pair)), self.dynamics(pair)
            if drive is not None:
                done, terminated, obs = drive(action.detach())
            steps.append((z.detach(), z_next.detach(), reward.detach(), done, terminated))
            total = total + discount * reward
            ends = torch.ones_like(done) if i == horizon - 1 else done
            if ends.any():
                value = self.value(z_next).masked_fill(terminated | ~ends, 0.0)
                total = total + discount * gamma * value
            discount = torch.where(done, 1.0, discount * gamma)
            z = torch.where(done.unsqueeze(1), self.encoder(obs), z_next) if done.any() else z_next
        self.returns.update(total)
        loss = self.descend("actor", -total.mean() / self.returns.std, self.recipe.actor_grad_clip)
        return loss, Rollout(*(torch.stack(column) for column in zip(*steps, strict=True)))

    def update_critic(self, rollout: Rollout, generator: torch.Generator) -> float:
        """Passes over mini-batches in an order drawn from `generator`, on TD(λ) targets; gives the mean loss."""
        r = self.recipe
        with torch.no_grad():
            next_values = self.value(rollout.z_next)
        targets = torch.empty_like(rollout.rewards)
        following = next_values[-1]
        for t in reversed(range(len(targets))):
            mixed = (1 - r.td_lambda) * next_values[t] + r.td_lambda * following
            ahead = torch.where(rollout.done[t], next_values[t], mixed)
            following = rollout.rewards[t] + r.gamma * torch.where(rollout.terminated[t], 0.0, ahead)
            targets[t] = following
        z, target = rollout.z.flatten(0, 1), targets.flatten()
        losses = []
        for _ in range(r.critic_passes):
            for batch in torch.randperm(len(z), generator=generator).chunk(r.critic_minibatches):
                values = torch.stack([critic(z[batch]).squeeze(-1) for critic in self.critics])
                losses.append(self.descend("critic", (values - target[batch]).square().mean(), r.critic_grad_clip))
        return sum(losses) / len(losses)

    def value(self, z: Tensor) -> Tensor:
        """The critics' minimum: z[..., D] -> [...]."""
        return torch.stack([critic(z).squeeze(-1) for critic in self.critics]).amin(0)

    def decode(self, raw: Tensor) -> Tensor:
        """The reward that the head's output [..., W] says: itself, or the expectation over bins in symlog space."""
        if self.bins <= 1:
            return raw.squeeze(-1)
        x = (raw.softmax(-1) * torch.linspace(-self.limit, self.limit, self.bins, dtype=raw.dtype)).sum(-1)
        return x.sign() * (x.abs().exp() - 1) if self.symexp else x

    def reward_error(self, raw: Tensor, reward: Tensor) -> Tensor:
        """Squared error, or cross-entropy with the two-hot code: raw[..., W], reward[...] -> [...]."""
        if self.bins <= 1:
            return (raw.squeeze(-1) - reward).square()
        x = (reward.sign() * (1 + reward.abs()).log()).clamp(-self.limit, self.limit)
        position = (x + self.limit) * (self.bins - 1) / (2 * self.limit)
        low = position.floor().clamp(max=self.bins - 2)
        upper = (position - low).unsqueeze(-1)
        index = low.long()
        hot: Tensor = F.one_hot(index, self.bins) * (1 - upper) + F.one_hot(index + 1, self.bins) * upper
        return -(hot * raw.log_softmax(-1)).sum(-1)

    def descend(self, name: str, loss: Tensor, clip: float) -> float:
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], clip)
        optimiser.step()
        return loss.item()


@torch.no_grad()
def copy_weights(agent: Agent, to: Transcription) -> None:
    """Give the transcription the weights and the reward scale of a wmzoo agent with the same sizes."""
    model, actor, critic = agent.world_model, agent.actor, agent.critic
    assert actor is not None and critic is not None
    pairs: Iterable[tuple[nn.Module, nn.Module]] = (
        (to.encoder, model.encoder),
        (to.dynamics, model.dynamics),
        (to.reward_head, model.reward_head),
        (to.actor, actor.mean),
    )
    for mine, theirs in pairs:
        for parameter, source in zip(mine.parameters(), theirs.parameters(), strict=True):
            parameter.copy_(source)
    to.log_std.copy_(actor.log_std)
    for member, own in enumerate(to.critics):
        for parameter, source in zip(own.parameters(), critic.parameters(), strict=True):
            one = source[member]  # weights [in, out], the rest [1, width]
            parameter.copy_(one.T if parameter.dim() == 2 else one.squeeze(0))
    moments = model.reward_moments
    to.rewards.count = float(moments.count)
    to.rewards.mean, to.rewards.var = moments.mean.clone(), moments.var.clone()
