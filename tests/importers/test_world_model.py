"""A world model of another project of which something is missing or does not fit."""

from __future__ import annotations

from typing import Any

import foreign
import pytest
import torch
from torch import Tensor

from wmzoo.errors import WmzooError
from wmzoo.importers.tdmpc2 import read_tdmpc2

MASKS = torch.tensor([[1.0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]])


def old(model: foreign.State) -> dict[str, Any]:
    return {"model": model | foreign.unused_by_pwm(model)}


def present(model: foreign.State) -> dict[str, Any]:
    more = foreign.unused_by_pwm_since_november_2024(model)
    return {"model": model | more | ({"_action_masks": MASKS} if "_task_emb.weight" in model else {})}


@pytest.mark.parametrize("layout", [old, present])
def test_a_missing_tensor_is_named(layout: Any) -> None:
    content = layout(foreign.world_model())
    for name in foreign.world_model():
        rest = {key: value for key, value in content["model"].items() if key != name}
        with pytest.raises(WmzooError, match=f"^lacks {name}"):
            read_tdmpc2({"model": rest})
    with pytest.raises(WmzooError, match=r"^lacks _reward.2.weight"):
        read_tdmpc2({"model": {key: value for key, value in content["model"].items() if "_reward.2" not in key}})


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("_dynamics.1.weight", torch.zeros(24, 23), r"_dynamics.1.weight is \[24, 23\] where \[any, 24\] is needed"),
        ("_encoder.state.1.ln.bias", torch.zeros(3), r"_encoder.state.1.ln.bias is \[3\] where \[16\] is needed"),
        ("_encoder.state.0.bias", torch.zeros(20, 1), r"_encoder.state.0.bias is \[20, 1\]"),
        ("_reward.0.weight", torch.zeros(24, 29), r"its parts do not fit each other: encoder \[11, 20, 16\], dynamics"),
        ("_task_emb.weight", torch.zeros(4, 11), r"its parts do not fit each other: .*task vectors of 11"),
        ("_dynamics.0.weight", torch.zeros(1).expand(24, 25), "_dynamics.0.weight is no dense tensor"),
        ("_dynamics.0.weight", torch.zeros(24, 25, dtype=torch.int64), "_dynamics.0.weight is no dense tensor"),
        ("_encoder.rgb.2.weight", torch.zeros(3), "has _encoder.rgb.2.weight, which this layout does not"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(name: str, tensor: Tensor, words: str) -> None:
    with pytest.raises(WmzooError, match=words):
        read_tdmpc2({"model": foreign.world_model() | {name: tensor}})
