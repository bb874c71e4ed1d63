"""The yardstick of benchmarks/speed.py computes the losses that wmzoo computes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from wmzoo.agent.build import build_agent
from wmzoo.config.composition import compose
from wmzoo.data.replay import Slices
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm
from wmzoo.pwm.imagination import Feedback

FILE = Path(__file__).parents[2] / "benchmarks" / "transcription.py"
H, B, OBS, ACT = 5, 6, 4, 3
SIZES = ["model.latent_dim=16", "model.encoder_units=[12]", "model.units=[20,14]", "actor.units=[10,7]"]
SIZES += ["critic.units=[11,9]", "recipe=paper", "dynamics=mlp", "env=Hopper-v5"]
BINS = {
    "scalar": [],
    "two-hot": ["model.num_bins=11"],
    "two-hot in symlog": ["model.num_bins=11", "model.symexp=false"],
}


@pytest.fixture(scope="module")
def transcription() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transcription", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def streams() -> dict[str, torch.Generator]:
    return {name: torch.Generator().manual_seed(i) for i, name in enumerate(("imagination", "minibatch", "tau"))}


def pair(module: ModuleType, overrides: list[str]) -> tuple[PWM, Any]:
    """wmzoo's algorithm and the transcription, in float64 with the same weights, none of them zero."""
    cfg = compose([*SIZES, *overrides])
    agent = build_agent(cfg, OBS, ACT).double()
    assert agent.actor is not None
    with torch.no_grad():
        for i, parameter in enumerate(agent.parameters()):
            parameter.add_(draw(*parameter.shape, seed=i), alpha=0.2)
        agent.actor.log_std[0] = -2.0  # below its floor
    agent.world_model.reward_moments.update(3 * draw(50, seed=1) + 1)
    own = module.Transcription(cfg, OBS, ACT).double()
    module.copy_weights(agent, own)
    own.start_optimisers()
    return build_pwm(cfg, agent, streams()), own


def slices(seed: int) -> Slices:
    return Slices(draw(H + 1, B, OBS, seed=seed), draw(H, B, ACT, seed=seed + 1), 4 * draw(H, B, seed=seed + 2))


def feedback(step: int) -> Feedback:
    """Episodes end in the middle and at the last step, by termination and by truncation."""
    done, terminated = torch.zeros(B, dtype=torch.bool), torch.zeros(B, dtype=torch.bool)
    if step in (1, 2, H - 1):
        done[step % B] = done[(step + 2) % B] = True
        terminated[step % B] = True
    return Feedback(done, terminated, draw(B, OBS, seed=100 + step))


def driven() -> tuple[Any, Any]:
    """The same environment for both."""
    counts = {"theirs": iter(range(H)), "own": iter(range(H))}
    return lambda _: feedback(next(counts["theirs"])), lambda _: tuple(feedback(next(counts["own"])))


@pytest.mark.parametrize("bins", BINS)
def test_the_model_losses_are_equal(transcription: ModuleType, bins: str) -> None:
    pwm, own = pair(transcription, BINS[bins])
    for seed in (10, 20, 30):  # later losses see what clipping and Adam made of the gradients before
        data = slices(seed)
        theirs = pwm.update_model(data)["wm_loss"]
        assert own.update_model(*data[:3]) == pytest.approx(theirs.item(), rel=1e-9, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("ends", [False, True])
def test_the_actor_and_critic_losses_are_equal(transcription: ModuleType, bins: str, ends: bool) -> None:
    pwm, own = pair(transcription, BINS[bins])
    for seed in (10, 20, 30):
        drives = driven() if ends else (None, None)
        obs = draw(B, OBS, seed=seed)
        noise = torch.randn((H, B, ACT), generator=_copy(pwm.streams["imagination"])).double()
        orders = _copy(pwm.streams["minibatch"])
        rollout, row = pwm.update_actor(obs, H, drive=drives[0])
        loss, own_rollout = own.update_actor(obs, noise, drives[1])
        assert loss == pytest.approx(row["policy_loss"].item(), rel=1e-9, abs=1e-12)
        value_loss = pwm.update_critic(rollout)["value_loss"]
        assert own.update_critic(own_rollout, orders) == pytest.approx(value_loss.item(), rel=1e-9, abs=1e-12)


def _copy(generator: torch.Generator) -> torch.Generator:
    return torch.Generator().set_state(generator.get_state())


def test_another_recipe_is_refused(transcription: ModuleType) -> None:
    with pytest.raises(ValueError, match="dynamics.residual=logit is not transcribed, only none"):
        transcription.Transcription(compose([*SIZES, "dynamics.residual=logit"]), OBS, ACT)
