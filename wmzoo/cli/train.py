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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmzoo.errors import RunFailed, RunInterrupted, WmzooError, named

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

GROUP = "first hour"
FAILED = "wmzoo_failed"  # of an exception: the folder where the jobs of a sweep note that they have failed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="`wmzoo list` and configs/train.yaml have the keys"
    )
    parser.add_argument("-m", "--multirun", action="store_true", help="a sweep over keys with several values")
    parser.add_argument("--cfg", action="store_true", help="print the composed config and stop")


def run(args: argparse.Namespace) -> int:
    overrides = with_plugins(args.overrides, args.plugin)
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

    Every combination is tried; those that failed are named at the end.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from wmzoo.config.composition import VERSION_BASE, explained, prepare
    from wmzoo.storage.package_data import data_dir

    overrides, parsed = prepare(overrides)
    _check_folders(parsed)
    before, began = sys.argv, time.time()
    sys.argv = [before[0], "--multirun", *overrides]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, instead of printing and exiting
    try:
        hydra.main(version_base=VERSION_BASE, config_path=str(data_dir("configs")), config_name="train")(job)()
    except Exception as error:
        if folder := getattr(error, FAILED, None):
            raise _failure(Path(folder), began, parsed) from error
        if isinstance(error, HydraException | OmegaConfBaseException):
            raise explained(error, overrides, parsed) from error
        raise
    finally:
        sys.argv = before


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


def _failure(folder: Path, began: float, parsed: list[Override]) -> WmzooError:
    """What is to be said of the jobs that noted in `folder`, since `began`, that they have failed.

    A job is told by its number, which is its folder's name, and the keys in which it differs from others.
    """
    from wmzoo.storage.foreign import read_json

    files = [file for file in folder.glob("*.json") if file.stat().st_mtime >= began - 1]  # not of an earlier sweep
    failed = [read_json(file) for file in sorted(files, key=lambda file: int(file.stem))]
    kind = RunFailed if any(one["exit_code"] == RunFailed.exit_code for one in failed) else WmzooError
    swept = [override.key_or_group for override in parsed if override.is_sweep_override()]
    for one in failed:
        one["own"] = " ".join(word for word in one["overrides"] if word.partition("=")[0] in swept)
    told = "; ".join(f"{one['job']} ({one['own']}): {one['error']}" for one in failed)
    return kind(f"{len(failed)} of the sweep's runs failed: {told}")


def job(cfg: DictConfig) -> None:
    """One run of a sweep, perhaps in a child process that knows no plugin yet."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    from wmzoo.config import composition
    from wmzoo.registry import plugins
    from wmzoo.runs.train import train
    from wmzoo.storage.files import make_folder, write_json

    here = HydraConfig.get()
    try:
        plugins.load_files(cfg.plugins)
        composition.validate(cfg)
        if cfg.run_dir is None:
            with open_dict(cfg):
                cfg.run_dir = here.runtime.output_dir
        train(cfg)
    except RunInterrupted as error:  # Hydra goes on with the next run after any other exception
        raise KeyboardInterrupt(str(error)) from error
    except Exception as error:  # of several Hydra raises the first alone
        folder = make_folder(Path(here.sweep.dir), "failed")
        code = error.exit_code if isinstance(error, WmzooError) else RunFailed.exit_code
        what = str(error) if isinstance(error, WmzooError) else named(error)
        note = {"job": here.job.num, "overrides": list(here.overrides.task), "error": what, "exit_code": code}
        write_json(folder / f"{here.job.num}.json", note)
        setattr(error, FAILED, str(folder.absolute()))
        raise
