"""One training run from a composed config: the trainer inside a run folder, shown while it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wmzoo.agent.load import load
from wmzoo.checkpoints.config import CONFIG, check_config, load_config, load_known_plugins, plugins_hint
from wmzoo.checkpoints.find import is_bundle, list_checkpoints, run_of
from wmzoo.checkpoints.state import has_state, open_state, read
from wmzoo.compute.device import arithmetic, device_of
from wmzoo.compute.distributed import process_group, world
from wmzoo.config import rules
from wmzoo.envs.build import evaluation_seed
from wmzoo.errors import DamagedFile, RunFailed, RunInterrupted, WmzooError, named, one_line
from wmzoo.registry import get, list_entries
from wmzoo.runs import Progress, Run
from wmzoo.runs.film import film, why_no_video
from wmzoo.runs.interrupt import stop_on_interrupt
from wmzoo.runs.outcome import outcome
from wmzoo.runs.recorder import RunRecorder, SilentRecorder
from wmzoo.storage.foreign import read_config
from wmzoo.storage.run_layout import is_trained
from wmzoo.trainers.base import Trainer
from wmzoo.trainers.build import build_trainer, check_given


def train(cfg: DictConfig) -> Path:
    """Train to the end and give the run folder: metrics, checkpoints, the learning curve and a video.

    Raises WmzooError for a config from which nothing can be built, RunFailed when the run cannot go on, and
    RunInterrupted on Ctrl-C; the last two name the last checkpoint.
    """
    check_given(cfg)
    return _run(cfg)


def resume(folder: Path | str, iterations: int | None = None) -> Path:
    """Go on with an unfinished run from its newest checkpoint, bit for bit on a CPU, and give its folder.

    Rows of metrics.jsonl written after that checkpoint are cut first. A finished run is left as it is. Raises what
    `train` raises, and WmzooError where there is nothing to go on from or another process has the folder.

    iterations: `trainer.iterations` from now on, of a finished run too; what becomes of the learning rates is said.
    """
    folder = Path(folder)
    found = [bundle for bundle in list_checkpoints(folder) if has_state(bundle)]
    if not found:
        raise WmzooError(f"{folder}: {_why_nothing(folder)}")
    bundle = found[-1]
    try:
        cfg = load_config(bundle)
        if iterations is None and (said := _already_finished(folder, cfg)):
            print(said)
            return folder
        state = open_state(bundle)
    except DamagedFile as error:
        before = f"go on from {found[-2]}" if found[1:] else "start the run anew"
        raise DamagedFile(f"{error}; remove {bundle} to {before}") from error
    load_known_plugins(cfg)
    check_config(bundle, cfg, rules.every(cfg))
    done, planned = cfg.checkpoint.iteration, cfg.trainer.get("iterations")
    if done is None:
        raise WmzooError(f"{bundle / CONFIG}: its checkpoint.iteration is missing")
    if iterations is None:
        iterations = _asked_for_before(folder, done, planned)
    if iterations is not None:
        if planned is None:
            raise WmzooError(f"{folder}: trainer={cfg.trainer.name} has no iterations to change")
        if iterations <= done:
            raise WmzooError(f"{folder}: {done} iterations are done; trainer.iterations={iterations} must be more")
        cfg.trainer.iterations = iterations
        check_config(bundle, cfg)
    return _run(cfg, folder, bundle, state, planned)


def _already_finished(folder: Path, cfg: DictConfig) -> str:
    """A line about a run that has come to its end; empty for any other."""
    done, planned = cfg.checkpoint.iteration, OmegaConf.select(cfg, "trainer.iterations")
    if not is_trained(folder) or type(planned) is not int or (done or 0) < planned:
        return ""
    return f"{folder}: already finished, {done} iterations; `wmzoo resume {folder} trainer.iterations=N` trains on to N"


def _asked_for_before(folder: Path, done: int, planned: Any) -> int | None:
    """Other `trainer.iterations` than the checkpoint's, of a resume that was killed before its own first checkpoint."""
    try:
        trainer = read_config(folder / CONFIG).get("trainer")
    except WmzooError:
        return None
    found = trainer.get("iterations") if isinstance(trainer, dict) else None
    return found if type(found) is int and found > done and found != planned else None


def _why_nothing(folder: Path) -> str:
    """Why there is nothing to go on from, and what to do."""
    if run := run_of(folder):
        return f"a checkpoint of a run; `wmzoo resume {run}` goes on with that run, from its newest one"
    if is_bundle(folder) or str(folder) in list_entries("checkpoint"):
        return f"weights without a trainer's state; `wmzoo train init_from={folder}` starts a run with them"
    if not folder.is_dir():
        return "no such folder"
    return "no checkpoint of a run to go on from; start it anew with `wmzoo train`"


def _run(
    cfg: DictConfig,
    folder: Path | None = None,
    bundle: Path | None = None,
    state: dict[str, Any] | None = None,
    planned: int | None = None,
) -> Path:
    """A new run, or the one in `folder` from `bundle` and its trainer's state on; planned: its iterations until now."""
    _check_world(cfg)
    with arithmetic(cfg) as threads, process_group(device_of(cfg)):
        if world().rank:
            return _follow(cfg, bundle, state or {})
        return _lead(cfg, threads, folder, bundle, state or {}, planned)


