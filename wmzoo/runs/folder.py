"""The run folder: config.yaml, run.json, metrics.jsonl; at the end metrics.csv and the learning curve."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.find import CHECKPOINTS
from wmzoo.envs.task_sets import task_of
from wmzoo.errors import RunInterrupted, WmzooError, about_file
from wmzoo.registry import get, list_entries
from wmzoo.runs.loggers import Logger, build_loggers, step_of
from wmzoo.runs.metrics import COLUMNS, MetricsWriter, read_metrics, rewrite_metrics
from wmzoo.runs.provenance import facts, versions
from wmzoo.storage.files import LONGEST_NAME, remove, write_json, write_text
from wmzoo.storage.lock import NAME, FolderLock
from wmzoo.storage.rows import Row, write_csv
from wmzoo.storage.run_layout import EVALUATIONS, FACTS, read_facts

FILES = (
    *("config.yaml", FACTS, "metrics.jsonl", "metrics.csv", "learning_curve.png", "video.mp4"),
    *("wandb-id.txt", "trackio-id.txt", "mlflow-id.txt"),
)
FOLDERS = (CHECKPOINTS, EVALUATIONS, "tensorboard", "wandb")
# What a kill leaves of them, half written: .run.json.123-0a1b2c3d.tmp, checkpoints/.00000004-old.tmp
LEFTOVER = re.compile(rf"\.(?:(?:{'|'.join(map(re.escape, FILES))})\.\d+|\d{{8}})(?:-\w+)?\.tmp")


def variant(cfg: DictConfig) -> list[str]:
    """The name of the dynamics, followed by the integrator's if the dynamics has a field to integrate."""
    dynamics = str(OmegaConf.select(cfg, "dynamics.name", default="model"))
    integrator = OmegaConf.select(cfg, "integrator.name", default=None)
    known = dynamics in list_entries("dynamics")
    flows = known and get("dynamics", dynamics).integrates
    return [dynamics, str(integrator)] if flows and integrator else [dynamics]


def subject(cfg: DictConfig) -> str:
    """What a run is about: its task, or its data's folder where nothing is played."""
    trainer = OmegaConf.select(cfg, "trainer.name", default=None)
    plays = trainer not in list_entries("trainer") or "policy" in get("trainer", trainer).needs
    return task_of(cfg.get("env") or {}) if plays else Path(str(cfg.data.dir)).name


def default_name(cfg: DictConfig, now: datetime | None = None) -> Path:
    """runs/<subject>/<dynamics>[-<integrator>]-s<seed>-<YYYYmmdd-HHMMSS>; the integrator only for a flow."""
    parts = variant(cfg)
    stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
    about = subject(cfg).replace("/", "-").lstrip(".")[:LONGEST_NAME] or "run"  # ".." would be another folder
    return Path("runs") / about / "-".join([*parts, f"s{OmegaConf.select(cfg, 'seed', default=0)}", stamp])


