"""What the diagnostics say of a trained agent: gradients, Jacobians, open-loop predictions and paths, by horizon."""

from __future__ import annotations

from collections.abc import Callable

from wmzoo.agent.agent import Agent
from wmzoo.compute.rng import seed_of, stream
from wmzoo.diagnostics import flow_paths, forecast, gradients, jacobian, open_loop
from wmzoo.diagnostics.scene import Figures, Scene
from wmzoo.diagnostics.subject import subject_of
from wmzoo.diagnostics.trajectories import collect
from wmzoo.pwm.build import build_pwm
from wmzoo.registry import build_from

HORIZONS = (1, 2, 4, 8, 16)
SLICES = 512  # of the open-loop predictions

# Each adds its figures, a key or several; its docstring says which. One that does not apply adds none.
MEASURES: tuple[Callable[[Scene], Figures], ...] = (
    gradients.measure,
    jacobian.measure,
    open_loop.measure,
    flow_paths.measure,
    forecast.measure,
)


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

    The same agent and arguments give the same figures: horizons, estimates, batch, episodes; actions, policy or random;
    and those of every one of MEASURES. Raises WmzooError for a task that is missing, unknown or not needed.
    """
    cfg, subject = agent.cfg, subject_of(agent, task)
    seed = int(cfg.seed)
    env = build_from("env", {**subject.env, "num_envs": episodes})
    try:
        trajectories = collect(agent, env, seed_of(seed, "diagnose"), stream(seed, "diagnose/actions"))
    finally:
        env.close()
    horizons = horizons or [horizon for horizon in HORIZONS if horizon <= len(trajectories.actions)]
    draws, longest = stream(seed, "diagnose/draws"), max(*horizons, int(cfg.trainer.horizon))
    slices = trajectories.slices(longest, SLICES, draws).to(next(agent.parameters()).device)
    names = ("imagination", "minibatch", "tau", "chance")
    pwm = build_pwm(cfg, agent, {name: stream(seed, f"diagnose/{name}") for name in names})
    states = trajectories.states()
    scene = Scene(agent, pwm, horizons, estimates, batch, states, slices, draws, subject.number)
    figures: Figures = {"horizons": horizons, "estimates": estimates, "batch": batch, "episodes": episodes}
    figures["actions"] = "policy" if agent.actor is not None else "random"
    for measure in MEASURES:
        figures |= measure(scene)
    return figures
