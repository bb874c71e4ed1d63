"""Names that PyTorch's wrappers leave in a state dict: dropped wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import pytest
import torch

import wmzoo
from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert


def converted(content: Any, folder: Path) -> dict[str, torch.Tensor]:
    folder.mkdir()
    torch.save(content, folder / "x.pt")
    convert(folder / "x.pt", folder / "out")
    return dict(wmzoo.load(folder / "out").state_dict())


def renamed(change: Any) -> dict[str, Any]:
    return {change(name): tensor for name, tensor in foreign.world_model().items()}


def inside(name: str) -> str:
    part, _, rest = name.partition(".")
    return f"{part}._orig_mod.{rest}"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda name: f"module.{name}", marks=pytest.mark.slow),
        pytest.param(lambda name: f"_orig_mod.{name}", marks=pytest.mark.slow),
        pytest.param(lambda name: f"module._orig_mod.{name}", marks=pytest.mark.slow),
        pytest.param(lambda name: f"_orig_mod.module.{name}", marks=pytest.mark.slow),
        pytest.param(inside, marks=pytest.mark.slow),
        lambda name: f"module.{inside(name)}",
    ],
)
@pytest.mark.parametrize("key", ["model", None])
def test_a_wrapped_model_is_the_model(tmp_path: Path, change: Any, key: str | None) -> None:
    plain = converted({"model": foreign.world_model()}, tmp_path / "plain")
    state = renamed(change)
    wrapped = converted({key: state} if key else state, tmp_path / "wrapped")
    assert plain.keys() == wrapped.keys() and all(torch.equal(plain[name], wrapped[name]) for name in plain)


def test_a_wrapped_policy_of_pwm_is_the_policy(tmp_path: Path) -> None:
    def file(change: Any) -> dict[str, Any]:
        torch.manual_seed(0)
        model = foreign.world_model(tasks=0, encoder_name="_encoder")
        actor = {change(name): tensor for name, tensor in foreign.actor().items()}
        return {"world_model": model, "actor": actor, "critic": foreign.critic(), "obs_rms": None, "rew_rms": None}

    plain = converted(file(lambda name: name), tmp_path / "plain")
    wrapped = converted(file(lambda name: f"module._orig_mod.{name}"), tmp_path / "wrapped")
    assert "actor.log_std" in plain and plain.keys() == wrapped.keys()
    assert all(torch.equal(plain[name], wrapped[name]) for name in plain)


def test_one_name_wrapped_and_bare_is_refused(tmp_path: Path) -> None:
    state = foreign.world_model()
    state["module._reward.0.bias"] = state["_reward.0.bias"].clone()
    torch.save({"model": state}, tmp_path / "x.pt")
    with pytest.raises(WmzooError, match=r"model has _reward.0.bias twice, once in a wrapper"):
        convert(tmp_path / "x.pt", tmp_path / "out")
