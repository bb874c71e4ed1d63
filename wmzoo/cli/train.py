"""`wmzoo train dynamics=flow integrator=heun …`: train an agent; the arguments are Hydra overrides.

With -m, several values of a key (seed=0,1,2) make a sweep, one run each, through Hydra's launcher:
one after another, or in parallel with hydra/launcher=joblib (the extra `parallel`) or submitit_slurm (`slurm`).
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from wmzoo.errors import RunInterrupted, WmzooError

if TYPE_CHECKING:
    from omegaconf import DictConfig


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
    """Hand the sweep to Hydra, which reads its overrides from the command line and runs `job` for each combination."""
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from wmzoo.config.composition import VERSION_BASE, explained, prepare
    from wmzoo.storage.package_data import data_dir

    overrides, parsed = prepare(overrides)
    before = sys.argv
    sys.argv = [before[0], "--multirun", *overrides]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise, instead of printing and exiting
    try:
        hydra.main(version_base=VERSION_BASE, config_path=str(data_dir("configs")), config_name="train")(job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise explained(error, overrides, parsed) from error
    finally:
        sys.argv = before


def job(cfg: DictConfig) -> None:
    """One run of a sweep, perhaps in a child process that knows no plugin yet."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    from wmzoo.config import composition
    from wmzoo.registry import plugins
    from wmzoo.runs.train import train

    plugins.load_files(cfg.plugins)
    composition.validate(cfg)
    if cfg.run_dir is None:
        with open_dict(cfg):
            cfg.run_dir = HydraConfig.get().runtime.output_dir
    try:
        train(cfg)
    except RunInterrupted as error:  # Hydra goes on with the next run after any other exception
        raise KeyboardInterrupt(str(error)) from error
