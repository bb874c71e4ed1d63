"""What every dynamics loss must keep. Each check takes `make`: make(generator) gives a new loss that draws from it.

The dynamics under the loss is `Drift`, whose paths are straight by construction, so that perfection is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from wmzoo.config.added import added, without_additions
from wmzoo.contracts import dynamics as dynamics_contract
from wmzoo.contracts.common import (
    ACTIONS,
    BATCH,
    Case,
    cases,
    enliven,
    expect,
    expect_close,
    gradcheck,
    law,
    noise,
    simplices,
    tiny_config,
    title,
    variants,
)
from wmzoo.dynamics.base import AverageVelocityDynamics, Dynamics, StochasticDynamics, VelocityDynamics
from wmzoo.dynamics.coordinates import LogitCoordinates
from wmzoo.losses.base import DynamicsLoss, LatentRollout
from wmzoo.losses.terms import RolloutTerm
from wmzoo.registry import build_from, get, list_entries

Make = Callable[[torch.Generator], DynamicsLoss]
New = Callable[[], Dynamics]
HORIZON, LATENTS = 4, 8


class Drift(VelocityDynamics, AverageVelocityDynamics):
    """y′ = y + W a in logits: a straight path at constant velocity, so every integrator, τ and interval agree."""

    weight: Tensor

    def __init__(self, weight: Tensor | None = None) -> None:
        super().__init__()
        self.coordinates = LogitCoordinates(LATENTS)
        self.weight = nn.Parameter(noise(LATENTS, ACTIONS, seed=3)) if weight is None else weight

    def velocity(
        self, z: Tensor, a: Tensor, tau: Tensor, task_emb: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        return a @ self.weight.T

    def average_velocity(
        self, z: Tensor, a: Tensor, start: Tensor, end: Tensor, task_emb: Tensor | None = None
    ) -> Tensor:
        return a @ self.weight.T

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return self.coordinates.land(self.coordinates.chart(z) + a @ self.weight.T)


class Still(Dynamics):
    """A dynamics without any capability: z′ = z."""

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z


def factories(name: str) -> dict[str, Make]:
    """By test id: the entry as its card has it, and with the settings of the card's `checked_with`."""
    return {variant.id: partial(_made, name, variant.overrides) for variant in variants("loss", name)}


def _made(name: str, overrides: tuple[str, ...], generator: torch.Generator) -> DynamicsLoss:
    cfg = tiny_config((f"dynamics={legal_dynamics(name)[0]}", *overrides))
    node = added(cfg)[0].node if get("loss", name).regularises else without_additions(cfg)
    loss: DynamicsLoss = build_from("loss", node, generator=generator)
    loss.value = _value
    return loss


def suite(name: str) -> Iterator[Case]:
    """Every check of entry `name`, the unroll of every dynamics that it may be paired with among them."""
    made, requires = factories(name), get("loss", name).requires
    for id_, make in made.items():
        if not requires <= {"velocity", "average_velocity"}:  # more than Drift has
            for check in ON_ANY_DYNAMICS:
                yield Case(f"{id_}: {title(check)}", law(check), partial(check, make, partial(_legal, name)))
            continue
        entry, exempt = get("loss", name), dict[Callable[..., None], str]()
        if entry.facts.get("cuts_gradient") or "detached=" in id_:
            exempt[check_gradient] = "a part of the gradient is cut on purpose"
        if entry.regularises:
            exempt[check_perfection] = exempt[check_discount] = "it compares with no target"
            exempt[check_weights] = "it is added to a loss, whose weights are the loss's"
        yield from cases({id_: make}, CHECKS, exempt)
    yield Case(f"{name}: {title(check_card)}", law(check_card), lambda: check_card(made[name], get("loss", name).facts))
    missing = check_missing_capability
    yield Case(f"{name}: {title(missing)}", law(missing), lambda: missing(made[name], requires))
    for other in legal_dynamics(name):
        yield Case(f"{name}: with {other}", law(check_rollout), partial(_check_pair, made[name], other))


def _check_pair(make: Make, dynamics: str) -> None:
    check_rollout(make, lambda: _lively(dynamics))


def _legal(name: str) -> Dynamics:
    """The first dynamics that has what loss `name` requires."""
    return _lively(legal_dynamics(name)[0])


