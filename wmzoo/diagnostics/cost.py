"""A dynamics beside the baseline: parameters by part, field evaluations, floating point operations, seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from omegaconf import DictConfig
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from wmzoo.agent.build import MATCH, build_agent
from wmzoo.compute.rng import stream
from wmzoo.data.replay import Slices
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm

REPEATS = 7  # of each timing, interleaved
Update = Callable[[], Any]
Say = Callable[[str, int, int], object]  # what is measured next, how many measurements are done, and in all


class Contender:
    """One config's agent and algorithm, with synthetic experience of the config's sizes."""

    def __init__(self, cfg: DictConfig, obs_dim: int, act_dim: int) -> None:
        self.cfg = cfg
        self.agent = build_agent(cfg, obs_dim, act_dim)
        self.streams = {
            name: stream(cfg.seed, f"parity/{name}") for name in ("imagination", "minibatch", "tau", "chance")
        }
        self.pwm: PWM = build_pwm(cfg, self.agent, self.streams)
        horizon = cfg.trainer.get("model_horizon") or cfg.trainer.horizon
        self.imagined = cfg.trainer.get("imagination_horizon") or cfg.trainer.horizon
        batch, draws = cfg.trainer.batch_size, stream(cfg.seed, "parity/data")
        shapes = ((horizon + 1, batch, obs_dim), (horizon, batch, act_dim), (horizon, batch))
        self.slices = Slices(*(torch.rand(shape, generator=draws) for shape in shapes))
        if self.agent.world_model.termination_head is not None:
            self.slices = self.slices._replace(terminated=torch.zeros(horizon, batch, dtype=torch.bool))
        self.states = torch.rand(cfg.recipe.rollouts, obs_dim, generator=draws)

    def updates(self) -> dict[str, Update]:
        """The three updates of an iteration; the critics' comes with an actor's, whose rollout it learns from."""
        of_slices, of_states = self._tasks(self.slices.actions.shape[1]), self._tasks(len(self.states))
        rollout, _ = self.pwm.update_actor(self.states, self.imagined, of_states)
        return {
            "model": lambda: self.pwm.update_model(self.slices, of_slices),
            "actor": lambda: self.pwm.update_actor(self.states, self.imagined, of_states),
            "critic": lambda: self.pwm.update_critic(rollout),
        }

    def per_iteration(self) -> dict[str, int]:
        """How often an iteration does each."""
        actor = self.cfg.trainer.actor_updates if self.cfg.trainer.act_on == "observations" else 1
        return {"model": self.cfg.trainer.model_updates, "actor": actor, "critic": actor}

    def imagined_step(self) -> Update:
        """One latent step with its reward, forward only, of a batch of one."""
        task = self._tasks(1)
        z = self.agent.world_model.encode(self.slices.obs[0, :1], task)
        action = self.slices.actions[0, :1]
        width = self.agent.world_model.dynamics.noise_dim
        noise = torch.zeros(1, width) if width else None  # of a stochastic dynamics it is a sample
        return torch.no_grad()(lambda: self.agent.world_model.step(z, action, task, noise))

    def _tasks(self, count: int) -> torch.Tensor | None:
        """int64 [count], every task in turn; None for one task."""
        tasks = int(self.cfg.model.num_tasks)
        return torch.arange(count) % tasks if tasks else None


def flops(update: Update) -> int:
    """Floating point operations of the matrix products in it (2 per multiply-add), forward and backward."""
    with _FlopCounter() as counter:
        update()
    return int(counter.total)


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """PyTorch's own formulas. Its FlopCounterMode also follows modules, which frozen parameters confuse."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


def seconds(updates: Mapping[str, dict[str, Update]], say: Say) -> dict[str, dict[str, float]]:
    """Medians of the wall-clock of each one's updates, taken in turns."""
    times: dict[str, dict[str, list[float]]] = {who: {name: [] for name in own} for who, own in updates.items()}
    turns = [(who, name) for _ in range(REPEATS) for who, own in updates.items() for name in own]
    for done, (who, name) in enumerate(turns):
        say(f"timing {who}: {name} update", done, len(turns))
        began = time.perf_counter()
        updates[who][name]()
        times[who][name].append(time.perf_counter() - began)
    return {who: {name: statistics.median(found) for name, found in own.items()} for who, own in times.items()}


def compare(
    contender: Contender, baseline: Contender, say: Say = lambda what, done, total: None
) -> dict[str, dict[str, float]]:
    """Rows by name, each {contender, baseline}: parameters, NFE, FLOPs and milliseconds. A part of one alone is 0."""
    pair = {"contender": contender, "baseline": baseline}
    counts = {who: one.agent.parameter_counts() for who, one in pair.items()}
    parts = list(dict.fromkeys([*counts["contender"], *counts["baseline"]]))
    rows: dict[str, dict[str, float]] = {
        f"parameters: {part}": {who: counts[who].get(part, 0) for who in pair} for part in parts
    }
    rows["field evaluations per latent step"] = {who: one.agent.world_model.dynamics.nfe for who, one in pair.items()}
    say("counting operations", 0, 1)
    updates = {who: one.updates() for who, one in pair.items()}
    rows["FLOPs per imagined step"] = {who: flops(one.imagined_step()) for who, one in pair.items()}
    rows["FLOPs per training iteration"] = {
        who: sum(times * flops(updates[who][name]) for name, times in one.per_iteration().items())
        for who, one in pair.items()
    }
    names = {"contender": contender.cfg.dynamics.name, "baseline": f"{baseline.cfg.dynamics.name}, the baseline"}
    timed = seconds({names[who]: own for who, own in updates.items()}, say)
    measured = {who: timed[name] for who, name in names.items()}
    for name in ("model", "actor", "critic"):
        rows[f"ms per {name} update"] = {who: 1000 * measured[who][name] for who in pair}
    rows["ms of updates per iteration"] = {
        who: sum(1000 * times * measured[who][name] for name, times in one.per_iteration().items())
        for who, one in pair.items()
    }
    return rows


def how_to_match(dynamics: Mapping[str, Any]) -> str:
    """What makes a dynamics as big as the baseline, by its node of a config as it was typed."""
    if "units" not in dynamics:
        return f"{dynamics['name']} has no `units` that dynamics.units=match could solve for: change its own parameters"
    if dynamics["units"] == MATCH:
        return "it has the nearest widths there are (units=match); at a larger size= a unit is a smaller step"
    return "dynamics.units=match solves for equal capacity"


def difference(row: dict[str, float]) -> float | None:
    """contender / baseline − 1; None where the baseline has nothing."""
    return row["contender"] / row["baseline"] - 1 if row["baseline"] else None
