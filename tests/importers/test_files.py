"""Files that are refused: one line each, nothing of them is run, and no folder is left behind."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import foreign
import pytest
import torch

import wmzoo
from wmzoo.cli.main import main
from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert


class Shell:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(words: str) -> None:
    with pytest.raises(WmzooError, match=words) as error:
        convert(Path("x.pt"), Path("out"))
    assert str(error.value).startswith("x.pt: ") and "\n" not in str(error.value)
    assert os.listdir() == ["x.pt"]


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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (torch.zeros(3), "holds a Tensor; a checkpoint of TD-MPC2 or PWM is a dictionary"),
        ({"epoch": 3}, "lacks _encoder.state.0.weight"),
        ({"model": [1, 2]}, "model is a list, no state dict"),
        ({"world_model": {}}, "lacks _encoder.0.weight"),
        ({"model": {key: value.to("meta") for key, value in foreign.world_model().items()}}, "shapes, but no numbers"),
        (
            {"model": {**foreign.world_model(), "_reward.2.bias": torch.full([101], float("nan"))}},
            "that are not finite",
        ),
        ({"model": {**foreign.world_model(), "_reward.2.bias": torch.zeros(1).expand(101)}}, "is no dense tensor"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content: Any, words: str) -> None:
    torch.save(content, "x.pt")
    refused(words)


def test_text_and_missing_files_are_refused() -> None:
    Path("x.pt").write_text("<html>not found</html>")
    refused("damaged, or no file of torch.save")
    Path("x.pt").unlink()
    with pytest.raises(WmzooError, match=r"x.pt: No such file"):
        convert(Path("x.pt"), Path("out"))


def test_a_folder_that_holds_something_is_left_alone() -> None:
    torch.save({"model": foreign.world_model()}, "x.pt")
    Path("out").mkdir()
    convert(Path("x.pt"), Path("out"))
    before = Path("out/config.yaml").read_bytes()
    for place in (Path("out"), Path("x.pt")):
        with pytest.raises(WmzooError, match=f"^{place}: exists and is not empty; give a new folder"):
            convert(Path("x.pt"), place)
    assert Path("out/config.yaml").read_bytes() == before


def test_a_name_that_means_something_in_a_config_is_no_harm() -> None:
    Path("${oc.env:HOME}`|\n.pt").write_bytes(b"")
    torch.save({"model": foreign.world_model()}, "${oc.env:HOME}`|\n.pt")
    convert(Path("${oc.env:HOME}`|\n.pt"), Path("out"))
    assert wmzoo.load("out").cfg.checkpoint.origin.source.file == "_{oc.env:HOME}___.pt"


def test_the_command_prints_what_came_of_the_file_and_refuses_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": foreign.world_model()}, "x.pt")
    assert main(["convert", "x.pt", "out", "model.bin_range=5"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("TD-MPC2, layout until November 2024: 4 tasks, observations of 5, actions of 3, latents")
    assert wmzoo.load("out").world_model.reward_code.limit == 5
    assert main(["convert", "x.pt", "out"]) == 2 and main(["convert", "x.pt", "two", "model.units=[8]"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "x.pt: does not fit the settings 'model.units=[8]': " in said[1]
    for use, says in (
        (["evaluate", "out"], "out: holds a world model"),
        (
            ["diagnose", "out", "--out", "figures"],
            "out: its config does not say which tasks its numbers are; `wmzoo conv",
        ),
    ):
        assert main(use) == 2
        assert says in capsys.readouterr().err


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from wmzoo.cli.main import main\n"
        "try: main(['convert', '--help'])\n"
        "finally: assert not {'torch', 'hydra', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "KEY=VALUE" in done.stdout and "running statistics" in done.stdout
