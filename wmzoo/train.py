"""One training run from a composed config: the trainer inside a run folder, shown while it goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from wmzoo import checkpoints, values
from wmzoo.agent import Agent
from wmzoo.arithmetic import arithmetic, device_of
from wmzoo.build import build_env, build_trainer, evaluation_seed
from wmzoo.bundle_config import CONFIG, check_config, load_config, load_known_plugins, plugins_hint
from wmzoo.distributed import process_group, world
from wmzoo.errors import DamagedFile, RunFailed, RunInterrupted, WmzooError, one_line
from wmzoo.evaluation import Evaluation, evaluate
from wmzoo.registry import get, list_entries
from wmzoo.runs import Progress, Run, atomic
from wmzoo.runs.interrupt import stop_on_interrupt
from wmzoo.runs.state import has_state, load_state
from wmzoo.runs.video import VideoRecorder, frames_per_second
from wmzoo.trainers.base import Trainer


def train(cfg: DictConfig) -> Path:
    """Train to the end and give the run folder: metrics, checkpoints, the learning curve and a video.

    Raises WmzooError for a config from which nothing can be built, RunFailed when the run cannot go on, and
    RunInterrupted on Ctrl-C; the last two name the last checkpoint.
    """
    return _run(cfg)


def resume(folder: Path | str) -> Path:
    """Go on with an unfinished run from its newest checkpoint, bit for bit on a CPU, and give its folder.

    Rows of metrics.jsonl written after that checkpoint are cut first. Raises what `train` raises, and WmzooError where
    there is nothing to go on from or another process has the folder.
    """
    folder = Path(folder)
    found = [bundle for bundle in checkpoints.list_checkpoints(folder) if has_state(bundle)]
    if not found:
        raise WmzooError(f"{folder}: {_why_nothing(folder)}")
    bundle = found[-1]
    try:
        cfg, state = load_config(bundle), load_state(bundle)
    except DamagedFile as error:
        before = f"go on from {found[-2]}" if found[1:] else "start the run anew"
        raise DamagedFile(f"{error}; remove {bundle} to {before}") from error
    load_known_plugins(cfg)
    check_config(bundle, cfg, values.every(cfg))
    if cfg.checkpoint.iteration is None:
        raise WmzooError(f"{bundle / CONFIG}: its checkpoint.iteration is missing")
    return _run(cfg, folder, bundle, state)


def _why_nothing(folder: Path) -> str:
    """Why there is nothing to go on from, and what to do."""
    if run := checkpoints.run_of(folder):
        return f"a checkpoint of a run; `wmzoo resume {run}` goes on with that run, from its newest one"
    if checkpoints.is_bundle(folder) or str(folder) in list_entries("checkpoint"):
        return f"weights without a trainer's state; `wmzoo train init_from={folder}` starts a run with them"
    if not folder.is_dir():
        return "no such folder"
    return "no checkpoint of a run to go on from; start it anew with `wmzoo train`"


def _run(
    cfg: DictConfig, folder: Path | None = None, bundle: Path | None = None, state: dict[str, Any] | None = None
) -> Path:
    """A new run, or the one in `folder` from `bundle` and its trainer's state on."""
    _check_world(cfg)
    with arithmetic(cfg) as threads, process_group(device_of(cfg)):
        if world().rank:
            return _follow(cfg, bundle, state or {})
        return _lead(cfg, threads, folder, bundle, state or {})


def _lead(cfg: DictConfig, threads: int, folder: Path | None, bundle: Path | None, state: dict[str, Any]) -> Path:
    """The part of the first of several processes, or of the only one: it learns, reports and writes."""
    start = None if bundle is None else int(cfg.checkpoint.iteration)
    with (
        Run(folder, cfg, resumed=start) as run,
        Progress(cfg.trainer.iterations, start=start or 0, title=run.folder.name) as progress,
        stop_on_interrupt(progress.message) as stop_requested,
    ):
        progress.message(f"run folder: {run.folder}")
        recorder = RunRecorder(run, progress, stop_requested)
        trainer = _resumed_trainer(cfg, recorder, bundle, state) if bundle else _new_trainer(cfg, recorder)
        filmed = "policy" in get("trainer", cfg.trainer.name).needs
        no_video = why_no_video(cfg) if filmed else None
        if no_video:
            progress.message(no_video)
        where = {"threads": threads, "device": str(device_of(cfg))}
        if bundle:
            run.go_on()
            progress.message(f"goes on after iteration {start}{run.differences(where)}")
        run.note(**where, parameters=recorder.parameters, **recorder.nfe)
        _train(trainer, run)
        if stop_requested():
            raise RunInterrupted(f"interrupted after iteration {run.iteration}; {_how_to_go_on(run)}")
    if filmed and not no_video:
        print(record_video(run.folder, run.folder / "video.mp4"))
    print(f"learning curve: {run.folder / 'learning_curve.png'}\nmetrics: {run.folder / 'metrics.csv'}")
    return run.folder


def _check_world(cfg: DictConfig) -> None:
    """WmzooError where torchrun has started several processes for a trainer that runs in one."""
    if world().size > 1 and not get("trainer", cfg.trainer.name).facts.get("distributed"):
        able = [name for name in list_entries("trainer") if get("trainer", name).facts.get("distributed")]
        raise WmzooError(
            f"trainer={cfg.trainer.name} runs in one process; torchrun starts several of {', '.join(able)}"
        )


