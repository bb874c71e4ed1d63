"""Chunk files against tensordict itself, of today and of the generation that wrote the published ones."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from chunk_files import OLD_FILE, known_chunk, same

from wmzoo.data.chunks import Chunk, read_chunk, write_chunk
from wmzoo.errors import DamagedFile, WmzooError


def test_a_file_of_the_old_generation_is_read() -> None:
    assert same(read_chunk(OLD_FILE), known_chunk())


WITH_TENSORDICT = """
import sys, torch, tensordict
from pathlib import Path
from chunk_files import known_chunk, same
from wmzoo.data.chunks import read_chunk
old, ours, folder = map(Path, sys.argv[1:])
td = torch.load(ours, weights_only=False)
assert type(td) is tensordict.TensorDict and td.batch_size == (4, 4) and len(td[1:3, 2]) == 2
torch.save(torch.cat([td, td]), folder / "twice.pt")
chunk = known_chunk()
torch.save(tensordict.TensorDict(chunk._asdict(), batch_size=chunk.reward.shape), folder / "theirs.pt")
assert all(same(read_chunk(file), known_chunk()) for file in (old, ours, folder / "theirs.pt"))
"""


@pytest.fixture(scope="module")
def by_tensordict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of today's tensordict, in a process of its own: importing it changes what torch loads, and takes seconds.

    theirs.pt is known_chunk(), twice.pt two of the one in ours.pt, which is written here and loaded there as one of its
    own. Files of both kinds are read there, too, where tensordict itself is loaded.
    """
    folder = tmp_path_factory.mktemp("chunks")
    write_chunk(folder / "ours.pt", known_chunk())
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", WITH_TENSORDICT, str(OLD_FILE), str(folder / "ours.pt"), str(folder)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": paths})
    return folder


@pytest.mark.slow
def test_a_file_of_todays_tensordict_is_read(by_tensordict: Path) -> None:
    assert same(read_chunk(by_tensordict / "theirs.pt"), known_chunk())


def test_what_is_written_is_loaded_by_tensordict_as_one_of_its_own(by_tensordict: Path) -> None:
    assert same(read_chunk(by_tensordict / "ours.pt"), known_chunk())
    assert same(read_chunk(by_tensordict / "twice.pt"), Chunk(*(torch.cat([t, t]) for t in known_chunk())))


def test_the_same_chunk_makes_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("one.pt", "another.pt"):
        write_chunk(tmp_path / name, known_chunk())
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another.pt").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_chunk_that_cannot_be_written_leaves_the_former_one(tmp_path: Path) -> None:
    write_chunk(tmp_path / "chunk.pt", known_chunk())
    with pytest.raises(Exception, match="pickle"):
        write_chunk(tmp_path / "chunk.pt", known_chunk()._replace(task=lambda: None))  # type: ignore[arg-type]
    assert same(read_chunk(tmp_path / "chunk.pt"), known_chunk()) and len(list(tmp_path.iterdir())) == 1


class Runs:
    """Its unpickling creates a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def chunk_bytes(**changes: Any) -> bytes:
    """A chunk file in which some of the tensors are others, or missing (None)."""
    buffer = io.BytesIO()
    entries = {name: value for name, value in {**known_chunk()._asdict(), **changes}.items() if value is not None}
    from wmzoo.data import chunks

    written = chunks._TensorDict()
    written.__setstate__({"_tensordict": entries})
    torch.save(written, buffer, pickle_module=chunks._PickleModule)
    return buffer.getvalue()


def rezipped(
    content: bytes, change: Callable[[str, bytes], bytes] = lambda name, data: data, compress: int = 0
) -> bytes:
    """The same archive with changed records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compress) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


