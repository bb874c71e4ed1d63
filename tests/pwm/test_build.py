"""What the algorithm cannot be built of."""

from __future__ import annotations

import pytest
import torch
from composed import composed

from wmzoo.agent.build import build_agent
from wmzoo.errors import WmzooError
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm

ENERGY = "loss.add=[{name: conservation, invariant: energy}]"


def built(*overrides: str, critic: bool = True) -> PWM:
    cfg = composed("size=tiny", *overrides)
    if not critic:
        cfg.actor = cfg.critic = None
    agent = build_agent(cfg, obs_dim=3, act_dim=2)
    return build_pwm(cfg, agent, {name: torch.Generator() for name in ("imagination", "minibatch", "tau")})


def test_a_loss_is_asked_before_anything_is_trained_whether_it_has_what_it_needs() -> None:
    with pytest.raises(WmzooError, match="needs energy, which MLPDynamics does not have: dynamics=port"):
        built("dynamics=mlp", ENERGY)
    built("dynamics=port_hamiltonian", ENERGY)
    for overrides in (["loss=value_equivalent"], ["loss.add=[{name: value_equivalent}]"]):
        with pytest.raises(WmzooError, match="needs critics, which this training does not have: trainer=online has"):
            built("dynamics=mlp", *overrides, critic=False)
        built("dynamics=mlp", *overrides)
