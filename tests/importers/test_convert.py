"""What becomes of a converted file, and what is refused, in one line."""

from __future__ import annotations

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