GOOD = chunk_bytes()
ZEROS = torch.zeros


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty; a chunk is an archive"),
        (b"episodes, rewards\n", "of another kind; a chunk is an archive"),
        (pickle.dumps(Runs()), "a pickle, of which nothing was run"),
        (saved(Runs()), r"asks for (posix|os)\.system, which no chunk needs; nothing of it was run"),
        (chunk_bytes(extra=Runs()), r"asks for (posix|os)\.system, which no chunk needs; nothing of it was run"),
        (saved(SimpleNamespace(a=1)), "asks for types.SimpleNamespace, which no chunk needs"),
        (GOOD[: len(GOOD) // 2], "truncated or damaged"),
        (GOOD[:-10], "truncated or damaged"),
        (rezipped(GOOD, compress=zipfile.ZIP_DEFLATED), "is compressed, which torch.save never does"),
        (
            rezipped(GOOD, lambda name, data: data + b"\0" * 2**21 if name.endswith("data.pkl") else data),
            "has 2,097,[0-9]* bytes, too many",
        ),
        (
            rezipped(GOOD, lambda name, data: b"big" if name.endswith("byteorder") else data),
            "the other byte order",
        ),
        (rezipped(GOOD, lambda name, data: b"" if name.endswith("data.pkl") else data), "damaged, or no chunk"),
        (rezipped(GOOD, lambda name, data: data[:-1] if name.endswith("data.pkl") else data), "damaged, or no chunk"),
        (saved({"obs": ZEROS(2, 3, 4)}), "no chunk: it holds no TensorDict but a dict"),
        (saved(ZEROS(3)), "no chunk: it holds no TensorDict but a Tensor"),
        (chunk_bytes(reward=None), "no chunk: it has no tensor reward"),
        (chunk_bytes(reward=None, task="0"), "no chunk: it has no tensor reward, task"),
        (chunk_bytes(obs=ZEROS(4, 4, 3, dtype=torch.float64)), "obs is a tensor of float64"),
        (chunk_bytes(task=ZEROS(4, 4)), "task is a tensor of float32"),
        (chunk_bytes(reward=ZEROS(4, 4).to_sparse()), "damaged, or no chunk|reward is a tensor"),
        (chunk_bytes(reward=ZEROS(4, 4, device="meta")), "damaged, or no chunk|reward is a tensor"),
        (chunk_bytes(reward=ZEROS(4, 3)), r"reward has shape \[4, 3\], obs \[4, 4, 3\]"),
        (chunk_bytes(obs=ZEROS(4, 12)), r"obs has shape \[4, 12\]"),
        (chunk_bytes(**{k: v[:0] for k, v in known_chunk()._asdict().items()}), "obs has shape"),
        (chunk_bytes(**{k: v[:, :1] for k, v in known_chunk()._asdict().items()}), "its episodes have no step"),
        (
            chunk_bytes(
                obs=ZEROS(1, 1, 3).expand(10**12, 4, 3),
                action=ZEROS(1, 1, 2).expand(10**12, 4, 2),
                reward=ZEROS(1, 1).expand(10**12, 4),
                task=ZEROS(1, 1, dtype=torch.int32).expand(10**12, 4),
            ),
            "one and the same over and over",
        ),
    ],
)
def test_what_is_no_chunk_is_refused_in_one_line_and_nothing_of_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "chunk.pt"
    file.write_bytes(content)
    with warnings.catch_warnings(), pytest.raises(DamagedFile, match=says) as refused:
        warnings.simplefilter("ignore")
        read_chunk(file)
    assert str(refused.value).startswith(f"{file}: ") and "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_not_there_is_no_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(WmzooError, match="No such file") as refused:
        read_chunk(tmp_path / "chunk.pt")
    assert not isinstance(refused.value, DamagedFile)


def test_the_tasks_of_a_chunk_may_be_one_number_seen_many_times(tmp_path: Path) -> None:
    task = torch.tensor(1, dtype=torch.int32).expand(4, 4)
    (tmp_path / "chunk.pt").write_bytes(chunk_bytes(task=task))
    assert torch.equal(read_chunk(tmp_path / "chunk.pt").task, task)
