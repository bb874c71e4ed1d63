"""Updates in bfloat16 are those in float32 up to rounding."""

from __future__ import annotations

import pytest
import torch
from composed import composed

from wmzoo.diagnostics.cost import Contender

FORMS = [
    ["dynamics=mlp", "dynamics.residual=none"],
    ["dynamics=mlp", "dynamics.residual=latent"],
    ["dynamics=mlp", "dynamics.residual=logit", "model.num_bins=21"],
    ["dynamics=flow", "dynamics.coordinates=latent", "dynamics.train_integrator=heun", "dynamics.train_substeps=2"],
    ["dynamics=flow", "dynamics.coordinates=logit"],
]


def contender(*overrides: str) -> Contender:
    """With no weight at its start, where last layers are zero."""
    cfg = composed("size=tiny", "model.latent_dim=64", "recipe.activation=mish", "trainer.horizon=4", *overrides)
    one, draws = Contender(cfg, obs_dim=5, act_dim=2), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (*one.agent.parameters(), *one.pwm.actor.parameters()):  # the policy that learns is a copy
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    return one


def first_update(one: Contender, name: str) -> tuple[torch.Tensor, float]:
    """The flat gradient and the loss of the first update of `name`."""
    pwm = one.pwm
    if name == "model":
        loss = pwm.update_model(one.slices)["wm_loss"]
    elif name == "actor":
        loss = pwm.update_actor(one.states, 4)[1]["policy_loss"]
    else:
        with torch.no_grad():
            rollout = pwm.imagine(one.states, 4)
        loss = pwm.update_critic(rollout)["value_loss"]
    parameters = [p for group in pwm.optimisation.optimisers[name].param_groups for p in group["params"]]
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]), loss.item()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model", "actor", "critic"])
@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_bfloat16_gives_the_loss_and_gradient_of_float32_up_to_its_rounding(form: list[str], name: str) -> None:
    half, half_loss = first_update(contender(*form, "precision=bf16"), name)
    full, full_loss = first_update(contender(*form, "precision=fp32"), name)
    assert half.dtype == torch.float32 and not torch.equal(half, full)
    assert torch.cosine_similarity(half, full, dim=0) > 0.99
    assert half.norm().item() == pytest.approx(full.norm().item(), rel=0.03)
    assert half_loss == pytest.approx(full_loss, rel=0.05, abs=0.02)


def test_latents_weights_and_moments_stay_float32() -> None:
    one = contender("dynamics=flow", "precision=bf16")
    for update in one.updates().values():
        update()
    with one.pwm.autocast():
        rollout = one.pwm.imagine(one.states, 3)
        z = one.agent.world_model.encode(one.states)
    assert {tensor.dtype for tensor in (z, rollout.z, rollout.z_next, rollout.actions, rollout.rewards)} == {
        torch.float32
    }
    assert torch.allclose(z.unflatten(-1, (-1, 8)).sum(-1), torch.tensor(1.0), atol=1e-6)
    assert {p.dtype for p in one.agent.parameters()} == {torch.float32}
    states = [state for optimiser in one.pwm.optimisation.optimisers.values() for state in optimiser.state.values()]
    assert states and all(tensor.dtype == torch.float32 for state in states for tensor in state.values())