def _lively(dynamics: str) -> Dynamics:
    return enliven(dynamics_contract.factories(dynamics)[dynamics](0))


def legal_dynamics(name: str) -> list[str]:
    """The dynamics that loss `name` trains; then, of a term, those to whose losses it can only be added."""
    loss, entries = get("loss", name), [get("dynamics", other) for other in list_entries("dynamics")]
    found = [other.name for other in entries if loss.trains(other)]
    expect(bool(found), f"loss '{name}' requires {', '.join(loss.requires)}, which no dynamics provides")
    if loss.facts.get("term"):
        found += [other.name for other in entries if loss.requires <= other.provides and not loss.trains(other)]
    return found


def check_rollout(make: Make, new: New = Drift) -> None:
    """zs[H+1,B,D] starts at z0 and is the dynamics' unroll, or the targets of a stochastic one; the loss is a finite
    scalar, ≥ 0, in z0's dtype."""
    for dtype in (torch.float32, torch.float64):
        model = new().to(dtype)
        z0, actions, targets = _data(dtype, _width(model))
        zs, loss, metrics = _rollout(make, model, z0, actions, targets)
        shape = (HORIZON + 1, *z0.shape)
        expect(zs.shape == shape, f"zs has shape {tuple(zs.shape)}, not [H+1,B,D] = {shape}")
        expect(torch.equal(zs[0], z0), "zs[0] is not z0")
        encoded = isinstance(model, StochasticDynamics) and torch.equal(zs[1:], targets)
        if not encoded:
            expect_close(zs, model.unroll(z0, actions), "zs and the dynamics' unroll", 1e-5)
        expect(loss.shape == (), f"the loss has shape {tuple(loss.shape)}, not that of a scalar")
        expect(loss.dtype == dtype, f"from {dtype} the loss is {loss.dtype}")
        expect(bool(loss.isfinite()) and loss.item() >= 0, f"the loss is {loss.item()}")
        for name, figure in metrics.items():
            expect(figure.shape == (), f"the metric {name} has shape {tuple(figure.shape)}, not that of a scalar")


