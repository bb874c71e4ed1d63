"""What every integrator must keep. Each check takes `make`, which gives a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from wmzoo.contracts.common import (
    Case,
    DoesNotApply,
    cases,
    expect,
    expect_close,
    gradcheck,
    law,
    noise,
    tiny_config,
    title,
    variants,
)
from wmzoo.integrators.base import Field, Integrator
from wmzoo.registry import build_from, get

Make = Callable[[], Integrator]


def factories(name: str) -> dict[str, Make]:
    """By test id: the entry as its card has it, and with the settings of the card's `checked_with`."""

    def factory(overrides: tuple[str, ...]) -> Make:
        return lambda: build_from("integrator", tiny_config(overrides).integrator)

    return {variant.id: factory(variant.overrides) for variant in variants("integrator", name)}


def suite(name: str) -> Iterator[Case]:
    """Every check of entry `name`."""
    made = factories(name)
    yield from cases(made, CHECKS)
    facts = get("integrator", name).facts
    yield Case(f"{name}: {title(check_card)}", law(check_card), lambda: check_card(made[name], facts))


def check_order(make: Make) -> None:
    """Halving the sub-step divides the error by 2^order, on dz/dτ = z² cos τ, whose solution is 1 / (1/z₀ − sin τ)."""
    integrator = make()
    if integrator.adaptive:
        raise DoesNotApply("it chooses its sub-steps")
    z = torch.linspace(0.3, 0.9, 4, dtype=torch.float64).reshape(2, 2)
    exact = 1 / (1 / z - torch.tensor(1.0, dtype=torch.float64).sin())
    errors: list[float] = []
    for steps in (8, 16, 32, 64, 128):
        error = (integrator.integrate(lambda y, tau: y.square() * tau.cos(), z, steps) - exact).abs().max().item()
        if error < 1e-11:  # rounding rules from here on
            break
        errors.append(error)
    expect(len(errors) > 1, "the error is at rounding with 16 sub-steps: the order cannot be measured")
    measured = float(torch.tensor(errors[-2] / errors[-1]).log2())
    expect(
        abs(measured - integrator.order) < 0.25,
        f"order is {integrator.order}, but halving the sub-step divides the error by {2**measured:.3g}: "
        f"the measured order is {measured:.2f}",
    )


def check_nfe(make: Make) -> None:
    """`nfe(steps)` is the number of times that the field is evaluated, of an adaptive one the most; `evaluations` says
    of every row how often it is for that row alone."""
    integrator, z = make(), noise(4, 3) * torch.tensor([[0.01], [0.3], [3.0], [30.0]])
    for steps in (1, 2, 5):
        taus = _times(integrator, steps)
        promised = integrator.nfe(steps)
        expect(
            len(taus) == promised or (integrator.adaptive and len(taus) < promised),
            f"nfe({steps}) promises {promised} evaluations of the field, but there were {len(taus)}",
        )
        told = integrator.evaluations(_field, z, steps).tolist()
        alone = [len(_times(integrator, steps, field=_field, z=row)) for row in z.unsqueeze(1)]
        expect(told == alone, f"evaluations(…, {steps}) of four rows are {told}, but counted they are {alone}")


def check_times(make: Make) -> None:
    """The field gets τ as a tensor [B,1] within [0, 1], of the latent's dtype."""
    integrator = make()
    for dtype in (torch.float32, torch.float64):
        for steps in (1, 3, 7, 49):
            for tau in _times(integrator, steps, dtype):
                expect(isinstance(tau, Tensor), f"τ is a {type(tau).__name__}, not a tensor")
                expect(tau.shape == (2, 1), f"τ has shape {tuple(tau.shape)}, not [B,1] = (2, 1)")
                expect(tau.dtype == dtype, f"τ is {tau.dtype}, the latent {dtype}")
                expect(bool(((tau >= 0) & (tau <= 1)).all()), f"τ = {tau.flatten().tolist()} is outside [0, 1]")


def check_constant_field(make: Make) -> None:
    """A constant field is integrated exactly, with any number of sub-steps, in float32 and float64."""
    integrator = make()
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-13)):
        z, slope = noise(2, 3, dtype=dtype), noise(2, 3, seed=1, dtype=dtype)
        for steps in (1, 2, 5):
            end = integrator.integrate(lambda y, tau: slope, z, steps)  # noqa: B023
            expect(end.dtype == dtype, f"the end is {end.dtype}, the start {dtype}")
            expect_close(end, z + slope, f"a constant field over {steps} sub-steps", tolerance)


def check_rows_are_independent(make: Make) -> None:
    """A row of the batch is integrated as if it were alone, and the start is left as it was."""
    integrator, z = make(), noise(4, 3)
    before = z.clone()
    together = integrator.integrate(_field, z, 3)
    expect(torch.equal(z, before), "integrate changes its argument in place")
    alone = torch.cat([integrator.integrate(_field, row, 3) for row in z.unsqueeze(1)])
    expect_close(together, alone, "rows integrated together and alone", 1e-13)


def check_refuses_no_steps(make: Make) -> None:
    """Fewer than one sub-step is a ValueError."""
    for steps in (0, -1):
        try:
            make().integrate(_field, noise(1, 2), steps)
        except ValueError:
            continue
        raise AssertionError(f"integrate(…, steps={steps}) is accepted; it should be a ValueError")


def check_gradient(make: Make) -> None:
    """The gradient with respect to the start and to the field's parameters is that of finite differences."""
    integrator = make()

    def end(z: Tensor, weight: Tensor) -> Tensor:
        return integrator.integrate(lambda y, tau: torch.tanh(y @ weight) * (1 + tau), z, 2)

    gradcheck(end, (noise(2, 3), noise(3, 3, seed=1)), "the gradient through integrate")


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_order,
    check_nfe,
    check_times,
    check_constant_field,
    check_rows_are_independent,
    check_refuses_no_steps,
    check_gradient,
)


def check_card(make: Make, facts: Mapping[str, Any]) -> None:
    """`order` and `nfe_per_step` on the card are the integrator's; of an adaptive one `order` and `adaptive`."""
    integrator = make()
    second = "adaptive" if integrator.adaptive else "nfe_per_step"
    expect("order" in facts and second in facts, f"the card has no `order` or no `{second}`")
    expect(facts["order"] == integrator.order, f"order is {facts['order']} on the card, {integrator.order} in code")
    if integrator.adaptive:
        return
    expect(
        3 * facts["nfe_per_step"] == integrator.nfe(3),
        f"nfe_per_step is {facts['nfe_per_step']} on the card, but nfe(3) is {integrator.nfe(3)}",
    )


def _field(z: Tensor, tau: Tensor) -> Tensor:
    return torch.sin(z + tau)


def _times(
    integrator: Integrator,
    steps: int,
    dtype: torch.dtype = torch.float64,
    field: Field = lambda z, tau: -z,
    z: Tensor | None = None,
) -> list[Tensor]:
    """The τ of every evaluation."""
    taus: list[Tensor] = []

    def noted(z: Tensor, tau: Tensor) -> Tensor:
        taus.append(tau)
        return field(z, tau)

    integrator.integrate(noted, noise(2, 3, dtype=dtype) if z is None else z, steps)
    return taus
