"""Runs the public PWM code's own training loop, one iteration for every line on stdin (started by public.py).

Its loop begins every iteration with a reset of its environment's gradients: there the environment waits for the next
line, and answers with the seconds since. The first updates on a full episode are left out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from public_code import Environment, make_agent

EPISODES = 64  # of at least a slice's length in its replay, before the first timed iteration
PARTS = {"actor": "actor training", "critic": "critic training", "targets": "prepare critic dataset"}
PARTS |= {"model": "world model training"}


class TimedEnvironment(Environment):
    """`turn` is called where an iteration begins."""

    def __init__(self, name: str, num_envs: int, device: str) -> None:
        from wmzoo.registry import build

        super().__init__(build("env", "gymnasium", task=name, num_envs=num_envs), 0, device)
        self.seconds = 0.0
        self.turn: Any = None
        self.warming = True  # with random actions, whose episodes are longer than those of a policy that saturates

    def reset(self, grads: bool = False) -> Any:
        if grads and self.turn is not None:
            self.turn()
        return super().reset(grads)

    def step(self, actions: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
        import torch

        began = time.perf_counter()
        found = super().step(2 * torch.rand_like(actions) - 1 if self.warming else actions)
        self.seconds += time.perf_counter() - began
        return found


def hold_back(agent: Any) -> None:
    """The buffer says that it is empty until there is enough to sample from: without an update, its loop acts on."""
    kind = type(agent.buffer)
    add = kind.add

    def counting(own: Any, episode: Any) -> Any:
        own.long = getattr(own, "long", 0) + (len(episode) > agent.horizon)
        return add(own, episode)

    kind.add = counting
    kind.num_eps = property(lambda own: own._num_eps if getattr(own, "long", 0) >= EPISODES else 0)


def serve(agent: Any, env: TimedEnvironment, updates: int, answer: Any) -> None:
    """Train; an answer for every line read."""
    state: dict[str, Any] = {}

    def totals() -> dict[str, float]:
        found = {part: agent.time_report.timers[name].time_total for part, name in PARTS.items()}
        return found | {"environment": env.seconds}

    def turn() -> None:
        now = time.perf_counter()
        if agent.buffer.num_eps == 0:
            return
        env.warming = False
        if state:
            spent = {name: value - state["totals"][name] for name, value in totals().items()}
            spent["critic"] += spent.pop("targets")
            spent["actor"] -= spent["environment"] + state["waited"]  # its timer runs while the loop waits here
            spent["model"] /= updates
            answer({"iteration": now - state["began"], **spent})
        else:
            answer({})
        if not sys.stdin.readline():
            os._exit(0)
        state["totals"], state["began"] = totals(), time.perf_counter()
        state["waited"] = state["began"] - now

    env.turn = turn
    agent.train()


def main() -> None:
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what it prints

    def answer(what: dict[str, float] | str) -> None:
        pipe.write(json.dumps(what) + "\n")

    checkout, order = Path(sys.argv[1]), json.loads(sys.argv[2])
    try:
        import torch

        torch.set_num_threads(order["threads"])
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            env = TimedEnvironment(order["env"], order["num_envs"], order["device"])
            agent = make_agent(checkout, env, order, folder)
            hold_back(agent)
            agent.wm_bootstrapped = True
            serve(agent, env, order["model_updates"], answer)
    except ImportError as error:
        answer(f"{sys.executable} lacks what it imports: {error}; name another Python with --pwm-python")
    except Exception as error:
        answer(f"it ended with {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
