"""Where the metrics go beside metrics.jsonl: `loggers=[tensorboard,wandb,trackio,mlflow]`, any of them, each an extra.

One that cannot be opened is told before a new run begins, and nothing is trained. What fails later, in a run that goes
on or was resumed, is left out from there on, which a line says.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from wmzoo.errors import WmzooError, named, require
from wmzoo.reports.words import typed
from wmzoo.storage.files import make_folder, write_text
from wmzoo.storage.rows import Row, flat

PROJECT = "wmzoo"  # of runs, where the environment names no other
PARAMS = 100  # at most in one call, says MLflow's server
ENDED = {"done": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}  # as MLflow has it
log = logging.getLogger("wmzoo")


class Logger(Protocol):
    """Takes complete rows (see runs.metrics); a None is a missing value and is not logged."""

    def log(self, row: Row) -> None: ...

    def close(self, status: str = "done") -> None:
        """status: how the run has ended, as run.json has it: done, interrupted or failed."""


def step_of(row: Mapping[str, Any]) -> int:
    """Where a row lies in all logs: at its agent steps, or at its iteration where nothing is played."""
    return int(row.get("env_steps") or row.get("iteration") or 0)


def _numbers(row: Row) -> dict[str, float]:
    return {name: value for name, value in row.items() if isinstance(value, (int, float))}


def _plain(cfg: DictConfig) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(OmegaConf.to_container(cfg, resolve=True)))
    return plain


def _kept_id(folder: Path, logger: str, begin: Callable[[], str]) -> str:
    """By what a log knows this run: kept in the run folder, so that a resumed run goes on in the same logged one."""
    file = folder / f"{logger}-id.txt"
    if file.is_symlink() or not file.exists():  # what a link leads to is nobody else's business
        write_text(file, begin())
    return file.read_text()


class TensorBoardLogger:
    """Event files under `tensorboard/` of the run folder. A resumed run hides later points."""

    def __init__(self, folder: Path, cfg: DictConfig, after: int | None) -> None:
        require("tensorboard", "tensorboard")
        module = require("tensorboard", "torch.utils.tensorboard")
        purge = None if after is None else after + 1
        self._writer = module.SummaryWriter(str(make_folder(folder, "tensorboard")), purge_step=purge)
        self._writer.add_text("config", f"```yaml\n{OmegaConf.to_yaml(cfg, resolve=True)}```")

    def log(self, row: Row) -> None:
        for name, value in _numbers(row).items():
            self._writer.add_scalar(name, value, global_step=step_of(row))

    def close(self, status: str = "done") -> None:
        self._writer.close()


class WandbLogger:
    """A Weights & Biases run named after the folder; project and mode by WANDB_PROJECT and WANDB_MODE."""

    def __init__(self, folder: Path, cfg: DictConfig, after: int | None) -> None:
        wandb: Any = require("wandb", "wandb")
        own = _kept_id(folder, "wandb", lambda: secrets.token_hex(4))
        make_folder(folder, "wandb")
        self._run = wandb.init(dir=str(folder), name=folder.name, config=_plain(cfg), id=own, resume="allow")

    def log(self, row: Row) -> None:
        self._run.log(_numbers(row), step=step_of(row))

    def close(self, status: str = "done") -> None:
        self._run.finish(exit_code=int(status == "failed"))


class TrackioLogger:
    """A Trackio run named after the folder with some letters more: its name is all that it is known by.

    Project by TRACKIO_PROJECT, place by TRACKIO_DIR. Rows that a resumed run does once more are there twice.
    """

    def __init__(self, folder: Path, cfg: DictConfig, after: int | None) -> None:
        trackio: Any = require("trackio", "trackio")
        own = _kept_id(folder, "trackio", lambda: f"{folder.name}-{secrets.token_hex(4)}")
        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        self._run = trackio.init(project=project, name=own, config=_plain(cfg), resume="allow")

    def log(self, row: Row) -> None:
        self._run.log(_numbers(row), step=step_of(row))

    def close(self, status: str = "done") -> None:
        self._run.finish()


class MlflowLogger:
    """An MLflow run named after the folder, with the config's keys as parameters.

    Server or file by MLFLOW_TRACKING_URI, experiment by MLFLOW_EXPERIMENT_NAME. Rows that a resumed run does once more
    are there twice.
    """

    def __init__(self, folder: Path, cfg: DictConfig, after: int | None) -> None:
        self._mlflow: Any = require("mlflow", "mlflow")
        self._client = self._mlflow.MlflowClient()
        self._run = _kept_id(folder, "mlflow", lambda: self._begin(folder.name, cfg))
        self._client.update_run(self._run, status="RUNNING")

    def _begin(self, name: str, cfg: DictConfig) -> str:
        chosen = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = self._client.get_experiment_by_name(chosen)
        number = experiment.experiment_id if experiment else self._client.create_experiment(chosen)
        run: str = self._client.create_run(number, run_name=name).info.run_id
        params = [self._mlflow.entities.Param(key, typed(value)) for key, value in flat(_plain(cfg)).items()]
        for first in range(0, len(params), PARAMS):
            self._client.log_batch(run, params=params[first : first + PARAMS])
        return run

    def log(self, row: Row) -> None:
        now, step = int(1000 * time.time()), step_of(row)
        metrics = [self._mlflow.entities.Metric(name, value, now, step) for name, value in _numbers(row).items()]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self, status: str = "done") -> None:
        self._client.set_terminated(self._run, ENDED[status])


class Forgiven:
    """A logger whose failure is told, once, and ends the logging but not the run."""

    def __init__(self, name: str, logger: Logger) -> None:
        self._name, self._logger = name, logger
        self._failed = False

    def log(self, row: Row) -> None:
        self._try(lambda: self._logger.log(row))

    def close(self, status: str = "done") -> None:
        self._try(lambda: self._logger.close(status))

    def _try(self, act: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            act()
        except Exception as error:  # whatever a server, a disk or a library makes of it
            self._failed = True
            log.warning("loggers: %s failed (%s); the run goes on without it", self._name, named(error))


LOGGERS: dict[str, Callable[[Path, DictConfig, int | None], Logger]] = {
    "tensorboard": TensorBoardLogger,
    "wandb": WandbLogger,
    "trackio": TrackioLogger,
    "mlflow": MlflowLogger,
}


def build_loggers(names: Sequence[str], folder: Path, cfg: DictConfig, after: int | None = None) -> list[Logger]:
    """The named loggers.

    after: of a resumed run, the step (see `step_of`) up to which what was logged before counts.

    WmzooError for an unknown name and, in a new run, for one that cannot be opened: an extra that is not installed, a
    server that does not answer. A resumed run goes on without such a one, and says so.
    """
    for name in names:
        if name not in LOGGERS:
            raise WmzooError(f"loggers: there is no {name!r}; there are {', '.join(sorted(LOGGERS))}")
    opened: list[Logger] = []
    for name in names:
        try:
            opened.append(Forgiven(name, LOGGERS[name](folder, cfg, after)))
        except Exception as error:
            why = str(error) if isinstance(error, WmzooError) else f"loggers: {name} cannot be opened ({named(error)})"
            if after is None:
                for logger in opened:
                    logger.close("failed")
                raise WmzooError(why) from error
            log.warning("%s; the run goes on without it", why)
    return opened
