"""Statistics out of PWM's own objects, of whose code nothing is run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import foreign
import pytest
import torch
from foreign import pwm_file
from torch import Tensor

import wmzoo
from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


class RunningMeanStd:
    """Has what PWM's own class has."""

    def __init__(self, mean: Any, var: Any, count: Any = 100.5) -> None:
        self.shape, self.mean, self.var, self.count = (1,), mean, var, count


NAME = "pwm.utils.running_mean_std"


def save(content: dict[str, Any], file: Path, zipped: bool = True) -> None:
    """torch.save where the class is PWM's, as far as a file tells; afterwards there is no such module."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("pwm", "pwm.utils", NAME):
            patch.setitem(sys.modules, module, ModuleType(module))
        patch.setattr(RunningMeanStd, "__module__", NAME)
        patch.setattr(sys.modules[NAME], "RunningMeanStd", RunningMeanStd, raising=False)
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert NAME not in sys.modules and NAME.encode() in file.read_bytes()


@torch.no_grad()
@pytest.mark.parametrize("zipped", [True, False])
def test_statistics_are_read_out_of_pwm_s_own_objects(tmp_path: Path, zipped: bool) -> None:
    mean, var = torch.rand(5), torch.rand(5) + 0.5
    rewards = RunningMeanStd(torch.tensor([0.7]), torch.tensor([4.0]))
    content = pwm_file() | {"obs_rms": RunningMeanStd(mean, var), "rew_rms": rewards, "ret_rms": rewards}
    save(content, tmp_path / "pwm.pt", zipped)
    lines = convert(tmp_path / "pwm.pt", tmp_path / "out")
    agent, source = wmzoo.load(tmp_path / "out"), foreign.Foreign(content["world_model"])
    model, obs, a = agent.world_model, torch.rand(8, 5), torch.rand(8, 3) * 2 - 1
    z = source.encode((obs - mean) / (var + 1e-5).sqrt(), None)
    close(model.encode(obs), z)
    close(model.next(z, a), source.next(z, a, None))
    close(model.reward(z, a), source.reward(z, a, None))
    moments = model.reward_moments
    assert [moments.count.item(), moments.mean.item(), moments.var.item()] == pytest.approx([100.5, 0.7, 4.0])
    assert (agent.cfg.recipe.reward_scale, agent.cfg.recipe.reward_clip) == ("mean_std", 5.0)
    assert "not used: actor_opt, critic_opt, ret_rms, world_model_opt" in lines


class Shell:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


class OfArguments(RunningMeanStd):
    """Asks for the class to be called with an argument."""

    def __reduce__(self) -> Any:
        return RunningMeanStd, ("touch ran",)


class Stateful(RunningMeanStd):
    """Gives an object of the class a state of its own choice."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return RunningMeanStd, (), self.state


ONE = torch.ones(1)
NOT_ONE = f"its {NAME}.RunningMeanStd is none: it has no tensors mean and var with a number count"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([RunningMeanStd(ONE, ONE), Shell()], r"it asks for \w+.system, and code that a file asks for is not run"),
        (RunningMeanStd(ONE, Shell()), r"it asks for \w+.system, and code that a file asks for is not run"),
        (OfArguments(ONE, ONE), f"it makes a {NAME}.RunningMeanStd out of arguments"),
        (Stateful("touch ran"), NOT_ONE),
        (Stateful((None, {"__class__": "Shell", "values": 1})), NOT_ONE),
        (Stateful({"mean": ONE, "var": ONE}), NOT_ONE),
        (RunningMeanStd([1.0], ONE), NOT_ONE),
        (RunningMeanStd(ONE, ONE, "1"), NOT_ONE),
    ],
)
def test_what_abuses_the_name_of_pwm_s_class_is_refused_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, words: str, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    save(pwm_file() | {"rew_rms": RunningMeanStd(ONE, ONE), "ret_rms": value}, Path("in.pt"), zipped)
    with pytest.raises(WmzooError, match=words) as error:
        convert(Path("in.pt"), Path("out"))
    assert str(error.value).startswith("in.pt: ") and "\n" not in str(error.value)
    assert os.listdir() == ["in.pt"]


@pytest.mark.parametrize(
    "value",
    [
        RunningMeanStd(torch.ones(2), ONE),
        RunningMeanStd(ONE, -ONE),
        RunningMeanStd(ONE, ONE, -1.0),
        RunningMeanStd(ONE, ONE, 2**1100),
        RunningMeanStd(ONE.expand(10**12), ONE),
        RunningMeanStd(ONE, ONE.to("meta")),
        RunningMeanStd,
        Stateful(None),
    ],
)
def test_objects_without_the_statistics_are_refused(tmp_path: Path, value: Any) -> None:
    save(pwm_file() | {"rew_rms": value}, tmp_path / "in.pt")
    with pytest.raises(WmzooError, match=r"in.pt: rew_rms is no mean and var of one number with a count$"):
        convert(tmp_path / "in.pt", tmp_path / "out")


def test_the_name_is_good_for_no_other_class_of_pwm_s(tmp_path: Path) -> None:
    save(pwm_file() | {"ret_rms": RunningMeanStd(ONE, ONE)}, tmp_path / "in.pt", zipped=False)
    forged = (tmp_path / "in.pt").read_bytes().replace(b"\nRunningMeanStd\n", b"\nRunningMeanVar\n")
    (tmp_path / "in.pt").write_bytes(forged)
    with pytest.raises(WmzooError, match=rf"in.pt: it asks for {NAME}.RunningMeanVar, and code that a file asks for"):
        convert(tmp_path / "in.pt", tmp_path / "out")
