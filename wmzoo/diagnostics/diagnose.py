"""What the diagnostics say of a trained agent: gradients, Jacobians, open-loop predictions and paths, by horizon."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from wmzoo.agent.agent import Agent
from wmzoo.compute.rng import seed_of, stream
from wmzoo.diagnostics import flow_paths
from wmzoo.diagnostics.gradients import policy_gradients, summary
from wmzoo.diagnostics.jacobian import spectral_norms, unroll_jacobian
from wmzoo.diagnostics.open_loop import distance_from_simplex, open_loop_by_step
from wmzoo.diagnostics.subject import subject_of
from wmzoo.diagnostics.trajectories import collect
from wmzoo.dynamics.base import VelocityDynamics
from wmzoo.losses.base import unroll
from wmzoo.pwm.build import build_pwm
from wmzoo.registry import build, build_from, list_entries

HORIZONS = (1, 2, 4, 8, 16)
SLICES = 512  # of the open-loop predictions
STARTS = 32  # latents at which Jacobians and paths are taken
Figures = dict[str, Any]


def diagnose(
    agent: Agent,
    horizons: list[int] | None = None,
    estimates: int = 64,
    batch: int = 64,
    episodes: int = 16,
    task: str | None = None,
) -> Figures:
    """Every diagnostic of an agent, on real trajectories of its own policy that no training has seen.

    A world model alone is looked at on random actions, and has no policy gradients.

    Args:
        horizons: H of the gradient and Jacobian figures; None for 1, 2, 4, 8, 16, as far as episodes are that long.
        estimates, batch: independent policy gradients per horizon, and the imagined rollouts behind each of them.
        episodes: trajectories to collect.
        task: one of a multi-task agent's, by name or number; None where it plays a single one.

    The same agent and arguments give the same figures. Keys of what is given: horizons; actions, policy or random;
    with a policy and critics esnr {value, low, high, decibels}, gradient_variance, gradient_norm, relative_deviation,
    cosine, nonfinite; jacobian {mean, p95}; open_loop {step, …}; and of a flow flow_paths {straightness, curvature,
    integration}. Raises WmzooError for a task that is missing, unknown or not needed.
    """
    cfg, subject = agent.cfg, subject_of(agent, task)
    seed = int(cfg.seed)
    env = build_from("env", {**subject.env, "num_envs": episodes})
    try:
        trajectories = collect(agent, env, seed_of(seed, "diagnose"), stream(seed, "diagnose/actions"))
    finally:
        env.close()
    horizons = horizons or [horizon for horizon in HORIZONS if horizon <= len(trajectories.actions)]
    draws = stream(seed, "diagnose/draws")
    longest = max(*horizons, int(cfg.trainer.horizon))
    device = next(agent.parameters()).device
    slices = trajectories.slices(longest, SLICES, draws).to(device)
    names = ("imagination", "minibatch", "tau")
    pwm = build_pwm(cfg, agent, {name: stream(seed, f"diagnose/{name}") for name in names})
    states = trajectories.states()

    def numbers(count: int) -> Tensor | None:
        """The task of each of `count` columns, int64 [count]."""
        return None if subject.number is None else torch.full((count,), subject.number, device=device)

    gradients: Figures = {}
    if agent.actor is not None and agent.critic is not None:
        whose = numbers(len(states))
        rows = [summary(*policy_gradients(pwm, states, h, estimates, batch, draws, whose)) for h in horizons]
        gradients["esnr"] = {name: [row[key] for row in rows] for name, key in ESNR_KEYS.items()}
        gradients |= {name: [row[name] for row in rows] for name in BESIDE}
    model, whose = agent.world_model, numbers(STARTS)
    z = model.encode(slices.obs[0, :STARTS], whose).detach()
    norms = [spectral_norms(unroll_jacobian(model, z, slices.actions[:, :STARTS], h, whose)) for h in horizons]
    with torch.no_grad():
        actions, task_emb = model.mask(slices.actions[:, :STARTS], whose), model.embed(whose)
        off = distance_from_simplex(unroll(model.dynamics, z, actions, task_emb), cfg.model.simnorm_dim).amax(1)
    by_step = open_loop_by_step(model, slices, pwm.scale_reward, cfg.recipe.gamma, numbers(SLICES))
    figures: Figures = {
        "horizons": horizons,
        "estimates": estimates,
        "batch": batch,
        "episodes": episodes,
        "actions": "policy" if agent.actor is not None else "random",
        **gradients,
        "jacobian": {"mean": [x.mean().item() for x in norms], "p95": [x.quantile(0.95).item() for x in norms]},
        "open_loop": {"step": list(range(1, longest + 1)), **by_step, "simplex_distance": off[1:].tolist()},
    }
    if isinstance(model.dynamics, VelocityDynamics):
        figures["flow_paths"] = _paths(model.dynamics, z, actions[0], task_emb)
    return figures


ESNR_KEYS = {"value": "esnr", "low": "esnr_low", "high": "esnr_high", "decibels": "esnr_db"}
BESIDE = ("gradient_variance", "gradient_norm", "relative_deviation", "cosine", "nonfinite")


def _paths(dynamics: VelocityDynamics, z: Tensor, a: Tensor, task_emb: Tensor | None) -> Figures:
    """Paths of one latent step, and every integrator's error by evaluations of the field."""
    dynamics, z, a = copy.deepcopy(dynamics).double(), z.double(), a.double()  # errors below what float32 can tell
    task_emb = None if task_emb is None else task_emb.double()
    field = flow_paths.field_of(dynamics, z, a, task_emb)
    nodes, velocities = flow_paths.path(field, dynamics.coordinates.chart(z))
    methods = {name: build("integrator", name) for name in list_entries("integrator")}
    return {
        "straightness": flow_paths.straightness(nodes, velocities),
        "curvature": flow_paths.curvature(nodes, velocities),
        "integration": flow_paths.integration_errors(dynamics, z, a, methods, task_emb=task_emb),
    }
