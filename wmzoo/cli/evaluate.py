"""`wmzoo evaluate RUN`: the deterministic policy of a run or a checkpoint over whole episodes.

With the run's own number of episodes and seed it repeats the evaluation recorded for that iteration exactly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmzoo.cli._arguments import at_least
from wmzoo.errors import WmzooError, about_file

if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    from wmzoo.agent.agent import Agent

GROUP = "first hour"
Result = dict[str, Any]
NEEDED = ("seed", "device", "threads", "model.latent_dim", "eval.episodes", "env.name")  # of the config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a run folder (its newest checkpoint), a checkpoint, or a name of the catalogue",
    )
    parser.add_argument("--episodes", type=int, metavar="N", help="default: eval.episodes of the run")
    parser.add_argument("--seed", type=int, metavar="S", help="default: the run's own evaluation seed")
    parser.add_argument(
        "--device", metavar="D", help="auto, cpu or cuda; default: the run's, or cpu where that is missing"
    )
    parser.add_argument("--video", type=Path, metavar="FILE.mp4", help="record the first episode")
    parser.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    parser.add_argument(
        "--tasks", metavar="TASKS", help="a table of these tasks' scores: mt30, mt80, or names with commas between them"
    )
    parser.add_argument("--published", action="store_true", help="with --tasks mt30 or mt80: published scores beside")


def run(args: argparse.Namespace) -> int:
    at_least(args, episodes=1, seed=0)
    if args.video is not None:
        args.video.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(args.video.parent, os.W_OK):
            raise WmzooError(f"--video {args.video}: its folder cannot be written to; choose another place")
    if args.tasks is not None:
        return run_tasks(args)
    if args.published or len(args.paths) > 1:
        raise WmzooError("several runs, or --published, make a table of tasks: --tasks mt30, say")
    bundle, agent, cfg = load_policy(args.paths[0], args.device)
    result = evaluate_bundle(bundle, agent, cfg, args.episodes, args.seed)
    if not args.json:
        print(describe(result), flush=True)
    if args.video is not None:
        say = partial(print, file=sys.stderr) if args.json else print
        result["video"] = str(args.video) if draw(agent, cfg, result["seed"], args.video, say) else None
    if args.json:
        print(json.dumps(result, indent=2))
    return 0


def run_tasks(args: argparse.Namespace) -> int:
    """The table of --tasks."""
    from wmzoo.envs.task_sets import task_set
    from wmzoo.evaluation import table
    from wmzoo.evaluation.published import PUBLISHED
    from wmzoo.evaluation.tasks import aggregate, play

    if args.video is not None:
        raise WmzooError("--video films one run, without --tasks")
    chosen = args.tasks.lower() if args.tasks.lower() in PUBLISHED else args.tasks.split(",")
    if args.published and isinstance(chosen, list):
        raise WmzooError(f"--published knows {' and '.join(PUBLISHED)}, not the set {args.tasks}")
    tasks = task_set(chosen)
    agents = {path: load_policy(path, args.device)[1] for path in args.paths}
    episodes = args.episodes or int(agents[args.paths[0]].cfg.eval.episodes)
    say = (lambda line: None) if args.json else (lambda line: print(line, file=sys.stderr))
    played = list(play(agents, tasks, episodes, args.seed, say))
    found = aggregate(played)
    if args.json:
        print(json.dumps(table.as_json(played, found, tasks), indent=2))
    else:
        print(table.as_text(played, found, tasks, chosen if args.published and isinstance(chosen, str) else None))
    return 0


def load_policy(path: Path, device: str | None) -> tuple[Path, Agent, DictConfig]:
    """The bundle that `path` means, its agent on a device, and its config. WmzooError for a model alone."""
    from wmzoo.agent.load import load
    from wmzoo.checkpoints.config import check_config, load_config
    from wmzoo.checkpoints.find import locate

    bundle = locate(path)
    agent = load(bundle)
    if agent.actor is None:
        raise WmzooError(f"{bundle}: holds a world model alone, without a policy to evaluate")
    cfg = load_config(bundle)
    check_config(bundle, cfg, NEEDED)
    return bundle, agent.to(choose_device(cfg, device)), cfg


def draw(agent: Agent, cfg: DictConfig, seed: int, file: Path, say: Callable[[str], None]) -> bool:
    """The first episode of an evaluation as a video; whether there is one."""
    from wmzoo.compute.device import arithmetic
    from wmzoo.runs.film import film

    with arithmetic(cfg):
        return film(agent, cfg, seed, file, say)


def evaluate_bundle(bundle: Path, agent: Agent, cfg: DictConfig, episodes: int | None, seed: int | None) -> Result:
    """Evaluates its agent; for a bundle inside a run, also writes RUN/eval/….json."""
    from wmzoo.checkpoints.find import run_of
    from wmzoo.compute.device import arithmetic
    from wmzoo.envs.build import build_env, evaluation_seed
    from wmzoo.envs.task_sets import task_of
    from wmzoo.evaluation.episodes import evaluate

    episodes = episodes if episodes is not None else int(cfg.eval.episodes)
    own_seed = evaluation_seed(cfg)
    seed = seed if seed is not None else own_seed
    env = build_env(cfg, num_envs=episodes)
    with closing(env), arithmetic(cfg):
        evaluation = evaluate(agent, env, seed)
    result: Result = {
        "checkpoint": str(bundle),
        "iteration": cfg.checkpoint.iteration,
        "env_steps": cfg.checkpoint.env_steps,
        "task": task_of(cfg.env),
        "episodes": episodes,
        "seed": seed,
        "mean": evaluation.mean,
        "std": evaluation.std,
        "success": evaluation.success,
        "success_any": evaluation.success_any,
        "returns": list(evaluation.returns),
        "lengths": list(evaluation.lengths),
        "successes": None if evaluation.successes is None else list(evaluation.successes),
        "video": None,
    }
    run_folder = run_of(bundle)
    if run_folder is not None:
        own = episodes == cfg.eval.episodes and seed == own_seed
        result["recorded"] = recorded_return(run_folder, cfg.checkpoint.iteration) if own else None
        try:
            write_result(run_folder, result)
        except OSError as error:  # somebody else's run, perhaps
            print(f"wmzoo: the result is not kept in the run: {about_file(error)}", file=sys.stderr)
    return result


def choose_device(cfg: DictConfig, asked: str | None) -> torch.device:
    """The asked one, which must exist; else the run's, or the CPU with a line on stderr where that does not exist."""
    import torch

    from wmzoo.compute.device import device_of

    if asked is not None:
        cfg.device = asked
        return device_of(cfg)
    try:
        return device_of(cfg)
    except WmzooError:
        print(f"wmzoo: the run's device={cfg.device} is not on this machine; evaluating on cpu", file=sys.stderr)
        return torch.device("cpu")