def check_discount(make: Make, new: New = Drift) -> None:
    """The loss is Σ_t γ^t ℓ_t over t = 0 … H−1, not divided by H: a polynomial in γ with positive coefficients."""
    model = new().double()
    z0, actions, targets = _data(latents=_width(model))
    gammas = torch.tensor([0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
    losses = torch.stack([_rollout(make, model, z0, actions, targets, float(g)).loss for g in gammas]).detach()
    terms = torch.linalg.solve(gammas[:, None] ** torch.arange(HORIZON), losses)
    expect(bool((terms > 1e-12).all()), f"the terms ℓ_t come out as {terms.tolist()}: all should be positive")
    expected = (0.9 ** torch.arange(HORIZON, dtype=torch.float64) * terms).sum()
    got = _rollout(make, model, z0, actions, targets, 0.9).loss
    expect_close(got, expected, "the loss at γ = 0.9 and Σ_t γ^t ℓ_t with the ℓ_t found at other γ", 1e-9)


def check_perfection(make: Make) -> None:
    """A model that predicts every target, along straight paths, has loss zero; a wrong one does not."""
    z0, actions, _ = _data()
    perfect, wrong = Drift(), Drift()
    targets = perfect.unroll(z0, actions)[1:].detach()
    loss = _rollout(make, perfect, z0, actions, targets).loss.item()
    expect(loss < 1e-20, f"the loss of a perfect model is {loss:.3g}, not 0")
    with torch.no_grad():
        wrong.weight += 0.3
        wrong.weight[0] += 1.0
    loss = _rollout(make, wrong, z0, actions, targets).loss.item()
    expect(loss > 1e-6, f"the loss of a wrong model is {loss:.3g}")


def check_gradient_reaches_the_dynamics(make: Make, new: New = Drift) -> None:
    """The dynamics' parameters get a gradient."""
    model = new().double()
    loss = _rollout(make, model, *_data(latents=_width(model))).loss
    expect(loss.requires_grad, "the loss carries no gradient")
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    expect(any(bool((grad != 0).any()) for grad in gradients), "no gradient reaches the dynamics' parameters")


def check_gradient(make: Make) -> None:
    """Gradients by the dynamics and by z0, from which the encoder learns, are those of finite differences."""
    z0, actions, targets = _data()

    def loss_of(y0: Tensor, weight: Tensor) -> Tensor:
        return _rollout(make, Drift(weight), y0.softmax(-1), actions, targets).loss

    gradcheck(loss_of, (z0.log(), noise(LATENTS, ACTIONS, seed=3)), "the gradient of the loss")


def check_determinism(make: Make, new: New = Drift) -> None:
    """With generators in one state the loss is the same bit for bit, and torch's global generator is not drawn from."""
    model = new().double()
    data = _data(latents=_width(model))
    before = torch.random.get_rng_state()
    first, again = (_rollout(make, model, *data).loss for _ in range(2))
    expect(torch.equal(first, again), "with generators in one state, two losses differ")
    untouched = torch.equal(before, torch.random.get_rng_state())
    expect(untouched, "random numbers come from torch's global generator, not from `generator`")


def check_weights(make: Make, new: New = Drift) -> None:
    """With weights[B] the errors of each row count by its own, and no row's by another's. A loss without the parameter
    trains one task alone."""
    if not make(torch.Generator()).takes_weights:
        return
    model = new().double()
    z0, actions, targets = _data(latents=_width(model))
    z0.requires_grad_()

    def gradient(weights: Tensor | None) -> Tensor:
        loss = _rollout(make, model, z0, actions, targets, weights=weights).loss
        (found,) = torch.autograd.grad(loss, z0, materialize_grads=True)
        return found

    whole = gradient(None)
    for row in range(BATCH):
        weights = torch.ones(BATCH)
        weights[row] = 0.25
        expect_close(gradient(weights), whole * weights.unsqueeze(1), f"the gradient with row {row} at a quarter", 1e-9)


def check_missing_capability(make: Make, requires: Iterable[str]) -> None:
    """A dynamics without what the loss requires is a TypeError that names it."""
    for capability in requires:
        try:
            _rollout(make, Still(), *_data())
        except TypeError as error:
            expect(capability in str(error), f"the error does not name '{capability}': {error}")
            continue
        raise AssertionError(f"a dynamics without '{capability}' is accepted")


def check_card(make: Make, facts: Mapping[str, Any]) -> None:
    """`term: true` stands on the card of a loss that can be added to another, and on no other."""
    is_term, said = isinstance(make(torch.Generator()), RolloutTerm), bool(facts.get("term"))
    expect(
        is_term == said, f"it is {'a' if is_term else 'no'} RolloutTerm, and its card says term: {str(said).lower()}"
    )


ON_ANY_DYNAMICS: tuple[Callable[..., None], ...] = (
    check_rollout,
    check_discount,
    check_gradient_reaches_the_dynamics,
    check_determinism,
    check_weights,
)
CHECKS: tuple[Callable[[Make], None], ...] = (*ON_ANY_DYNAMICS, check_perfection, check_gradient)


def _data(dtype: torch.dtype = torch.float64, latents: int = LATENTS) -> tuple[Tensor, Tensor, Tensor]:
    """z0[B,D], actions[H,B,A], targets[H,B,D]."""
    z0 = simplices(BATCH, latents, dtype=dtype)
    actions = noise(HORIZON, BATCH, ACTIONS, seed=1, dtype=dtype).tanh()
    return z0, actions, simplices(HORIZON, BATCH, latents, seed=2, dtype=dtype)


def _rollout(
    make: Make, dynamics: Dynamics, z0: Tensor, actions: Tensor, targets: Tensor, discount: float = 0.9, **more: Any
) -> LatentRollout:
    return make(torch.Generator().manual_seed(7)).rollout(dynamics, z0, actions, targets, discount, **more)


def _value(z: Tensor) -> Tensor:
    """Two critics of latents of any width: z[..., D] -> [2, ...]."""
    weights = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    return torch.stack([(weights * z).sum(-1), (weights * z.square()).sum(-1)])


def _width(dynamics: Dynamics) -> int:
    """Latent width: that of Drift, or of the small builds of contracts/dynamics.py."""
    return LATENTS if isinstance(dynamics, Drift) else 16
