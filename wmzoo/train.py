"""One training run from a composed config: the trainer inside a run folder, shown while it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from wmzoo import checkpoints
from wmzoo.agent import Agent
from wmzoo.build import arithmetic, build_env, build_trainer, device_of, evaluation_seed
from wmzoo.errors import RunFailed, RunInterrupted, WmzooError
from wmzoo.evaluation import Evaluation, evaluate
from wmzoo.runs import Progress, Run, atomic
from wmzoo.runs.video import VideoRecorder, frames_per_second


def train(cfg: DictConfig) -> Path:
    """Train to the end and give the run folder: metrics, checkpoints, the learning curve and a video.

    Raises WmzooError for a config from which nothing can be built, RunFailed when the run cannot go on, and
    RunInterrupted on Ctrl-C; the last two name the last checkpoint.
    """
    with arithmetic(cfg) as threads:
        return _train(cfg, threads)


def _train(cfg: DictConfig, threads: int) -> Path:
    with Run(None, cfg) as run, Progress(cfg.trainer.iterations, title=run.folder.name) as progress:
        progress.message(f"run folder: {run.folder}")
        try:
            trainer = build_trainer(cfg, lambda agent: RunRecorder(run, progress, agent))
        except ValueError as error:  # a part that was given a parameter it does not take
            raise WmzooError(str(error)) from error
        no_video = why_no_video(cfg)
        if no_video:
            progress.message(no_video)
        run.note(threads=threads, device=str(device_of(cfg)))
        try:
            trainer.run()
        except KeyboardInterrupt as error:
            raise RunInterrupted(f"interrupted; {_last_checkpoint(run.folder)}") from error
        except Exception as error:
            what = str(error) if isinstance(error, WmzooError) else f"{type(error).__name__}: {error}"
            where = f"iteration {run.iteration + 1}"
            raise RunFailed(f"{what}, in {where}; {_last_checkpoint(run.folder)}") from error
    if not no_video:
        print(record_video(run.folder, run.folder / "video.mp4"))
    print(f"learning curve: {run.folder / 'learning_curve.png'}\nmetrics: {run.folder / 'metrics.csv'}")
    return run.folder


class RunRecorder:
    """Writes what a trainer reports into a run folder, and shows it."""

    def __init__(self, run: Run, progress: Progress, agent: Agent) -> None:
        self.run, self.progress, self.agent = run, progress, agent
        counts = agent.parameter_counts()
        nfe = getattr(agent.world_model.dynamics, "nfe", None)
        run.note(parameters=counts, **({} if nfe is None else {"nfe_per_latent_step": nfe}))
        progress.message("parameters: " + ", ".join(f"{part} {count:,}" for part, count in counts.items()))

    def log(self, row: Mapping[str, Any]) -> None:
        self.run.log(row)
        self.progress.update(row)

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        """Every episode, in eval/<iteration>.json; `wmzoo evaluate` puts episodes and seed in its own names."""
        when = {"iteration": iteration, "env_steps": env_steps, "seed": evaluation_seed(self.run.cfg)}
        result = when | {"mean": evaluation.mean, "std": evaluation.std} | asdict(evaluation)
        folder = self.run.folder / "eval"
        folder.mkdir(exist_ok=True)
        atomic.write_text(folder / f"{iteration:08d}.json", json.dumps(result, indent=2) + "\n")

    def checkpoint(self, iteration: int, env_steps: int) -> None:
        agent, cfg = self.agent, self.run.cfg
        checkpoints.save_in_run(
            self.run.folder, agent, cfg, agent.obs_dim, agent.act_dim,
            iteration=iteration, env_steps=env_steps, keep=cfg.save.keep,
        )  # fmt: skip


def why_no_video(cfg: DictConfig) -> str | None:
    """One line for a config whose environment cannot be drawn here."""
    env = build_env(cfg, num_envs=1)
    try:
        env.check_rendering()
    except WmzooError as error:
        return f"no video at the end: {error}"
    finally:
        env.close()
    return None


def record_video(run_folder: Path, file: Path) -> str:
    """One episode of the newest checkpoint as a video. Gives a line that says where it is, or why there is none."""
    agent = checkpoints.load(run_folder)
    env = build_env(agent.cfg, num_envs=1)
    lines: list[str] = []
    with VideoRecorder(file, frames_per_second(env), say=lines.append) as recorder:
        evaluation = evaluate(agent, env, evaluation_seed(agent.cfg), recorder=recorder)
    env.close()
    return lines[0] if recorder.failed else f"video: {file} (return {evaluation.mean:.0f})"


def _last_checkpoint(run_folder: Path) -> str:
    found = checkpoints.list_checkpoints(run_folder)
    return f"last checkpoint: {found[-1]}" if found else "no checkpoint had been written yet"
