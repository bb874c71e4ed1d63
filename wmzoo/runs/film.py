"""A policy filmed: one episode of it as a video, with a line of progress while it is drawn."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from wmzoo.agent.agent import Agent
from wmzoo.envs.build import build_env
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import evaluate
from wmzoo.reports.bar import Bar
from wmzoo.reports.pace import duration
from wmzoo.runs.video import VideoRecorder, steps_per_second


def why_no_video(cfg: DictConfig) -> str | None:
    """One line for a config whose environment cannot be drawn here."""
    with closing(build_env(cfg, num_envs=1)) as env:
        try:
            env.check_rendering()
        except WmzooError as error:
            return str(error)
    return None


def film(agent: Agent, cfg: DictConfig, seed: int, file: Path, say: Callable[[str], None] = print) -> bool:
    """One episode in the config's environment from `seed` on, as `file`; whether there is one now.

    say: takes a line before, and one after that says where the video is, or why there is none.
    """
    if why := why_no_video(cfg):
        say(f"no video: {why}")
        return False
    env, began = build_env(cfg, num_envs=1), time.monotonic()
    recorder = VideoRecorder(file, steps_per_second(env), say)
    most = math.ceil(env.episode_length / recorder.every)
    say(f"video: drawing an episode, up to {most} frames")
    with closing(env), Bar() as bar, recorder:
        recorder.drawn = partial(bar.at, "drawing frames", total=most)
        evaluation = evaluate(agent, env, seed, recorder=recorder)
    if not recorder.failed:
        say(f"video: {file} (return {evaluation.mean:.0f}, drawn in {duration(time.monotonic() - began)})")
    return not recorder.failed
