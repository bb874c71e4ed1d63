"""The networks that tell where the data end, in float64 against formulas by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tiny import ACT, LATENT, observations, slices, tiny_agent, tiny_pwm
from torch import Tensor, nn

from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.disagreement import Disagreement


class Linear(nn.Module):
    """M matrices [M,D+A,D] in the place of the networks."""

    def __init__(self, matrices: Tensor) -> None:
        super().__init__()
        self.matrices = nn.Parameter(matrices)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...i,mij->m...j", x, self.matrices)


def linear(seed: int = 0) -> Disagreement:
    made = Disagreement(3, LATENT, ACT).double()
    chance = torch.Generator().manual_seed(seed)
    made.net = Linear(torch.randn(3, LATENT + ACT, LATENT, dtype=torch.float64, generator=chance))
    return made


def rows(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_disagreement(**settings: object) -> PWM:
    pwm = tiny_pwm(tiny_agent(), disagreement_heads=3, **settings)
    pwm.disagreement = linear()
    return pwm


def test_it_is_the_spread_over_the_networks_in_root_mean_square_over_the_units() -> None:
    made, z, a = linear(), rows(4, 5, LATENT), rows(4, 5, ACT, seed=2)
    predicted = np.einsum("hbi,mij->mhbj", torch.cat([z, a], -1), made.net.matrices.detach())
    wanted = np.sqrt(predicted.var(0).mean(-1) + 1e-12)
    np.testing.assert_allclose(made(z, a).detach(), wanted, rtol=1e-12)


def test_they_learn_changes_in_standard_deviations_of_those_seen_so_far() -> None:
    made, z, a = linear(), rows(6, LATENT), rows(6, ACT, seed=2)
    changes = [0.1 * rows(6, LATENT, seed=3) + 1, rows(6, LATENT, seed=4)]
    for number in (1, 2):
        found = made.loss(z, a, z + changes[number - 1])
        std = np.concatenate([change.numpy() for change in changes[:number]]).std()
        predicted = np.einsum("bi,mij->mbj", torch.cat([z, a], -1), made.net.matrices.detach())
        wanted = ((predicted - changes[number - 1].numpy() / std) ** 2).mean()
        assert found.item() == pytest.approx(wanted, rel=1e-9)


def test_the_share_beyond_the_data_counts_from_the_data_s_own_quantile() -> None:
    made, z, a = linear(), rows(200, LATENT), rows(200, ACT, seed=2)
    known = made(z, a).detach()
    assert made.beyond(z, a, known).item() == pytest.approx(0.05)
    far = made(10 * z, 10 * a).detach() > np.quantile(known, 0.95)
    assert made.beyond(10 * z, 10 * a, known).item() == pytest.approx(far.double().mean().item()) and far.sum() > 150


def test_they_agree_on_the_data_and_not_beside_them() -> None:
    torch.manual_seed(0)
    made = Disagreement(4, LATENT, ACT)
    optimiser = torch.optim.Adam(made.parameters(), 1e-3)
    for _ in range(300):
        z, a = torch.randn(128, LATENT), torch.rand(128, ACT) - 1  # actions below 0 alone
        optimiser.zero_grad()
        made.loss(z, a, z + torch.cat([a, a, a, a], -1)).backward()
        optimiser.step()
    z, a = torch.randn(500, LATENT), torch.rand(500, ACT) - 1
    assert made(z, a + 1).mean() > 2 * made(z, a).mean() and made.beyond(z, a + 1, made(z, a)) > 0.5


def test_the_penalty_is_taken_from_every_imagined_reward() -> None:
    free, penalised = with_disagreement(), with_disagreement(disagreement_penalty=0.7)
    one, other = (pwm.imagine(observations(), 4) for pwm in (free, penalised))
    assert torch.equal(one.z, other.z)
    predicted = np.einsum("hbi,mij->mhbj", torch.cat([one.z, one.actions], -1).detach(), linear().net.matrices.detach())
    wanted = one.rewards.detach().numpy() - 0.7 * np.sqrt(predicted.var(0).mean(-1) + 1e-12)
    np.testing.assert_allclose(other.rewards.detach(), wanted, rtol=1e-12)


def test_the_policy_s_gradient_runs_through_the_penalty_and_no_network_learns_from_it() -> None:
    pwm = with_disagreement(disagreement_penalty=0.7)
    weight, h = pwm.actor.mean[-1].weight, 1e-6

    def loss() -> float:
        pwm.streams["imagination"].manual_seed(0)
        with torch.no_grad():
            return -pwm.objective(pwm.imagine(observations(), 4)).mean().item()

    ends = []
    for step in (h, -2 * h):
        with torch.no_grad():
            weight[0, 1] += step
        ends.append(loss())
    with torch.no_grad():
        weight[0, 1] += h
    pwm.streams["imagination"].manual_seed(0)
    pwm.update_actor(observations(), 4)
    assert weight.grad[0, 1].item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5)
    assert pwm.disagreement.net.matrices.grad is None


def test_learning_where_the_data_end_changes_nothing_but_the_networks_and_resumes_exactly() -> None:
    recipe = {"disagreement_heads": 3, "entropy": "auto", "target_tau": 0.1}
    torch.manual_seed(0)
    made = [Disagreement(3, LATENT, ACT).double() for _ in range(2)]

    def pwm_of(disagreement: Disagreement | None) -> PWM:
        whole = tiny_pwm(tiny_agent(), **recipe)
        streams = {name: torch.Generator().manual_seed(i) for i, name in enumerate(("imagination", "minibatch"))}
        return PWM(whole.agent, whole.loss, whole.recipe, streams, disagreement=disagreement)

    def learn(pwm: PWM, times: int) -> None:
        for _ in range(times):
            pwm.update_disagreement(slices())
            rollout, _ = pwm.update_actor(observations(), 3)
            pwm.update_critic(rollout)
            pwm.update_model(slices())

    without, told = pwm_of(None), pwm_of(made[0])
    learn(without, 4)
    learn(told, 2)
    again = pwm_of(made[1])
    again.agent.load_state_dict(told.agent.state_dict())
    again.load_state_dict(copy.deepcopy(told.state_dict()))  # as from a file
    learn(told, 2)
    learn(again, 2)
    for name, tensor in without.agent.state_dict().items():
        assert torch.equal(tensor, told.agent.state_dict()[name]), name
    for name, tensor in told.disagreement.state_dict().items():
        assert torch.equal(tensor, again.disagreement.state_dict()[name]), name
    assert not torch.equal(
        *(module.net[0].weight for module in (told.disagreement, Disagreement(3, LATENT, ACT).double()))
    )
    state = told.state_dict()
    state["disagreement"] = {}
    with pytest.raises(ValueError, match="pwm/disagreement"):
        again.load_state_dict(state)
