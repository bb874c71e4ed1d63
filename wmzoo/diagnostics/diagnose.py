"""What the diagnostics say of a trained agent: gradients, Jacobians, open-loop predictions and paths, by horizon."""

from __future__ import annotations

from collections.abc import Callable

from omegaconf import DictConfig

from wmzoo.agent.agent import Agent
from wmzoo.compute.rng import seed_of, stream
from wmzoo.diagnostics import flow_paths, forecast, gradient_accuracy, gradients, jacobian, open_loop
from wmzoo.diagnostics.scene import Figures, Scene
from wmzoo.diagnostics.simulator_gradients import NoGradients, SimulatorGradients, simulator_gradients
from wmzoo.diagnostics.subject import played_by, subject_of
from wmzoo.diagnostics.trajectories import Trajectories, collect
from wmzoo.envs.base import VectorEnv
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
    gradient_accuracy.measure,
)


def diagnose(
    agent: Agent,
    horizons: list[int] | None = None,
    estimates: int = 64,
    batch: int = 64,
    episodes: int = 16,
    task: str | None = None,
    moments: int | None = None,
    along: Agent | None = None,
) -> Figures:
    """Every diagnostic of an agent, on real trajectories of its own policy that no training has seen.

    A world model alone is looked at on random actions, and has no policy gradients.

    Args:
        horizons: H of the gradient and Jacobian figures; None for 1, 2, 4, 8, 16, as far as episodes are that long.
        estimates, batch: independent policy gradients per horizon, and the imagined rollouts behind each of them.
        episodes: trajectories to collect.
        task: one of a multi-task agent's, by name or number; None where it plays a single one.
        moments: of every episode, at which the model's gradients are compared with the simulator's (analytic ones of
            a differentiable suite, dflex; else by differences); 0 for none, None for as many as a minute or two allows.
        along: whose policy, environment and seed the trajectories come from; None for the agent's own. Every agent is
            looked at on the same ones along the same other.

    The same agent and arguments give the same figures: horizons, estimates, batch, episodes; actions, policy or random;
    and those of every one of MEASURES. Raises WmzooError for a task that is missing, unknown or not needed.
    """
    cfg, subject = agent.cfg, subject_of(agent, task)
    guide = along or agent
    seed = int(guide.cfg.seed)
    draws, first = stream(seed, "diagnose/draws"), seed_of(seed, "diagnose")
    played = subject if along is None else played_by(along, agent, subject)
    env = build_from("env", {**played.env, "num_envs": episodes})
    try:
        trajectories = collect(guide, env, first, stream(seed, "diagnose/actions"))
        horizons = horizons or [horizon for horizon in HORIZONS if horizon <= len(trajectories.actions)]
        longest = max(*horizons, int(cfg.trainer.horizon))
        slices = trajectories.slices(longest, SLICES, draws).to(next(agent.parameters()).device)
        simulated = _simulated(env, first, trajectories, horizons, guide.cfg, moments)
    finally:
        env.close()
    names = ("imagination", "minibatch", "tau", "chance")
    pwm = build_pwm(cfg, agent, {name: stream(seed, f"diagnose/{name}") for name in names})
    states = trajectories.states()
    scene = Scene(agent, pwm, horizons, estimates, batch, states, slices, draws, subject.number, simulated)
    figures: Figures = {"horizons": horizons, "estimates": estimates, "batch": batch, "episodes": episodes}
    figures["actions"] = "policy" if guide.actor is not None else "random"
    for measure in MEASURES:
        figures |= measure(scene)
    return figures


def _simulated(
    env: VectorEnv, seed: int, along: Trajectories, horizons: list[int], cfg: DictConfig, moments: int | None
) -> SimulatorGradients | str | None:
    """The simulator's gradients along the trajectories, or why there are none; None where they are not asked for."""
    if moments == 0:
        return None
    draws = stream(int(cfg.seed), "diagnose/moments")
    try:
        return simulator_gradients(env, seed, along.actions, horizons, float(cfg.recipe.gamma), draws, moments)
    except NoGradients as why:
        return str(why)
