"""What is read back from each log, in its local mode; and what a log that fails does to a run: nothing."""

from __future__ import annotations

import json
import logging
import sqlite3
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from omegaconf import OmegaConf

from wmzoo.errors import WmzooError
from wmzoo.runs import Run, loggers
from wmzoo.runs.loggers import LOGGERS, build_loggers, step_of
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.rows import Row

CONFIG = OmegaConf.create({"seed": 3, "init_from": None, "model": {"units": [8, 16], "twice": "${seed}"}})
PLAIN = {"seed": 3, "init_from": None, "model": {"units": [8, 16], "twice": 3}}


class Read(NamedTuple):
    """One logged run: its name, config and status, None where a log has none, and the points of eval_return."""

    name: str | None
    config: Any
    status: Any
    points: list[tuple[int, float]]
    metrics: set[str]


def read_tensorboard(folder: Path) -> list[Read]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    text = events.Tensors("config/text_summary")[-1].tensor_proto.string_val[0].decode()
    config = OmegaConf.to_container(OmegaConf.create(text.removeprefix("```yaml\n").removesuffix("```")))
    points = [(event.step, event.value) for event in events.Scalars("eval_return")]
    return [Read(None, config, None, points, set(events.Tags()["scalars"]))]


def read_wandb(folder: Path) -> list[Read]:
    """Offline, every process writes a file of its own; `wandb sync` joins those of one id."""
    import wandb
    from wandb.proto import wandb_internal_pb2 as messages

    wandb.teardown()  # its service has written everything
    found: dict[str, Read] = {}
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        records = [messages.Record.FromString(record) for record in log_records(file)]
        (run,) = (record.run for record in records if record.HasField("run"))
        config = {item.key: json.loads(item.value_json) for item in run.config.update if item.key != "_wandb"}
        rows = [
            {"".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
            for record in records
            if record.HasField("history")
        ]
        (ended,) = (record.exit.exit_code for record in records if record.HasField("exit"))
        before = found.get(run.run_id)
        points = [(int(row["_step"]), row["eval_return"]) for row in rows]
        metrics = {name for row in rows for name in row if name[0] != "_"}
        found[run.run_id] = Read(run.display_name, config, ended, (before.points if before else []) + points, metrics)
    return list(found.values())


def log_records(file: Path) -> Iterator[bytes]:
    """Of the log format of LevelDB, behind the 7 bytes of W&B's header."""
    content, at, begun = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        left = 2**15 - at % 2**15
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        if left < 7 or kind == 0:
            at += left
            continue
        begun += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield begun
            begun = b""


def read_trackio(folder: Path) -> list[Read]:
    (file,) = folder.parent.glob("trackio/*.db")
    assert file.stem == "wmzoo"
    tables = sqlite3.connect(file)
    found = []
    for number, name, config in tables.execute("select run_id, run_name, config from configs").fetchall():
        own = {key: value for key, value in json.loads(config).items() if key[0] != "_"}
        logged = tables.execute("select step, metrics from metrics where run_id = ? order by id", [number]).fetchall()
        rows = [(int(step), json.loads(row)) for step, row in logged]
        points = [(step, row["eval_return"]) for step, row in rows]
        found.append(Read(name, own, None, points, {name for _, row in rows for name in row}))
    return found


def read_mlflow(folder: Path) -> list[Read]:
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("wmzoo")
    assert experiment is not None
    found = []
    for run in client.search_runs([experiment.experiment_id]):
        history = client.get_metric_history(run.info.run_id, "eval_return")
        points = [(metric.step, metric.value) for metric in history]
        found.append(Read(run.info.run_name, run.data.params, run.info.status, points, set(run.data.metrics)))
    return found


READERS: dict[str, Callable[[Path], list[Read]]] = {
    "tensorboard": read_tensorboard,
    "wandb": read_wandb,
    "trackio": read_trackio,
    "mlflow": read_mlflow,
}
CONFIGS = {"mlflow": {"seed": "3", "init_from": "null", "model.units": "[8,16]", "model.twice": "3"}}
ENDED = {"wandb": 0, "mlflow": "FINISHED"}
WHY = {"trackio": "it needs a pillow below 13, so it does not go beside constraints.txt"}


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder, with every log's own mode that needs no server, below the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "flow-s3").mkdir()
    return tmp_path / "flow-s3"


def row(step: int, value: float) -> Row:
    return {"iteration": step // 10, "env_steps": step, "eval_return": value, "rewards": None}


@pytest.mark.slow
@pytest.mark.parametrize("name", LOGGERS)
def test_metrics_config_and_name_are_read_back_and_a_resumed_run_goes_on_in_the_same_one(
    name: str, local: Path
) -> None:
    """It is killed behind step 20, and does that step once more, from its checkpoint at step 10."""
    pytest.importorskip(name, reason=f"{name} is not installed: {WHY.get(name, 'it is of the extra test')}")
    [logger] = build_loggers([name], local, CONFIG)
    logger.log(row(10, 1.5))
    logger.log(row(20, 2.5))
    logger.close("interrupted")
    [logger] = build_loggers([name], local, CONFIG, after=10)
    logger.log(row(20, 2.5))
    logger.log(row(30, 3.5))
    logger.close()
    [read] = READERS[name](local)
    assert sorted(set(read.points)) == [(10, 1.5), (20, 2.5), (30, 3.5)]
    assert read.metrics == {"iteration", "env_steps", "eval_return"}  # and no nulls
    assert read.config == CONFIGS.get(name, PLAIN)
    assert name == "tensorboard" or (read.name or "").startswith("flow-s3")
    assert read.status == ENDED.get(name)


@pytest.mark.slow
def test_tensorboard_hides_what_a_resumed_run_does_once_more(local: Path) -> None:
    pytest.importorskip("tensorboard")
    for after, value in ((None, 1.0), (10, 2.0)):
        [logger] = build_loggers(["tensorboard"], local, CONFIG, after)
        logger.log(row(20, value))
        logger.close()
    assert read_tensorboard(local)[0].points == [(20, 2.0)]


@pytest.mark.slow
def test_a_run_that_ends_early_is_told_so_to_mlflow(local: Path) -> None:
    pytest.importorskip("mlflow")
    for status, told in (("interrupted", "KILLED"), ("failed", "FAILED")):
        [logger] = build_loggers(["mlflow"], local, CONFIG, None if status == "interrupted" else 0)
        logger.close(status)
        assert read_mlflow(local)[0].status == told


@pytest.mark.parametrize("name", LOGGERS)
def test_a_missing_extra_is_named_with_its_install_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(WmzooError, match=rf'pip install "wmzoo\[{name}\]"'):
        build_loggers([name], tmp_path, OmegaConf.create())


def test_an_unknown_logger_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(WmzooError, match="mlflow, tensorboard, trackio, wandb"):
        build_loggers(["tensorbord"], tmp_path, OmegaConf.create())


def test_where_nothing_is_played_the_iteration_is_the_step() -> None:
    assert step_of({"iteration": 3, "env_steps": 3072}) == 3072
    assert step_of({"iteration": 3, "env_steps": 0}) == 3


class Server:
    """A log that notes what it is told, and fails where it is told to."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.fails_at: Any = None

    def open(self, folder: Path, cfg: Any, after: int | None) -> Server:
        self.log({"env_steps": "open"})
        return self

    def log(self, row: Row) -> None:
        self.told.append(row["env_steps"])
        if row["env_steps"] == self.fails_at:
            raise ConnectionError("no answer\nand a long story")

    def close(self, status: str = "done") -> None:
        self.log({"env_steps": status})


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Server]:
    found = {"one": Server(), "two": Server()}
    monkeypatch.setattr(loggers, "LOGGERS", {name: server.open for name, server in found.items()})
    return found


TWO = OmegaConf.create({"seed": 0, "loggers": ["one", "two"], "env": {"task": "t"}, "dynamics": {"name": "mlp"}})


def test_one_that_fails_in_the_middle_is_left_out_in_one_line_and_the_run_goes_on(
    tmp_path: Path, servers: dict[str, Server], caplog: pytest.LogCaptureFixture
) -> None:
    servers["one"].fails_at = 20
    with caplog.at_level(logging.WARNING, "wmzoo"), Run(tmp_path / "run", TWO) as run:
        for step in (10, 20, 30):
            run.log(row(step, 1.0))
    assert [row["env_steps"] for row in read_metrics(run.folder)] == [10, 20, 30]
    assert servers["one"].told == ["open", 10, 20] and servers["two"].told == ["open", 10, 20, 30, "done"]
    assert caplog.messages == ["loggers: one failed (ConnectionError: no answer); the run goes on without it"]
    assert json.loads((run.folder / "run.json").read_text())["status"] == "done"


def test_one_that_cannot_be_opened_is_told_before_a_new_run_begins(tmp_path: Path, servers: dict[str, Server]) -> None:
    servers["two"].fails_at = "open"
    with pytest.raises(WmzooError, match=r"loggers: two cannot be opened \(ConnectionError: no answer\)$"):
        Run(tmp_path / "run", TWO)
    assert servers["one"].told == ["open", "failed"] and not (tmp_path / "run").exists()


def test_a_resumed_run_goes_on_without_one_that_cannot_be_opened(
    tmp_path: Path, servers: dict[str, Server], caplog: pytest.LogCaptureFixture
) -> None:
    with Run(tmp_path / "run", TWO) as run:
        run.log(row(10, 1.0))
    servers["two"].fails_at = "open"
    with caplog.at_level(logging.WARNING, "wmzoo"), Run(run.folder, TWO, resumed=1) as resumed:
        resumed.go_on()
        resumed.log(row(20, 1.0))
    assert caplog.messages == ["loggers: two cannot be opened (ConnectionError: no answer); the run goes on without it"]
    assert servers["one"].told == ["open", 10, "done", "open", 20, "done"]
    assert servers["two"].told == ["open", 10, "done", "open"]
