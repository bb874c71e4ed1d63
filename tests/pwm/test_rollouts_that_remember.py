"""A dynamics that remembers more than its latent is rolled out in imagination as in its loss."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wmzoo.agent.build import build_agent
from wmzoo.config.composition import compose
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm

H, B = 5, 4


@pytest.fixture
def pwm() -> PWM:
    cfg = compose(["size=tiny", "dynamics=actions", "threads=1"])
    agent = build_agent(cfg, 3, 2)
    torch.manual_seed(0)
    for parameter in agent.world_model.dynamics.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    streams = {name: torch.Generator() for name in ("imagination", "minibatch", "tau")}
    return build_pwm(cfg, agent, streams)


def test_imagination_follows_the_dynamics_rollout(pwm: PWM) -> None:
    found = pwm.unroll(torch.randn(B, 3), torch.randn(H, B, 2))
    zs = pwm.model.dynamics.unroll(found.z[0], found.actions)
    torch.testing.assert_close(found.z_next, zs[1:])
    fed_back = pwm.model.next(found.z[1], found.actions[1])
    assert not torch.allclose(fed_back, found.z_next[1]), "it is not a step from the latent between"


def test_where_a_row_starts_anew_the_memory_of_all_does(pwm: PWM) -> None:
    seen: list[Tensor] = []

    def restart(z_next: Tensor, action: Tensor) -> Tensor:
        seen.append(z_next)
        if len(seen) != 3:
            return z_next
        anew = z_next.clone()
        anew[0] = pwm.model.encode(torch.randn(1, 3))[0]
        return anew

    found = pwm.unroll(torch.randn(B, 3), torch.randn(H, B, 2), restart=restart)
    zs = pwm.model.dynamics.unroll(found.z[3], found.actions[3:])
    torch.testing.assert_close(found.z_next[3:], zs[1:])
    torch.testing.assert_close(found.z[3][1:], found.z_next[2][1:])