def _lead(
    cfg: DictConfig,
    threads: int,
    folder: Path | None,
    bundle: Path | None,
    state: dict[str, Any],
    planned: int | None,
) -> Path:
    """The part of the first of several processes, or of the only one: it learns, reports and writes."""
    start = None if bundle is None else int(cfg.checkpoint.iteration)
    with (
        Run(folder, cfg, resumed=start) as run,
        Progress(cfg.trainer.iterations, start=start or 0) as progress,
        stop_on_interrupt(progress.message) as stop_requested,
    ):
        progress.message(f"run folder: {run.folder}")
        recorder = RunRecorder(run, progress, stop_requested)
        trainer, cfg = _resumed_trainer(cfg, recorder, bundle, state) if bundle else _new_trainer(cfg, recorder)
        run.settle(cfg)
        if no_video := _why_no_video(cfg):
            progress.message(f"no video at the end: {no_video}")
        where = {"threads": threads, "device": str(device_of(cfg))}
        if bundle:
            total = cfg.trainer.iterations
            rows = run.go_on({} if total == planned else {"trainer.iterations": total})
            progress.message(f"goes on {_after(start)}{run.differences(where)}")
            if total != planned:
                progress.message(_schedule(cfg, start or 0, planned or total))
            progress.recall(rows)
        run.note(**where, parameters=recorder.parameters, nfe_per_latent_step=recorder.nfe)
        _train(trainer, run)
        if stop_requested():
            raise RunInterrupted(f"interrupted {_after(run.iteration)}; {_how_to_go_on(run)}")
    if not no_video:
        record_video(run.folder)
    print("\n".join(outcome(run.folder, cfg)))
    return run.folder


def _why_no_video(cfg: DictConfig) -> str | None:
    """Why a run ends without one; None where it ends with one."""
    if "policy" not in get("trainer", cfg.trainer.name).needs:
        return f"trainer={cfg.trainer.name} plays nothing"
    return why_no_video(cfg) if cfg.video else "video=false"


def _schedule(cfg: DictConfig, done: int, planned: int) -> str:
    """What another number of iterations makes of the learning rates."""
    total, decay = cfg.trainer.iterations, cfg.recipe.lr_decay
    if decay == "none":
        rates = f"the learning rates are constant, as they would have been in a run of {total}"
    elif decay == "run":
        rates = (
            f"the learning rates fall linearly, to recipe.final_lr={cfg.recipe.final_lr:g} at iteration {total}; they "
            f"go on {done / total:.0%} of the way down, where they were {done / planned:.0%}"
        )
    else:
        rates = f"the learning rates fall to recipe.final_lr={cfg.recipe.final_lr:g} at step {decay:,}, as in any run"
    return f"trainer.iterations is {total} now, it was {planned}: {rates}"


def _after(iteration: int | None) -> str:
    return f"after iteration {iteration}" if iteration else "before the first iteration"


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
        trainer, _ = _resumed_trainer(cfg, recorder, bundle, state) if bundle else _new_trainer(cfg, recorder)
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
        if isinstance(error, WmzooError) and not run.iteration:  # a mistake of the user's, found at the first step
            raise
        what = str(error) if isinstance(error, WmzooError) else named(error, None)
        raise RunFailed(f"{what}, in iteration {run.iteration + 1}; {_how_to_go_on(run)}") from error


def _new_trainer(cfg: DictConfig, recorder: RunRecorder | SilentRecorder) -> tuple[Trainer, DictConfig]:
    try:
        return build_trainer(cfg, recorder.of)
    except (ValueError, MemoryError, OmegaConfBaseException) as error:  # parameters that a part does not take
        raise WmzooError(one_line(error)) from error


def _resumed_trainer(
    cfg: DictConfig, recorder: RunRecorder | SilentRecorder, bundle: Path, state: dict[str, Any]
) -> tuple[Trainer, DictConfig]:
    """The config's trainer, in the state that `bundle` holds."""
    without = cfg.copy()
    if "teacher" not in get("trainer", cfg.trainer.name).needs:
        without.init_from = None  # its weights are in the bundle, and the file may be gone
    try:
        trainer, settled = _new_trainer(without, recorder)
    except (WmzooError, OmegaConfBaseException) as error:
        raise WmzooError(f"{bundle}: {one_line(error, 2)}{plugins_hint(cfg)}") from error
    try:
        trainer.load_state_dict({key: part if key in trainer.in_pieces else read(part) for key, part in state.items()})
    except (LookupError, ArithmeticError, ValueError, TypeError, AttributeError, RuntimeError, WmzooError) as error:
        raise WmzooError(f"{bundle}: does not fit the run's config, or this version: {one_line(error, 2)}") from error
    settled.init_from = cfg.init_from
    return trainer, settled


def record_video(folder: Path) -> None:
    """One episode of the newest checkpoint as the run's video; says where it is, or why there is none."""
    agent = load(folder)
    try:
        film(agent, agent.cfg, evaluation_seed(agent.cfg), folder / "video.mp4")
    except KeyboardInterrupt as error:
        raise RunInterrupted(f"interrupted before the video was drawn; all else is done: {folder}") from error


def _last_checkpoint(run: Run) -> str:
    found = list_checkpoints(run.folder)
    return f"last checkpoint: {found[-1]}" if found else "no checkpoint had been written yet"


def _how_to_go_on(run: Run) -> str:
    """The last checkpoint, and the command that goes on from it."""
    if not any(has_state(bundle) for bundle in list_checkpoints(run.folder)):
        return _last_checkpoint(run)
    plugins = "".join(f" --plugin {file}" for file in run.cfg.get("plugins") or [])
    return f"{_last_checkpoint(run)}; `wmzoo resume {run.folder}{plugins}` goes on from it"