class Run:
    """A run folder, new or gone on with. Use it as a context manager, or call `finish()` at the end.

    Args:
        folder: where; None takes `cfg.run_dir`, and the default name if that is null too.
        cfg: the composed config; written resolved to config.yaml.
        resumed: the iteration after which an existing run goes on. Nothing in the folder changes before `go_on()`.

    A mistake found before the first row (a WmzooError with exit code 2) leaves no folder behind, so that the corrected
    command can have the same `run_dir=`; a folder that was there before, empty, stays and is empty again. A run that
    was to go on stays as it was.

    Raises:
        WmzooError: the folder exists and is not empty, another process has it, or a logger's extra is not installed.
    """

    def __init__(self, folder: Path | str | None, cfg: DictConfig, resumed: int | None = None) -> None:
        folder = folder or OmegaConf.select(cfg, "run_dir", default=None)
        self._found = bool(folder) and Path(str(folder)).exists()
        if resumed is not None:
            self.folder = Path(str(folder))
            _check_no_link(self.folder)
        else:
            self.folder = _make(Path(folder)) if folder else _make_unique(default_name(cfg))
        self._lock = FolderLock(self.folder)
        self.cfg, self.resumed = cfg, resumed
        self._clock = time.monotonic()
        self._facts: dict[str, Any] = {}
        self._finished = self._logged = False
        self.iteration = resumed or 0  # of the last row
        self._metrics: MetricsWriter | None = None  # None until the run begins or goes on
        self._loggers: list[Logger] = []
        if resumed is None:
            try:
                self._begin()
            except WmzooError:
                self.discard()
                raise

    def _begin(self) -> None:
        self.settle(self.cfg)
        seed = OmegaConf.select(self.cfg, "seed", default=None)
        device = OmegaConf.select(self.cfg, "device", default=None)
        self.note(status="running", started=_now(), seed=seed, device=device, **facts())
        self._metrics = MetricsWriter(self.folder / "metrics.jsonl")
        self._loggers = self._build_loggers()

    def settle(self, cfg: DictConfig) -> None:
        """From now on the run's config is `cfg`: what was composed, with what building it has added."""
        self.cfg = cfg
        if self.resumed is None:
            write_text(self.folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))

    def go_on(self, changed: Mapping[str, Any] | None = None) -> list[Row]:
        """Take up a resumed run: cut the rows after its iteration, and what a kill left half written. Gives the others.

        changed: keys of the config that are others from now on, for config.yaml and run.json.
        """
        assert self.resumed is not None
        self._facts = read_facts(self.folder)
        rows = [row for row in read_metrics(self.folder) if (row.get("iteration") or 0) <= self.resumed]
        self._loggers = self._build_loggers(after=step_of(rows[-1]) if rows else 0)
        for leftover in [*self.folder.iterdir(), *self.folder.glob(f"{CHECKPOINTS}/.*")]:
            if LEFTOVER.fullmatch(leftover.name):
                remove(leftover)
        rewrite_metrics(self.folder / "metrics.jsonl", rows)
        self._metrics = MetricsWriter(self.folder / "metrics.jsonl")
        self._logged = True
        self._clock -= rows[-1].get("wall_clock") or 0.0 if rows else 0.0
        if changed:
            cfg = self.cfg.copy()
            cfg.pop("checkpoint", None)
            write_text(self.folder / "config.yaml", OmegaConf.to_yaml(cfg))
        now = {"iteration": self.resumed, "at": _now(), **(changed or {})} | facts()
        self.note(status="running", resumed=[*self._facts.get("resumed", []), now])
        return rows

    def _build_loggers(self, after: int | None = None) -> list[Logger]:
        """after: the step of the last row that a resumed run keeps."""
        names = OmegaConf.select(self.cfg, "loggers", default=None) or []
        return build_loggers(names, self.folder, self.cfg, after)

    def differences(self, where: Mapping[str, Any]) -> str:
        """What is not as when the run began, for a line about it: other arithmetic gives other numbers."""
        now = {**where, **versions()}
        then = {**self._facts, **self._facts.get("versions", {})}
        differ = [name for name in now if name in then and then[name] != now[name]]
        changed = [f"{name} {then[name]} then, {now[name]} now" for name in differ]
        return f"; not bit for bit, perhaps: {', '.join(changed)}" if changed else ""

    def note(self, **new: Any) -> None:
        """Adds facts to run.json (JSON values), replacing those of the same name."""
        self._facts.update(new)
        write_json(self.folder / FACTS, self._facts)

    def log(self, row: Mapping[str, Any]) -> None:
        """Appends one iteration's metrics; NaN and infinities become null, columns keep a fixed order."""
        assert self._metrics is not None, "a resumed run takes rows after go_on()"
        filled = self._metrics.write(row)
        self.iteration, self._logged = int(filled["iteration"] or 0), True
        for logger in self._loggers:
            logger.log(filled)

    def finish(self, status: str = "done") -> None:
        """Closes the run: metrics.csv, learning_curve.png, end time, wall-clock."""
        if self._finished:
            return
        try:
            self._close(status)
            if self._metrics is None:
                return  # it did not go on: nothing has changed
            self.note(status=status, ended=_now(), wall_clock=time.monotonic() - self._clock)
            rows = read_metrics(self._metrics.path)
            write_csv(rows, self.folder / "metrics.csv", tuple(COLUMNS))
            if rows:
                from wmzoo.runs.learning_curve import plot_learning_curve  # matplotlib: a run starts sooner without

                plot_learning_curve(self._metrics.path, self.folder / "learning_curve.png", title=self._title())
        finally:
            self._lock.release()

    def discard(self) -> None:
        """Closes a run that never began and removes what it wrote."""
        self._close("failed")
        self._lock.release()
        for name in (*FILES, *FOLDERS):
            remove(self.folder / name)
        if not self._found:
            with suppress(OSError):  # what somebody else has put there stays
                self.folder.rmdir()

    def _close(self, status: str) -> None:
        self._finished = True
        if self._metrics is not None:
            self._metrics.close()
        for logger in self._loggers:
            logger.close(status)

    def _title(self) -> str:
        task = subject(self.cfg)
        seed = OmegaConf.select(self.cfg, "seed", default=0)
        return f"{task} · {' + '.join(variant(self.cfg))} · seed {seed}"

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        elif self.resumed is None and not self._logged and _is_mistake(error):
            self.discard()
        else:
            with suppress(OSError):  # a full disk, say, which is what is being told already
                self.finish("interrupted" if issubclass(kind, (KeyboardInterrupt, RunInterrupted)) else "failed")


def _check_no_link(folder: Path) -> None:
    """WmzooError where a run that is to go on would write somewhere else."""
    links = [folder / name for name in FOLDERS if (folder / name).is_symlink()]
    if links:
        raise WmzooError(f"{links[0]}: a link, which a run does not write through; put the folder itself in its place")


def _is_mistake(error: BaseException | None) -> bool:
    return isinstance(error, WmzooError) and error.exit_code == WmzooError.exit_code


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _make(folder: Path) -> Path:
    try:
        if (folder / NAME).exists():
            FolderLock(folder).release()  # in use, perhaps
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise WmzooError(f"{folder}: exists and is not empty; choose another run_dir= (`wmzoo resume` goes on)")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WmzooError(f"cannot make the run folder: {about_file(error)}") from error
    return folder


def _make_unique(folder: Path) -> Path:
    """Makes the folder, with -2, -3, … appended where runs started in the same second took the name."""
    for number in range(1, 1000):
        candidate = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            candidate.mkdir(parents=True, exist_ok=False)
            return candidate
        except FileExistsError:
            continue
        except OSError as error:
            raise WmzooError(f"cannot make the run folder: {about_file(error)}") from error
    raise WmzooError(f"{folder}: a thousand runs have this name; give run_dir=")
