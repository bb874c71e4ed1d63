"""Optional sinks for the metrics beside metrics.jsonl, chosen by `loggers: [tensorboard, wandb]`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from wmzoo.errors import WmzooError, require
from wmzoo.storage.files import make_folder, write_text

Row = dict[str, Any]


class Logger(Protocol):
    """Takes complete rows (see runs.metrics); a None is a missing value and is not logged."""

    def log(self, row: Row) -> None: ...
    def close(self) -> None: ...


def _numbers(row: Row) -> dict[str, float]:
    return {name: value for name, value in row.items() if isinstance(value, (int, float))}


class TensorBoardLogger:
    """Event files under `tensorboard/` of the run folder; the step is env_steps. A resumed run hides later points."""

    def __init__(self, folder: Path, cfg: DictConfig, after: int | None) -> None:
        require("tensorboard", "tensorboard")
        module = require("tensorboard", "torch.utils.tensorboard")
        purge = None if after is None else after + 1
        self._writer = module.SummaryWriter(str(make_folder(folder, "tensorboard")), purge_step=purge)
        self._writer.add_text("config", f"```yaml\n{OmegaConf.to_yaml(cfg, resolve=True)}```")

    def log(self, row: Row) -> None:
        for name, value in _numbers(row).items():
            self._writer.add_scalar(name, value, global_step=row["env_steps"])

    def close(self) -> None:
        self._writer.close()


class WandbLogger:
    """A Weights & Biases run named after the folder; project and mode by WANDB_PROJECT and WANDB_MODE.

    Its id is kept in the folder, so that a resumed run goes on with it.
    """

    def __init__(self, folder: Path, cfg: DictConfig, after: int | None) -> None:
        wandb: Any = require("wandb", "wandb")
        config = json.loads(json.dumps(OmegaConf.to_container(cfg, resolve=True)))
        file = folder / "wandb-id.txt"
        if file.is_symlink() or not file.exists():  # what a link leads to is nobody's business at wandb
            write_text(file, secrets.token_hex(4))
        make_folder(folder, "wandb")
        self._run = wandb.init(dir=str(folder), name=folder.name, config=config, id=file.read_text(), resume="allow")

    def log(self, row: Row) -> None:
        self._run.log(_numbers(row), step=row["env_steps"])

    def close(self) -> None:
        self._run.finish()


LOGGERS: dict[str, Callable[[Path, DictConfig, int | None], Logger]] = {
    "tensorboard": TensorBoardLogger,
    "wandb": WandbLogger,
}


def build_loggers(names: Sequence[str], folder: Path, cfg: DictConfig, after: int | None = None) -> list[Logger]:
    """The named loggers; an unknown name or a missing extra is a WmzooError.

    after: of a resumed run, the env_steps up to which what was logged before counts.
    """
    for name in names:
        if name not in LOGGERS:
            raise WmzooError(f"loggers: there is no {name!r}; there are {', '.join(sorted(LOGGERS))}")
    return [LOGGERS[name](folder, cfg, after) for name in names]
