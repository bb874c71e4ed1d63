"""Stable-Baselines3's SAC for as many processor seconds as wmzoo's runs took: what a user would pick instead.

    wmzoo study run benchmarks/studies/standard.yaml         the runs beside which it is put
    pip install 'stable-baselines3>=2.9'
    python benchmarks/sac.py [--tasks TASK …] [--seeds N …]  those that are missing, two at a time with --workers 2
    python benchmarks/learning.py                            keeps them, and writes table and pictures

Its settings are those documented for continuous control: the defaults of `SAC("MlpPolicy")` (two critics and a policy
of [256, 256], batches of 256, one update an agent step, entropy adapted) after 10,000 random steps, as in the RL Zoo's
MuJoCo entries. It acts in one environment of wmzoo, with the same action repeat, on one thread, and is evaluated as
wmzoo's runs are. A run of it is written beside theirs, runs/studies/standard/TASK/sac/seedN.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from omegaconf import DictConfig, OmegaConf
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from wmzoo.config.composition import compose
from wmzoo.envs.base import VectorEnv
from wmzoo.envs.build import build_env, evaluation_seed
from wmzoo.evaluation.episodes import evaluate
from wmzoo.runs.metrics import MetricsWriter, read_metrics
from wmzoo.runs.provenance import facts
from wmzoo.storage.files import write_json, write_text
from wmzoo.storage.run_layout import FACTS, is_trained
from wmzoo.studies.grid import Study, folder_of, read_study

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "standard.yaml"
RUNS = HERE.parent / "runs" / "studies"
BESIDE, ARM = "mlp", "sac"
RANDOM_STEPS = 10_000
TASKS, SEEDS = ["walker_walk", "cheetah_run"], [0, 1, 2]


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


class Evaluations(BaseCallback):
    """An evaluation every so many agent steps, until the processor has worked for so many seconds."""

    def __init__(self, env: VectorEnv, seed: int, every: int, seconds: float, metrics: MetricsWriter) -> None:
        super().__init__()
        self.env, self.env_seed, self.every, self.seconds, self.metrics = env, seed, every, seconds, metrics
        self.began = time.perf_counter(), time.process_time()

    def _on_step(self) -> bool:
        spent = time.process_time() - self.began[1]
        if spent >= self.seconds or self.num_timesteps % self.every == 0:
            row = {"iteration": self.n_calls, "env_steps": self.num_timesteps}
            row |= evaluate(Deterministic(self.model), self.env, self.env_seed).row()
            row |= {"wall_clock": time.perf_counter() - self.began[0], "cpu_time": time.process_time() - self.began[1]}
            self.metrics.write(row)
        return spent < self.seconds


def train(cfg: DictConfig, folder: Path, seconds: float) -> None:
    """A run of SAC on the config's task, with the files that a run of wmzoo has."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").unlink(missing_ok=True)  # of one that was interrupted
    write_text(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create({"env": cfg.env, "seed": cfg.seed})))
    about = facts() | {"stable_baselines3": stable_baselines3.__version__, "seed": cfg.seed, "status": "running"}
    write_json(folder / FACTS, about)
    env = OneEnv(build_env(cfg, 1), cfg.seed)
    model = SAC("MlpPolicy", env, learning_starts=RANDOM_STEPS, seed=cfg.seed, device="cpu")
    metrics = MetricsWriter(folder / "metrics.jsonl")
    every = cfg.eval.every * cfg.env.num_envs * cfg.trainer.horizon  # as wmzoo's runs
    seen = Evaluations(build_env(cfg, cfg.eval.episodes), evaluation_seed(cfg), every, seconds, metrics)
    model.learn(2**62, callback=seen)
    metrics.close()
    write_json(folder / FACTS, about | {"status": "done", "wall_clock": time.perf_counter() - seen.began[0]})


def run_all(study: Study, tasks: Sequence[str], seeds: Sequence[int], workers: int) -> None:
    """Each run in a process of its own; those that are finished are kept."""

    def run(task: str, seed: int) -> None:
        if not is_trained(folder_of(study, RUNS) / task / ARM / f"seed{seed}"):
            subprocess.run([sys.executable, __file__, "--tasks", task, "--seeds", str(seed), "--here"], check=True)
            print(f"{task}, seed {seed}: done", flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, *zip(*((task, seed) for seed in seeds for task in tasks), strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=TASKS, metavar="TASK", help=f"left out: {' '.join(TASKS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, metavar="N")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    parser.add_argument("--here", action="store_true", help="one run, of one task and seed, in this process")
    args = parser.parse_args()
    if args.here and (len(args.tasks), len(args.seeds)) != (1, 1):
        parser.error("--here takes one task and one seed")
    study = read_study(str(STUDY))
    if not args.here:
        run_all(study, args.tasks, args.seeds, args.workers)
        return
    task, seed = args.tasks[0], args.seeds[0]
    runs = folder_of(study, RUNS) / task
    beside = runs / BESIDE / f"seed{seed}"
    if not is_trained(beside):
        raise SystemExit(f"{beside}: not trained yet; its processor seconds are what SAC gets")
    seconds = read_metrics(beside)[-1]["cpu_time"]
    cfg = compose([*study.shared, *study.tasks[task], f"seed={seed}"])
    train(cfg, runs / ARM / f"seed{seed}", seconds)


if __name__ == "__main__":
    main()
