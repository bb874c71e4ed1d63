"""The critic ensemble against a separate NumPy forward pass for each member."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wmzoo.nets import CriticEnsemble


def member_by_numpy(critic: CriticEnsemble, member: int, z: np.ndarray) -> np.ndarray:
    """V of one member [...] at z[..., D]: Linear → Mish → LayerNorm blocks and a plain last layer."""
    weights = {name: value.numpy()[member] for name, value in critic.layers.state_dict().items()}
    last = max(int(name.split(".")[0]) for name in weights)
    x = z
    for i in range(0, last, 3):
        x = x @ weights[f"{i}.weight"] + weights[f"{i}.bias"][0]
        x = x * np.tanh(np.logaddexp(0, x))
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        x = x * weights[f"{i + 2}.weight"][0] + weights[f"{i + 2}.bias"][0]
    return (x @ weights[f"{last}.weight"] + weights[f"{last}.bias"][0])[..., 0]


@pytest.fixture
def critic() -> CriticEnsemble:
    torch.manual_seed(0)
    critic = CriticEnsemble(6, [5, 4], num=3).double()
    with torch.no_grad():
        for parameter in critic.parameters():  # so that biases and LayerNorm's scales count
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return critic


@pytest.mark.parametrize("leading", [(), (4,), (3, 4)])
def test_each_member_computes_what_it_would_alone(critic: CriticEnsemble, leading: tuple[int, ...]) -> None:
    z = torch.randn(*leading, 6, dtype=torch.float64)
    values = critic(z).detach()
    assert values.shape == (3, *leading)
    members = np.stack([member_by_numpy(critic, e, z.numpy()) for e in range(3)])
    np.testing.assert_allclose(values.numpy(), members, atol=1e-9)
    np.testing.assert_allclose(critic.minimum(z).detach().numpy(), members.min(0), atol=1e-9)


def test_one_member_after_the_other_computes_what_all_do_at_once(
    critic: CriticEnsemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, found = torch.randn(5, 6, dtype=torch.float64), []
    for apart in (True, False):
        monkeypatch.setattr("wmzoo.nets.critic.own_kernels", lambda rows, apart=apart: apart)
        critic.zero_grad()
        values = critic(z)
        values.square().mean().backward()
        found.append((values, [parameter.grad.clone() for parameter in critic.parameters()]))
    (values, gradients), (others, theirs) = found
    assert torch.allclose(values, others, atol=1e-12)
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(gradients, theirs, strict=True))


def test_no_states_give_no_values(critic: CriticEnsemble) -> None:
    assert critic.minimum(torch.zeros(0, 6, dtype=torch.float64)).shape == (0,)


def test_the_gradient_of_one_member_leaves_the_others_alone(critic: CriticEnsemble) -> None:
    critic(torch.randn(4, 6, dtype=torch.float64))[1].sum().backward()
    for parameter in critic.parameters():
        assert parameter.grad is not None
        assert not parameter.grad[0].any() and not parameter.grad[2].any() and parameter.grad[1].any()


def test_members_start_orthogonal_with_gain_root_two_and_differ() -> None:
    torch.manual_seed(1)
    critic = CriticEnsemble(6, [5, 4], num=3)
    for name, weight in critic.state_dict().items():
        if name.endswith("weight") and weight.shape[1] > 1:
            for member in weight.numpy():
                gram = member.T @ member if member.shape[0] >= member.shape[1] else member @ member.T
                np.testing.assert_allclose(gram, 2 * np.eye(len(gram)), atol=1e-5)
            assert not torch.equal(weight[0], weight[1])


def test_values_may_be_zero_at_first_and_learn_all_the_same() -> None:
    torch.manual_seed(0)
    critic, z = CriticEnsemble(6, [5, 4], num=3, zero_init=True), torch.randn(7, 6)
    assert not critic(z).any()
    (critic(z) - 1).square().mean().backward()
    assert critic.layers[-1].weight.grad.abs().min() > 0