def recorded_return(run_folder: Path, iteration: int | None) -> float | None:
    """The evaluation's mean return that the training itself logged at this iteration, if it did one."""
    from wmzoo.runs.metrics import read_metrics

    rows = [row for row in read_metrics(run_folder) if row.get("iteration") == iteration]
    return rows[-1].get("eval_return") if rows else None


def write_result(run_folder: Path, result: Result) -> None:
    """Into the run's eval/, beside the evaluations of its training."""
    from wmzoo.storage.files import make_folder, write_json
    from wmzoo.storage.run_layout import EVALUATIONS, evaluation_file

    make_folder(run_folder, EVALUATIONS)
    write_json(evaluation_file(run_folder, result["iteration"], result["episodes"], result["seed"]), result)


def describe(result: Result) -> str:
    """The result in a few lines for a reader."""
    returns, episodes = result["returns"], result["episodes"]
    count = f"{episodes} episode{'s' if episodes > 1 else ''}"
    lines = [
        f"{result['task']}: return {result['mean']:.2f} ± {result['std']:.2f} over {count}"
        f" (min {min(returns):.2f}, max {max(returns):.2f})",
        "episodes: " + " ".join(f"{value:.2f}" for value in returns),
    ]
    if result["success"] is not None:
        lines.append(
            f"success: {100 * result['success']:.0f} % of the episodes at their last step, "
            f"{100 * result['success_any']:.0f} % at any step"
        )
    if result.get("recorded") is not None:
        same = "the same" if result["recorded"] == result["mean"] else f"but it is {result['mean']} here"
        lines.append(f"recorded by the run at iteration {result['iteration']}: {result['recorded']} ({same})")
    return "\n".join([*lines, f"checkpoint: {result['checkpoint']}"])
