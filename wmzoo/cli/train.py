"""`wmzoo train dynamics=flow integrator=heun …`: train an agent; the arguments are Hydra overrides.

With -m, several values of a key (seed=0,1,2) make a sweep, one run each, through Hydra's launcher:
one after another, or in parallel with hydra/launcher=joblib (the extra `parallel`) or submitit_slurm (`slurm`).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmzoo.errors import RunFailed, RunInterrupted, WmzooError, named

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

GROUP = "first hour"
QUICK = "experiment=quick"
AFTER_QUICK = "next, the whole task: wmzoo train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="`wmzoo train --cfg` prints all keys, `wmzoo list` the parts"
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="a sweep over keys with several values")
    parser.add_argument("--cfg", action="store_true", help="print the composed config and stop")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK}: a small run, in about a minute")


def run(args: argparse.Namespace) -> int:
    others = [text for text in args.overrides if text.startswith("experiment=")]
    if args.quick and others:
        raise WmzooError(f"--quick is {QUICK}: leave one of it and {others[0]} out")
    overrides = with_plugins([*([QUICK] if args.quick else []), *args.overrides], args.plugin)
    if args.multirun:
        if args.cfg:
            raise WmzooError("--cfg shows one config and -m runs many: give one of them")
        sweep(overrides)
        return 0
    from wmzoo.config.composition import compose

    cfg = compose(overrides)
    if args.cfg:
        from omegaconf import OmegaConf

        print(OmegaConf.to_yaml(cfg, resolve=True), end="")
        return 0
    from wmzoo.runs.train import train

    train(cfg)
    if QUICK in overrides:
        print(AFTER_QUICK)
    return 0


def with_plugins(overrides: list[str], files: list[str]) -> list[str]:
    """`--plugin FILE` as the override it stands for, so that the run's config and child processes know of it."""
    if not files:
        return overrides
    from wmzoo.config.composition import plugin_files, plugins_override

    typed = [file for text in overrides for file in plugin_files(text)]
    rest = [text for text in overrides if not text.startswith("plugins=")]
    return [plugins_override([*typed, *files]), *rest]


def sweep(overrides: list[str]) -> None:
    """Hand the sweep to Hydra, which reads its overrides from the command line and runs `job` for each combination.

    Every combination is tried; a table says at the end what came of each, and those that failed are named.
    """
    from unittest.mock import patch

    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from wmzoo.config.composition import VERSION_BASE, explained, prepare, sweep_folder
    from wmzoo.storage.package_data import data_dir
    from wmzoo.studies.sweep import notes

    overrides, parsed = prepare(overrides)
    _check_folders(parsed)
    swept = [override.key_or_group for override in parsed if override.is_sweep_override()]
    folder, into = sweep_folder(overrides, parsed)
    before, began = sys.argv, time.time()
    sys.argv = [before[0], "--multirun", *overrides, into]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, instead of printing and exiting
    try:
        # From Python 3.14 on argparse looks into each help text when it is added; one of Hydra 1.3's is no text.
        with patch.object(argparse.ArgumentParser, "_check_help", lambda self, action: None, create=True):
            hydra.main(version_base=VERSION_BASE, config_path=str(data_dir("configs")), config_name="train")(job)()
    except Exception as error:
        if failed := [one for one in notes(folder, began) if one["status"] == "failed"]:
            raise _failure(failed, swept) from error
        if isinstance(error, HydraException | OmegaConfBaseException):
            raise explained(error, overrides, parsed) from error
        raise
    finally:
        sys.argv = before
        _show(folder, began, swept)


def _show(folder: Path, began: float, swept: list[str]) -> None:
    """The runs of the sweep that have ended, and what to type next."""
    from wmzoo.studies.sweep import next_command, notes, table

    if ended := notes(folder, began):
        print("\n".join(table(ended, swept, folder)))
        if command := next_command(ended, swept, folder):
            print(f"next, compare them: {command}")


def _check_folders(parsed: list[Override]) -> None:
    """WmzooError where two runs of a sweep would have one folder."""
    values = {override.key_or_group: _values(override) for override in parsed}
    folders, runs = set(map(str, values.get("run_dir", [None]))), math.prod(map(len, values.values()))
    if folders != {"None"} and len(folders) < runs and "${" not in "".join(folders):
        raise WmzooError(
            f"run_dir={','.join(sorted(folders))}: a run needs a folder of its own, and the sweep has {runs}: leave it "
            "out (hydra.sweep.dir= is the folder of all), or write a key into it, as 'run_dir=runs/${seed}'"
        )


def _values(override: Override) -> list[Any]:
    """Those that a key is given; WmzooError for a glob, of which only groups know what there is."""
    from hydra.errors import HydraException

    if not override.is_sweep_override():
        return [override.value()]
    try:
        return list(override.sweep_iterator())
    except HydraException as error:
        raise WmzooError(f"{override.input_line}: name the values, as {override.key_or_group}=1,2") from error


def _failure(failed: list[dict[str, Any]], swept: list[str]) -> WmzooError:
    """What is to be said of runs that have failed: their numbers, what sets them apart, and why."""
    from wmzoo.studies.sweep import own

    kind = RunFailed if any(one["exit_code"] == RunFailed.exit_code for one in failed) else WmzooError
    told = "; ".join(f"{one['job']} ({own(one, swept)}): {one['error']}" for one in failed)
    return kind(f"{len(failed)} of the sweep's runs failed: {told}")


def job(cfg: DictConfig) -> None:
    """One run of a sweep, perhaps in a child process that knows no plugin yet."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    from wmzoo.config import composition
    from wmzoo.registry import plugins
    from wmzoo.runs.train import train
    from wmzoo.studies.sweep import note

    here = HydraConfig.get()
    with open_dict(cfg):
        cfg.run_dir = cfg.run_dir or here.runtime.output_dir
    ended = partial(note, Path(here.sweep.dir), here.job.num, overrides=list(here.overrides.task), folder=cfg.run_dir)
    try:
        plugins.load_files(cfg.plugins)
        composition.fit_experiment(cfg, [text.lstrip("+").partition("=")[0] for text in here.overrides.task])
        composition.validate(cfg)
        train(cfg)
        ended(status="done")
    except RunInterrupted as error:  # Hydra goes on with the next run after any other exception
        ended(status="interrupted")
        raise KeyboardInterrupt(str(error)) from error
    except Exception as error:  # of several Hydra raises the first alone
        code = error.exit_code if isinstance(error, WmzooError) else RunFailed.exit_code
        what = str(error) if isinstance(error, WmzooError) else named(error)
        ended(status="failed", error=what, exit_code=code)
        raise
