"""The safetensors files that wmzoo writes: others open them, equal tensors make equal bytes, old files still open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import wmzoo
from wmzoo.errors import DamagedFile
from wmzoo.storage import tensors as module
from wmzoo.storage.tensors import DTYPES, digest, open_tensors, read_tensors, write_tensors


def some() -> dict[str, torch.Tensor]:
    return {
        "b/ä": torch.arange(6.0).view(2, 3),
        "a": torch.tensor(True),
        "empty": torch.zeros(0, 3),
        "c": torch.arange(12).view(3, 4).T,
        **{f"of {name}": torch.tensor([0, 1, 1]).to(dtype) for name, dtype in DTYPES.items()},
    }


def equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one.to(torch.complex128), other.to(torch.complex128))


def test_the_metadata_says_the_format_that_transformers_and_accelerate_ask_for(tmp_path: Path) -> None:
    wmzoo.build_agent(wmzoo.compose(["size=tiny"]), 3, 1).save(tmp_path / "bundle")
    with safe_open(tmp_path / "bundle" / "model.safetensors", "pt") as opened:
        assert opened.metadata()["format"] == "pt"


def test_safetensors_itself_reads_what_is_written_in_every_type(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", some())
    found = load_file(tmp_path / "x.safetensors")
    assert found.keys() == some().keys()
    for name, tensor in some().items():
        assert equal(found[name], tensor)


@pytest.mark.slow
def test_every_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys, torch; from pathlib import Path; from wmzoo.storage.tensors import write_tensors\n"
        "names = sys.argv[2:]; write_tensors(Path(sys.argv[1]), {n: torch.full((3,), float(n)) for n in names})"
    )
    mine, theirs = tmp_path / "mine.safetensors", tmp_path / "theirs.safetensors"
    write_tensors(mine, {name: torch.full((3,), float(name)) for name in "123"})
    subprocess.run([sys.executable, "-c", code, str(theirs), *"312"], check=True)
    assert theirs.read_bytes() == mine.read_bytes()


def test_numbers_begin_where_their_type_can_be_read(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", some())
    content = (tmp_path / "x.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert size % 8 == 0
    for name, tensor in some().items():
        assert header[name]["data_offsets"][0] % tensor.itemsize == 0


def test_a_file_with_the_digest_alone_as_older_versions_wrote_it_is_read(tmp_path: Path) -> None:
    old = {"x": torch.arange(5.0)}
    save_file(old, tmp_path / "x.safetensors", metadata={"sha256": digest(old)})
    assert torch.equal(read_tensors(tmp_path / "x.safetensors")["x"], old["x"])
    save_file(old, tmp_path / "x.safetensors", metadata={"sha256": "0" * 64})
    with pytest.raises(DamagedFile, match="what it holds is not what was saved"):
        read_tensors(tmp_path / "x.safetensors")


def test_tensors_are_the_same_in_pieces_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "whole.safetensors", some())
    for piece in (1, 17, 50):
        monkeypatch.setattr(module, "PIECE", piece)
        write_tensors(tmp_path / "pieces.safetensors", some())
        assert (tmp_path / "pieces.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
        stored = open_tensors(tmp_path / "whole.safetensors")
        assert all(equal(stored[name].read(), tensor) for name, tensor in some().items())


def test_rows_of_a_stored_tensor_are_those_of_the_tensor(tmp_path: Path) -> None:
    x = torch.arange(30).view(10, 3)
    write_tensors(tmp_path / "x.safetensors", {"first": torch.zeros(7), "x": x})
    stored = open_tensors(tmp_path / "x.safetensors")["x"]
    assert stored.shape == x.shape and stored.dtype == x.dtype and len(stored) == 10
    for rows in (slice(0, 3), slice(4, 5), slice(7, None), slice(9, 99), slice(3, 3), slice(-2, None)):
        assert torch.equal(stored[rows], x[rows])