def _follow(cfg: DictConfig, bundle: Path | None, state: dict[str, Any]) -> Path:
    """The part of a process that is not the first of several: it learns, and reports and writes nothing."""
    with stop_on_interrupt(lambda text: None) as stop_requested:
        recorder = SilentRecorder(stop_requested)
        trainer = _resumed_trainer(cfg, recorder, bundle, state) if bundle else _new_trainer(cfg, recorder)
        trainer.run()
        if stop_requested():
            raise RunInterrupted("interrupted")
    return Path()


def _train(trainer: Trainer, run: Run) -> None:
    """Run it; whatever ends it early is told with the iteration and the last checkpoint."""
    try:
        trainer.run()
    except KeyboardInterrupt as error:
        raise RunInterrupted(f"interrupted; {_how_to_go_on(run)}") from error
    except RunFailed as error:  # resumed, it would come to the same
        raise RunFailed(f"{error}, in iteration {run.iteration + 1}; {_last_checkpoint(run)}") from error
    except Exception as error:
        what = str(error) if isinstance(error, WmzooError) else f"{type(error).__name__}: {error}"
        raise RunFailed(f"{what}, in iteration {run.iteration + 1}; {_how_to_go_on(run)}") from error


def _new_trainer(cfg: DictConfig, recorder: RunRecorder | SilentRecorder) -> Trainer:
    try:
        return build_trainer(cfg, recorder.of)
    except (ValueError, MemoryError, OmegaConfBaseException) as error:  # parameters that a part does not take
        raise WmzooError(one_line(error)) from error


def _resumed_trainer(
    cfg: DictConfig, recorder: RunRecorder | SilentRecorder, bundle: Path, state: dict[str, Any]
) -> Trainer:
    """The config's trainer, in the state that `bundle` holds."""
    cfg = cfg.copy()
    cfg.init_from = None  # its weights are in the bundle, and the file may be gone
    try:
        trainer = _new_trainer(cfg, recorder)
    except (WmzooError, OmegaConfBaseException) as error:
        raise WmzooError(f"{bundle}: {one_line(error, 2)}{plugins_hint(cfg)}") from error
    try:
        trainer.load_state_dict(state)
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError, WmzooError) as error:
        raise WmzooError(f"{bundle}: does not fit the run's config, or this version: {one_line(error, 2)}") from error
    return trainer


class RunRecorder:
    """Writes what a trainer reports into a run folder, and shows it."""

    def __init__(self, run: Run, progress: Progress, stop_requested: Callable[[], bool]) -> None:
        self.run, self.progress, self.stop_requested = run, progress, stop_requested

    def of(self, agent: Agent) -> RunRecorder:
        """This recorder, as that of `agent`'s run."""
        self.agent = agent
        self.parameters = agent.parameter_counts()
        nfe = getattr(agent.world_model.dynamics, "nfe", None)
        self.nfe = {} if nfe is None else {"nfe_per_latent_step": nfe}
        counts = ", ".join(f"{part} {count:,}" for part, count in self.parameters.items())
        self.progress.message(f"parameters: {counts}")
        return self

    def preparing(self, what: str, done: int, total: int) -> None:
        self.progress.preparing(what, done, total)

    def log(self, row: Mapping[str, Any]) -> None:
        self.run.log(row)
        self.progress.update(row)

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        """Every episode, in eval/<iteration>.json; `wmzoo evaluate` puts episodes and seed in its own names."""
        when = {"iteration": iteration, "env_steps": env_steps, "seed": evaluation_seed(self.run.cfg)}
        means = {name: getattr(evaluation, name) for name in ("mean", "std", "success", "success_any")}
        result = when | means | asdict(evaluation)
        folder = self.run.folder / "eval"
        folder.mkdir(exist_ok=True)
        atomic.write_text(folder / f"{iteration:08d}.json", json.dumps(result, indent=2) + "\n")

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None:
        agent, cfg = self.agent, self.run.cfg
        checkpoints.save_in_run(
            self.run.folder, agent, cfg, agent.obs_dim, agent.act_dim,
            iteration=iteration, env_steps=env_steps, keep=cfg.save.keep, state=state,
        )  # fmt: skip


class SilentRecorder:
    """Keeps nothing of what a trainer reports."""

    def __init__(self, stop_requested: Callable[[], bool]) -> None:
        self.stop_requested = stop_requested

    def of(self, agent: Agent) -> SilentRecorder:
        return self

    def preparing(self, what: str, done: int, total: int) -> None: ...

    def log(self, row: Mapping[str, Any]) -> None: ...

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None: ...

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None: ...


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


def _last_checkpoint(run: Run) -> str:
    found = checkpoints.list_checkpoints(run.folder)
    return f"last checkpoint: {found[-1]}" if found else "no checkpoint had been written yet"


def _how_to_go_on(run: Run) -> str:
    """The last checkpoint, and the command that goes on from it."""
    if not any(has_state(bundle) for bundle in checkpoints.list_checkpoints(run.folder)):
        return _last_checkpoint(run)
    plugins = "".join(f" --plugin {file}" for file in run.cfg.get("plugins") or [])
    return f"{_last_checkpoint(run)}; `wmzoo resume {run.folder}{plugins}` goes on from it"
