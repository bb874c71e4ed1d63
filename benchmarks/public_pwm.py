"""The public PWM code for as many processor seconds as wmzoo's runs took, from a checkout of it at PATH.

    wmzoo study run benchmarks/studies/standard.yaml                     the runs beside which it is put
    pip install torchrl tensordict
    python benchmarks/public_pwm.py PATH [--tasks TASK …] [--seeds N …]  those that are missing
    python benchmarks/learning.py                                        keeps them, and writes table and pictures

Its own training loop and configuration, with the sizes, environments and counts of updates of `recipe=paper`; its
learning rates fall linearly, as its schedule has them, over the seconds that it has. public_code.py says what is stood
in for; what else the runs share is said in beside.py.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import redirect_stdout, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import beside
import torch
from omegaconf import DictConfig
from public_code import Environment, make_agent, order
from torch import Tensor

from wmzoo.envs.build import build_env

ARM = "public_pwm"
SIZES = ("recipe=paper",)  # whose counts of updates are its own


class Deterministic:
    """Its policy without noise, on the encoding of every real observation: its own evaluation plays inside its model
    and does not run."""

    def __init__(self, agent: Any) -> None:
        self.agent = agent

    def act(self, obs: Tensor, task: Tensor | None = None, deterministic: bool = True) -> Tensor:
        return torch.tanh(self.agent.actor(self.agent.wm.encode(obs, task), deterministic=deterministic))


class Over(Exception):
    """The seconds have gone by."""


class Watched(Environment):
    """Shows the policy to the watch before the first step of every iteration; raises Over when it says to stop."""

    def __init__(self, cfg: DictConfig, watch: beside.Watch) -> None:
        super().__init__(build_env(cfg), cfg.seed, "cpu")
        self.horizon, self.watch, self.steps = cfg.trainer.horizon, watch, 0

    def step(self, actions: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
        iteration, first = divmod(self.steps, self.horizon)
        if not first:
            if self.watch.look(Deterministic(self.agent), iteration, self.steps * self.num_envs):
                raise Over
            if iteration:
                self.agent.max_epochs = iteration * self.watch.seconds / self.watch.clock.cpu
        self.steps += 1
        return super().step(actions)

    def train(self, agent: Any) -> None:
        """Its own loop, which takes a share `iteration / max_epochs` of the way down for its learning rates."""
        self.agent = agent
        self.watch.clock.start()
        with suppress(Over):
            agent.train()


def train(checkout: Path, cfg: DictConfig, watch: beside.Watch) -> None:
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        torch.manual_seed(cfg.seed)
        env = Watched(cfg, watch)
        env.train(make_agent(checkout, env, order(cfg), folder))


def main() -> None:
    parser = beside.arguments(__doc__)
    parser.add_argument("checkout", type=Path, metavar="PATH")
    args = parser.parse_args()
    if not (args.checkout / "src" / "pwm").is_dir():
        parser.error(f"{args.checkout} is no checkout of it: src/pwm is not there")
    asked = subprocess.run(["git", "-C", args.checkout, "rev-parse", "HEAD"], capture_output=True, text=True)
    about = {"public_pwm": asked.stdout.strip() or None, "torchrl": version("torchrl")}
    beside.run(ARM, partial(train, args.checkout), args, "python benchmarks/public_pwm.py PATH", about, SIZES)


if __name__ == "__main__":
    main()
