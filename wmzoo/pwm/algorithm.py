"""PWM: policy learning with world models (Georgiev et al., arXiv 2407.02466), for any dynamics and any trainer.

One algorithm in three updates. The world model learns from slices of real experience; the actor ascends the first-order
gradient of imagined returns; the critics regress on TD(λ) of the same imagined rollouts. Nothing here knows a file, and
an environment only as the optional callable `drive`.

Where this differs from the public code, it is on purpose (see docs/decisions.md): the value at the horizon is
discounted by γ^H, not γ^{H+1}; an episode that ends at a rollout's last step keeps its rewards; termination (value 0)
and truncation (bootstrapped) are told apart; two-hot rewards get a cross-entropy; the task embedding is trained.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from wmzoo.agent.agent import Agent
from wmzoo.agent.moments import RunningMoments
from wmzoo.compute.device import send
from wmzoo.compute.distributed import ALONE, World
from wmzoo.config.recipe import Recipe
from wmzoo.data.replay import Slices
from wmzoo.dynamics.base import Dynamics
from wmzoo.losses.base import DynamicsLoss
from wmzoo.nets import Actor, CriticEnsemble
from wmzoo.pwm.cloning import cloning_loss, cloning_weight
from wmzoo.pwm.disagreement import Disagreement
from wmzoo.pwm.entropy import Entropy
from wmzoo.pwm.esnr import RunningESNR
from wmzoo.pwm.imagination import Drive, Feedback, Imagined, Restart, Unrolled
from wmzoo.pwm.model_loss import DistillationLoss, ModelLoss, WorldModelLoss
from wmzoo.pwm.nonfinite import NonFinite, finite
from wmzoo.pwm.optimisation import Optimisation
from wmzoo.pwm.parameters import follow, frozen
from wmzoo.pwm.returns import segment_discounts, td_lambda_targets
from wmzoo.pwm.saved import check_stream
from wmzoo.pwm.task_balance import TaskBalance
from wmzoo.storage.form import check_form

SATURATED = 0.97  # |a| beyond this counts as a saturated action

Figures = dict[str, Tensor]  # of an update: scalars without gradient, on its device


class PWM:
    """The updates of one agent, with their optimisers, scales and random streams.

    With `recipe.policy_tau` the agent's actor, which is evaluated and saved, is the running average of `actor`, which
    learns and explores.

    On a GPU no update makes the host wait: figures are scalar tensors, a step that is not finite is left out by the
    optimiser itself, and `nonfinite.settle()`, once in a while, says what was.

    Args:
        streams: generators, `imagination` (policy noise in rollouts), `minibatch` (critic mini-batches) and, for a
            stochastic dynamics, `chance` (its noise in rollouts) among them;
            the others are those of the training around it, and saved with these.
        on_nonfinite: `stop` or `skip`, see NonFinite.
        precision: of the updates' matrix products.
        compiled: by torch.compile, the three losses (a flow's in pieces, around the times it draws); a rollout that
            drives environments stays as it is.
        world: the processes that train this agent together; the world model's gradients are averaged over them.
        teacher: whose rollouts the dynamics learns from, instead of from what was seen.
        disagreement: tells where the data end from which the policy learns.
    """

    def __init__(
        self,
        agent: Agent,
        loss: DynamicsLoss,
        recipe: Recipe,
        streams: dict[str, torch.Generator],
        on_nonfinite: str = "stop",
        precision: torch.dtype = torch.float32,
        compiled: bool = False,
        world: World = ALONE,
        teacher: Dynamics | None = None,
        disagreement: Disagreement | None = None,
    ) -> None:
        self.agent, self.model = agent, agent.world_model
        self.loss, self.recipe, self.streams, self.world = loss, recipe, streams, world
        self.precision, self.device = precision, next(agent.parameters()).device
        self.disagreement = disagreement
        self.nonfinite = NonFinite(on_nonfinite)
        self.balance: TaskBalance | None = None
        if self.model.task_embedding is not None and recipe.task_balance:
            tasks = self.model.task_embedding.table.num_embeddings
            self.balance = TaskBalance(tasks, recipe.task_balance, world).to(self.device)
        self.esnr = RunningESNR()  # of the actor's gradient, before clipping
        self.learner: Actor | None = None  # the policy that learns, where the agent's is its average
        if agent.actor is not None and recipe.policy_tau is not None:
            self.learner = copy.deepcopy(agent.actor)
        parts = {"actor": self.learner or agent.actor, "critic": agent.critic, "disagreement": disagreement}
        self.optimisation = Optimisation(self.model, parts, recipe, self.nonfinite, self.esnr, world)
        model_loss: nn.Module = WorldModelLoss(self.model, loss, recipe)
        if teacher is not None:
            model_loss = DistillationLoss(self.model, loss, recipe, teacher)
        self.entropy = None if recipe.entropy == "none" else Entropy(recipe, self.device)
        self.target: CriticEnsemble | None = None  # critics that follow slowly, of the critics' targets
        if agent.critic is not None and recipe.target_tau is not None:
            self.target = copy.deepcopy(agent.critic).requires_grad_(False)
        self.rewards, self.returns = self.model.reward_moments, RunningMoments().to(self.device)
        self._unroll, self._value_loss = self.unroll, self.value_loss
        if compiled:
            model_loss.compile(dynamic=False)
            self._unroll = torch.compile(self.unroll, dynamic=False)
            self._value_loss = torch.compile(self.value_loss, dynamic=False)
        self.model_loss: nn.Module = world.wrap(model_loss)

    @property
    def actor(self) -> Actor:
        actor = self.learner or self.agent.actor
        assert actor is not None, "a world model alone has no policy to train"
        return actor

    @property
    def critic(self) -> CriticEnsemble:
        assert self.agent.critic is not None, "a world model alone has no critics to train"
        return self.agent.critic

    # ── the world model ────────────────────────────────────────

    def update_model(self, slices: Slices, task: Tensor | None = None) -> Figures:
        """One step on obs[H+1,B,O], actions[H,B,A], rewards[H,B]; the gradient runs through the whole rollout."""
        scaled = slices._replace(rewards=self.scale_reward(slices.rewards, task))
        weights = None if self.balance is None or task is None else self.balance.weights(task)
        with self.autocast():
            loss: ModelLoss = self.model_loss(scaled, task, weights)
        if self.balance is not None and task is not None and loss.moved is not None:
            self.balance.update(loss.moved, task)
        made_of, clip = finite(loss.made_of), self.recipe.model_grad_clip
        norm = self.optimisation.descend("model", loss.total, self.model, clip, made_of)
        return _detached({"wm_loss": loss.total, "wm_grad_norm": norm, **loss.figures})

    def scale_reward(self, reward: Tensor, task: Tensor | None = None) -> Tensor:
        """Rewards[..., B] as the reward head learns them: divided by their running std, less their mean if so set,
        clipped."""
        s = self.recipe
        if s.reward_scale != "none":
            mean, std = self.rewards.of(reward, task)
            reward = (reward - mean if s.reward_scale == "mean_std" else reward) / std
        return reward if s.reward_clip is None else reward.clamp(-s.reward_clip, s.reward_clip)

    # ── the policy ────────────────────────────────────────

    @torch.no_grad()
    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """obs[B,O] -> actions[B,A] of the policy that learns, with noise[B,A]."""
        action: Tensor = self.actor(self.model.encode(obs), noise)
        return action

    def imagine(self, obs: Tensor, horizon: int, task: Tensor | None = None, drive: Drive | None = None) -> Imagined:
        """Unroll policy and model for H steps from obs[B,O].

        With `drive`, the same actions drive real environments; where one is done the latent goes on from the encoding
        of its new start.
        """
        shape = (horizon, len(obs), self.actor.action_dim)
        noise = send(torch.randn(shape, generator=self.streams["imagination"]), obs.device)
        done = terminated = torch.zeros(shape[:2], dtype=torch.bool)
        chance = self._chance(horizon, len(obs), obs.device)
        if drive is None:
            found = self._unroll(obs, noise, task, chance=chance)
        else:
            asked: list[Feedback] = []

            def restart(z_next: Tensor, action: Tensor) -> Tensor:
                asked.append(drive(action.detach()))
                done = asked[-1].done
                if not done.any():
                    return z_next
                anew = self.model.encode(asked[-1].obs, task)
                return torch.where(send(done, z_next.device).unsqueeze(-1), anew, z_next)

            found = self.unroll(obs, noise, task, restart, chance)
            done, terminated = (torch.stack(ends) for ends in zip(*(each[:2] for each in asked), strict=True))
        rewards = found.rewards
        if self.entropy is not None and found.log_density is not None:
            rewards = rewards + self.entropy.bonus(found.log_density, self.model.action_mask(task))
        if self.disagreement is not None and self.recipe.disagreement_penalty:
            rewards = rewards - self.recipe.disagreement_penalty * self.disagreement(found.z, found.actions)
        return Imagined(*found[:3], rewards, done, terminated, *found[4:])

    def _chance(self, horizon: int, rollouts: int, device: torch.device) -> Tensor | None:
        """The noise [H,B,N] of a stochastic dynamics, from its own stream; None for the others."""
        width = self.model.dynamics.noise_dim
        if not width:
            return None
        return send(torch.randn(horizon, rollouts, width, generator=self.streams["chance"]), device)

    def unroll(
        self,
        obs: Tensor,
        noise: Tensor,
        task: Tensor | None = None,
        restart: Restart | None = None,
        chance: Tensor | None = None,
    ) -> Unrolled:
        """From obs[B,O], with the policy's noise[H,B,A] and that of a stochastic dynamics, chance[H,B,N].

        restart: from the latent reached and the action taken to the latent that goes on.
        """
        z, steps = self.model.encode(obs, task), []
        state = self.model.begin(z, task)
        for step, eps in enumerate(noise):
            seen, density = z.detach() if self.recipe.detach else z, None
            if self.entropy is None:
                action = self.actor(seen, eps)
            else:
                action, density = self.actor.sample(seen, eps)
            action = self.model.mask(action, task)
            z_next, state = self.model.advance(state, action, task, None if chance is None else chance[step])
            steps.append((z, z_next, action, density))
            z = z_next
            if restart is not None and (anew := restart(z_next, action)) is not z_next:
                z, state = anew, self.model.begin(anew, task)  # of all rows: one row's memory cannot be cut alone
        *columns, densities = zip(*steps, strict=True)
        zs, z_nexts, actions = (torch.stack(column) for column in columns)
        rewards = self.model.reward_code.decode(self.model.reward(zs, actions, task))
        keep = None
        if self.model.termination_head is not None and restart is None:
            keep = 1 - self.model.end_probability(z_nexts, task)
        return Unrolled(zs, z_nexts, actions, rewards, None if self.entropy is None else torch.stack(densities), keep)

    def objective(self, rollout: Imagined) -> Tensor:
        """The return of each rollout [B]: Σ over its segments of Σ_i γ^i r_i + γ^L V(z_L), where L is the segment's
        length and V(z_L) is 0 after a true termination and the ensemble's minimum otherwise. Where the model predicts
        ends, each γ comes with the probability that the step before was none."""
        ends, done = rollout.done.clone(), rollout.done
        ends[-1] = True
        if rollout.keep is not None:
            done = send(done, self.device)
        discounts = send(segment_discounts(done, self.recipe.gamma, rollout.keep), self.device).to(rollout.rewards)
        values = torch.zeros_like(rollout.rewards)
        bootstrapped = tuple(send(index, self.device) for index in (ends & ~rollout.terminated).nonzero(as_tuple=True))
        values[bootstrapped] = self.critic.minimum(rollout.z_next[bootstrapped]).to(values)
        if rollout.keep is not None:
            values = rollout.keep * values
        return (discounts * (rollout.rewards + self.recipe.gamma * values)).sum(0)

    def update_actor(
        self,
        obs: Tensor,
        horizon: int,
        task: Tensor | None = None,
        drive: Drive | None = None,
        taken: Tensor | None = None,
    ) -> tuple[Imagined, Figures]:
        """One ascent step on the mean imagined return from obs[B,O]; also gives the rollout, for the critics.

        With `recipe.samples` = S every S-th of them is started from S times. taken: the data's actions [B,A] there, to
        stay near which is a part of the ascent with `recipe.bc_alpha`.
        """
        if (samples := self.recipe.samples) > 1:
            obs = obs[::samples].repeat_interleave(samples, 0)
            task, taken = (
                each if each is None else each[::samples].repeat_interleave(samples, 0) for each in (task, taken)
            )
        alpha, figures = self.recipe.bc_alpha, dict[str, Tensor]()
        with frozen(self.model, self.critic, *([] if self.disagreement is None else [self.disagreement])):
            with self.autocast():
                rollout = self.imagine(obs, horizon, task, drive)
                returns = self.objective(rollout)
            loss = -returns.mean()
            if self.recipe.return_scale:
                self.returns.update(returns, where=returns.isfinite().all())
                loss = loss / self.returns.std
            if alpha is not None and taken is not None:
                with self.autocast():
                    chosen = self.model.mask(self.actor(rollout.z[0].detach()), task)
                figures["bc_weight"] = cloning_weight(returns, alpha)
                figures["bc_loss"] = cloning_loss(chosen, taken, self.model.action_mask(task))
                loss = figures["bc_loss"] - figures["bc_weight"] * returns.mean()
            suspects = {"observation": obs, "latent": rollout.z, "next latent": rollout.z_next}
            suspects |= {"action": rollout.actions, "imagined reward": rollout.rewards, "imagined return": returns}
            norm = self.optimisation.descend("actor", loss, self.actor, self.recipe.actor_grad_clip, finite(suspects))
        if self.learner is not None and self.agent.actor is not None and self.recipe.policy_tau is not None:
            follow(self.agent.actor, self.learner, self.recipe.policy_tau)
        figures |= {"policy_loss": loss, "actor_grad_norm": norm, "imagined_return": returns.mean()}
        figures["latent_norm"] = rollout.z.detach().norm(dim=-1).mean()
        figures["action_saturation"] = (rollout.actions.detach().abs() > SATURATED).float().mean()
        if self.entropy is not None and rollout.log_density is not None:
            found = self.entropy.per_action(rollout.log_density, self.model.action_mask(task))
            figures |= {"entropy": found, "entropy_coef": self.entropy.log_coef.exp()}
            self.entropy.adapt(found)
        if rollout.keep is not None:
            figures["imagined_end"] = 1 - rollout.keep.mean()
        return rollout, _detached(figures)

    # ── the data's ends ────────────────────────────────────────

    def update_disagreement(self, slices: Slices, task: Tensor | None = None) -> Figures:
        """One step of the networks that tell where the data end, on the first steps of obs[H+1,B,O], actions[H,B,A];
        nothing where there are none."""
        if self.disagreement is None:
            return {}
        with torch.no_grad():
            z = self.model.encode(slices.obs[:2], task)
            action = self.model.mask(slices.actions[0], task)
        loss = self.disagreement.loss(z[0], action, z[1])
        made_of = finite({"observation": slices.obs[:2], "action": action, "latent": z})
        self.optimisation.descend("disagreement", loss, self.disagreement, self.recipe.model_grad_clip, made_of)
        return _detached({"disagreement_loss": loss})

    @torch.no_grad()
    def off_data(self, slices: Slices, task: Tensor | None, **visited: tuple[Tensor, Tensor]) -> dict[str, float]:
        """By name, of the latents and actions (z[..., D], a[..., A]) visited, the share that is off the data: on which
        the networks disagree more than on all but a twentieth of the data, obs[H+1,B,O], actions[H,B,A]. Nothing where
        there are no networks."""
        if self.disagreement is None:
            return {}
        data = self.disagreement(self.model.encode(slices.obs[:-1], task), self.model.mask(slices.actions, task))
        return {name: float(self.disagreement.beyond(z, a, data.flatten())) for name, (z, a) in visited.items()}

    # ── the critics ────────────────────────────────────────

    def update_critic(self, rollout: Imagined) -> Figures:
        """Regress all critics on the rollout's TD(λ) targets: `critic_passes` over `critic_minibatches` each. The
        targets are of the target critics, if there are any, which then follow: θ̄ ← θ̄ + τ (θ − θ̄)."""
        s = self.recipe
        with torch.no_grad(), self.autocast():
            next_values = (self.target or self.critic).minimum(rollout.z_next)
            ends = (send(rollout.done, self.device), send(rollout.terminated, self.device))
            targets = td_lambda_targets(rollout.rewards, next_values, *ends, s.gamma, s.td_lambda, rollout.keep)
            targets = rearrange(targets, "step rollout -> (step rollout)")
            z = rearrange(rollout.z.detach(), "step rollout latent -> (step rollout) latent")
        made_of = finite({"latent": z, "TD(λ) target": targets})  # once for all mini-batches
        losses, norms = [], []
        for _ in range(s.critic_passes):
            order = send(torch.randperm(len(z), generator=self.streams["minibatch"]), self.device)
            for batch in order.chunk(s.critic_minibatches):
                with self.autocast():
                    loss = self._value_loss(z[batch], targets[batch])
                norms.append(self.optimisation.descend("critic", loss, self.critic, s.critic_grad_clip, made_of))
                losses.append(loss)
        if self.target is not None and s.target_tau is not None:
            follow(self.target, self.critic, s.target_tau)
        return _detached({"value_loss": torch.stack(losses).mean(), "critic_grad_norm": torch.stack(norms).mean()})

    def value_loss(self, z: Tensor, target: Tensor) -> Tensor:
        """The mean square distance of all critics at z[N,D] from target[N]."""
        loss: Tensor = (self.critic(z) - target).square().mean()
        return loss

    # ── precision and state ────────────────────────────────────────

    def autocast(self) -> torch.autocast:
        """Within it matrix products are computed in `precision`."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16)

    def state_dict(self) -> dict[str, Any]:
        """Optimisers, return scale, entropy's weight, the policy that learns, target critics, the data's ends, what the
        tasks count, running ESNR, counters, random streams; the other weights and reward scale are the agent's.

        RunFailed for what was not finite and has not been told yet.
        """
        self.nonfinite.settle()
        return {name: part.state_dict() for name, part in self._parts().items()} | {
            "optimisers": self.optimisation.state_dict(),
            "returns": self.returns.state_dict(),
            "esnr": self.esnr.state_dict(),
            "streams": {name: generator.get_state() for name, generator in self.streams.items()},
            "nonfinite": dict(self.nonfinite.counts),
        }

    def _parts(self) -> dict[str, nn.Module | Entropy]:
        """What there is, by its name in the state: entropy's weight, and networks that the agent has not."""
        parts: dict[str, nn.Module | Entropy | None] = {"entropy": self.entropy, "actor": self.learner}
        parts |= {"target": self.target, "disagreement": self.disagreement, "balance": self.balance}
        return {name: part for name, part in parts.items() if part is not None}

    def check_state(self, state: dict[str, Any]) -> None:
        """ValueError, naming the place, for a state that does not have the form of the present one."""
        self.optimisation.check_state(state["optimisers"], "pwm/optimisers")
        check_form(state["returns"], self.returns.state_dict(), "pwm/returns")
        for name, part in self._parts().items():
            check_form(state[name], part.state_dict(), f"pwm/{name}")
        width = 0 if self.agent.actor is None else sum(p.numel() for p in self.agent.actor.parameters())
        self.esnr.check_state(state["esnr"], width)
        for name, generator in self.streams.items():
            check_stream(generator, state["streams"][name], f"pwm/streams/{name}")
        check_form(state["nonfinite"], dict.fromkeys(state["nonfinite"], 0), "pwm/nonfinite")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken."""
        self.check_state(state)
        self.optimisation.load_state_dict(state["optimisers"])
        self.returns.load_state_dict(state["returns"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.esnr.load_state_dict(state["esnr"])
        for name, generator in self.streams.items():
            generator.set_state(state["streams"][name])
        self.nonfinite.counts = Counter(state["nonfinite"])


def _detached(figures: Figures) -> Figures:
    return {name: figure.detach() for name, figure in figures.items()}
