"""Small files that ask for a lot of memory: refused before they get it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign
import pytest
import torch
from chunk_files import known_chunk
from memory import taken
from omegaconf import OmegaConf

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.agent.load import load
from wmzoo.data import chunks
from wmzoo.data.chunks import read_chunk
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.importers.convert import convert
from wmzoo.importers.torch_file import read_torch_file
from wmzoo.storage.torch_file import MOST

ALLOWED = 2**27  # bytes more than before, for whatever a refusal takes


def refused(action: Callable[[], object]) -> str:
    """What is said by an action that takes no more than ALLOWED for it."""
    said = []

    def fails() -> None:
        with pytest.raises(WmzooError) as refusal:
            action()
        said.append(str(refusal.value))

    more = taken(fails)
    assert more < ALLOWED, f"{more:,} bytes"
    return said[0]


class Calls:
    """Its unpickling is a call."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.call = (function, given)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def chunk_with(**entries: Any) -> bytes:
    written = chunks._TensorDict()
    written.__setstate__({"_tensordict": {**known_chunk()._asdict(), **entries}})
    buffer = io.BytesIO()
    torch.save(written, buffer, pickle_module=chunks._PickleModule)
    return buffer.getvalue()


def test_a_chunk_whose_pickle_asks_for_bytes(tmp_path: Path) -> None:
    (tmp_path / "chunk.pt").write_bytes(chunk_with(more=Calls(bytearray, 2**30)))
    said = refused(lambda: read_chunk(tmp_path / "chunk.pt"))
    assert "asks for __builtin__.bytearray, which no chunk needs; nothing of it was run" in said


@pytest.mark.parametrize("name", ["obs", "action", "reward"])
def test_a_chunk_in_which_one_number_stands_for_many(tmp_path: Path, name: str) -> None:
    shape = {"obs": (3,), "action": (2,), "reward": ()}[name]
    entries: dict[str, Any] = {
        key: torch.zeros(10**5, 4, *((1,) * (tensor.dim() - 2)), dtype=tensor.dtype)
        for key, tensor in known_chunk()._asdict().items()
    }
    entries[name] = torch.zeros((1, 1, *((1,) * len(shape)))).expand(10**5, 4, *((10**4,) * len(shape)))
    if name == "reward":
        entries["obs"] = torch.zeros(1, 1, 1).expand(10**5, 4, 1)
    (tmp_path / "chunk.pt").write_bytes(chunk_with(**entries))
    with pytest.raises(DamagedFile, match="fewer numbers than it shows"):
        read_chunk(tmp_path / "chunk.pt")


@pytest.mark.slow
def test_a_checkpoint_with_a_deflated_pickle(tmp_path: Path) -> None:
    torch.save({"model": foreign.world_model(), "more": "0" * 2 * ALLOWED}, tmp_path / "whole.pt")
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as old,
        zipfile.ZipFile(tmp_path / "x.pt", "w", 8, compresslevel=1) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert (tmp_path / "x.pt").stat().st_size < 10**7 < ALLOWED < (tmp_path / "whole.pt").stat().st_size
    said = refused(lambda: convert(tmp_path / "x.pt", tmp_path / "out"))
    assert "data.pkl is compressed, which torch.save never does" in said


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        Calls(bytearray, 2**40),
        Calls(torch.FloatTensor, 2**40),
        Calls(torch.FloatStorage, 2**40),
        Calls(torch.UntypedStorage, 2**40),
    ],
)
def test_a_checkpoint_that_calls_what_takes_memory(tmp_path: Path, call: Calls, zipped: bool) -> None:
    torch.save({"model": call}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WmzooError, match=r"x.pt: it asks for .*, and code that a file asks for is not run"):
        read_torch_file(tmp_path / "x.pt")


def test_a_checkpoint_whose_description_is_longer_than_any(tmp_path: Path) -> None:
    for zipped, words in ((True, "too many for a description"), (False, "damaged, or no file of torch.save")):
        torch.save({"more": "x" * (MOST + 1)}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(DamagedFile, match=words):
            read_torch_file(tmp_path / "x.pt")


def test_a_tensor_that_reaches_beyond_its_numbers_gets_no_more_of_them(tmp_path: Path) -> None:
    small = torch.storage.TypedStorage(wrap_storage=torch.zeros(3).untyped_storage(), dtype=torch.float, _internal=True)
    made = Calls(torch._utils._rebuild_tensor_v2, small, 0, (10**9,), (1,), False, {})
    for zipped in (True, False):
        torch.save({"model": made}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(DamagedFile, match=r"a tensor \[1000000000\] reaches beyond the 3 numbers"):
            read_torch_file(tmp_path / "x.pt")


def test_records_that_are_the_same_bytes_are_counted(tmp_path: Path) -> None:
    torch.save({"model": {"x": torch.zeros(10**5)}}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt", "a") as archive:
        archive.filelist += [entry for entry in archive.filelist if entry.filename.endswith("data/0")]
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(DamagedFile, match="more than once"):
        read_torch_file(tmp_path / "x.pt")


def test_tensors_that_are_all_the_same_numbers_are_not_copied_again_and_again(tmp_path: Path) -> None:
    model = foreign.world_model()
    model["_encoder.state.1.bias"] = model["_encoder.state.1.ln.bias"]
    torch.save({"model": model}, tmp_path / "x.pt")
    with pytest.raises(WmzooError, match="is made of numbers that others are made of, too"):
        convert(tmp_path / "x.pt", tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model.latent_dim": 2**14, "model.units": [2**14] * 2}, "the config makes it float32"),
        ({"critic.num": 1024, "critic.units": [2**14, 2**14]}, "the config makes it float32"),
    ],
)
def test_a_bundle_whose_config_asks_for_more_than_its_weights(tmp_path: Path, change: Any, words: str) -> None:
    bundle = tmp_path / "bundle"
    build_agent(wmzoo.compose(["size=tiny", "dynamics=mlp"]), 5, 1).save(bundle)
    _edit(bundle, change)
    assert f"{bundle}/model.safetensors: does not fit its config.yaml: " in (said := refused(lambda: load(bundle)))
    assert words in said


def test_a_bundle_whose_config_asks_for_a_table_beside_its_weights(tmp_path: Path) -> None:
    bundle, tasks, actions = tmp_path / "bundle", 2_000, 2**15
    words = ["size=tiny", "dynamics=mlp", "model.units=[1]", "actor.units=[1]", f"model.num_tasks={tasks}"]
    agent = build_agent(wmzoo.compose([*words, "model.task_dim=1"]), 5, actions)
    agent.save(bundle)
    _edit(bundle, {"model.action_dims": [1] * tasks})
    assert re.search(r"asks for 262,\d{3},\d{3} bytes beside the weights", refused(lambda: load(bundle)))


def _edit(bundle: Path, change: Any) -> None:
    """Change the config, without the seal that would tell."""
    cfg = OmegaConf.load(bundle / "config.yaml")
    del cfg.checkpoint["sha256"]
    for key, value in change.items():
        OmegaConf.update(cfg, key, value)
    OmegaConf.save(cfg, bundle / "config.yaml")
