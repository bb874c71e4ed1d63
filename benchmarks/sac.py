"""Stable-Baselines3's SAC for as many processor seconds as wmzoo's runs took: what a user would pick instead.

    wmzoo study run benchmarks/studies/standard.yaml         the runs beside which it is put
    pip install 'stable-baselines3>=2.9'
    python benchmarks/sac.py [--tasks TASK …] [--seeds N …]  those that are missing, two at a time with --workers 2
    python benchmarks/learning.py                            keeps them, and writes table and pictures

Its settings are those documented for continuous control: the defaults of `SAC("MlpPolicy")` (two critics and a policy
of [256, 256], batches of 256, one update an agent step, entropy adapted) after 10,000 random steps, as in the RL Zoo's
MuJoCo entries. It acts in one environment of wmzoo, with the same action repeat; what else the runs share is said in
beside.py.
"""

from __future__ import annotations

from typing import Any

import beside
import gymnasium
import numpy as np
import stable_baselines3
import torch
from omegaconf import DictConfig
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from wmzoo.envs.base import VectorEnv
from wmzoo.envs.build import build_env

ARM = "sac"
RANDOM_STEPS = 10_000


class OneEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """The one environment of a VectorEnv, for Gymnasium; it begins its next episode by itself."""

    def __init__(self, env: VectorEnv, seed: int) -> None:
        self.env, self.obs = env, env.reset(seed)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (env.obs_dim,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (env.act_dim,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        return self.obs[0].numpy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        moved = self.env.step(torch.from_numpy(action).unsqueeze(0))
        self.obs = moved.obs
        ends = bool(moved.terminated[0]), bool(moved.truncated[0])
        return moved.final_obs[0].numpy(), float(moved.reward[0]), *ends, {}


class Deterministic:
    """SAC's policy without noise, as `evaluate` asks for it."""

    def __init__(self, model: SAC) -> None:
        self.model = model

    def act(self, obs: Tensor, task: Tensor | None = None, deterministic: bool = True) -> Tensor:
        return torch.from_numpy(self.model.predict(obs.numpy(), deterministic=deterministic)[0])


class Watched(BaseCallback):
    """Shows the policy to the watch after every step, and goes on until it says to stop."""

    def __init__(self, watch: beside.Watch) -> None:
        super().__init__()
        self.watch = watch

    def _on_step(self) -> bool:
        return not self.watch.look(Deterministic(self.model), self.n_calls, self.num_timesteps)


def train(cfg: DictConfig, watch: beside.Watch) -> None:
    env = OneEnv(build_env(cfg, 1), cfg.seed)
    model = SAC("MlpPolicy", env, learning_starts=RANDOM_STEPS, seed=cfg.seed, device="cpu")
    watch.clock.start()
    model.learn(2**62, callback=Watched(watch))


def main() -> None:
    args = beside.arguments(__doc__).parse_args()
    about = {"stable_baselines3": stable_baselines3.__version__}
    beside.run(ARM, train, args, "python benchmarks/sac.py", about)


if __name__ == "__main__":
    main()
