"""Files of torch.save that are refused: one line each, nothing of them is run, and no folder is left behind."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path
from typing import Any

import foreign
import pytest
import torch
from foreign import refused

import wmzoo
from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Shell:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_a_command_is_refused_and_runs_nothing(zipped: bool) -> None:
    content = {"model": foreign.world_model(), "extra": Shell()}
    torch.save(content, "x.pt", _use_new_zipfile_serialization=zipped)
    refused(r"it asks for \w+\.system, and code that a file asks for is not run")
    with open("x.pt", "wb") as file:
        pickle.dump(Shell(), file)
    refused("it asks for|damaged, or no file of torch.save")


def test_the_environment_cannot_talk_it_into_running_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save({"model": Shell()}, "x.pt")
    refused("it asks for")


@pytest.mark.parametrize("zipped", [True, False])
def test_files_written_either_way_are_read(zipped: bool) -> None:
    state = foreign.world_model()
    torch.save({"model": state}, "x.pt", _use_new_zipfile_serialization=zipped)
    convert(Path("x.pt"), Path("out"))
    head = wmzoo.load("out").world_model.reward_head
    assert torch.equal(head[-1].weight, state["_reward.2.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_refused_wherever_it_ends(zipped: bool) -> None:
    torch.save({"model": foreign.world_model()}, "x.pt", _use_new_zipfile_serialization=zipped)
    whole = Path("x.pt").read_bytes()
    for part in (0, 1, 100, len(whole) // 2, len(whole) - 100):
        Path("x.pt").write_bytes(whole[:part])
        refused("damaged, or no file of torch.save")


def test_bytes_changed_in_the_description_of_the_tensors_are_refused_in_one_line() -> None:
    torch.save({"model": foreign.world_model()}, "x.pt")
    whole, draw, said = Path("x.pt").read_bytes(), random.Random(0), []
    for attempt in range(40):
        changed = bytearray(whole)
        for _ in range(5):
            changed[draw.randrange(4000)] = draw.randrange(256)
        Path("x.pt").write_bytes(changed)
        try:
            convert(Path("x.pt"), Path(f"out{attempt}"))
        except WmzooError as error:
            said.append(str(error))
    assert len(said) > 20 and all(text.startswith("x.pt: ") and "\n" not in text for text in said)


def test_text_and_missing_files_are_refused() -> None:
    Path("x.pt").write_text("<html>not found</html>")
    refused("damaged, or no file of torch.save")
    Path("x.pt").unlink()
    with pytest.raises(WmzooError, match=r"x.pt: No such file"):
        convert(Path("x.pt"), Path("out"))
