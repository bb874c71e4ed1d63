"""What the contract checks of every kind share: words for a failure, small builds, live weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar
from unittest import SkipTest

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from wmzoo.config.added import chosen
from wmzoo.config.composition import compose
from wmzoo.errors import one_line
from wmzoo.nets.simnorm import group
from wmzoo.registry import get

BATCH, ACTIONS, TASK_DIM = 3, 2, 4
TINY = ("size=tiny", "model.latent_dim=16", "model.units=[16,12]")  # small enough for finite differences

Module = TypeVar("Module", bound=nn.Module)
Made = TypeVar("Made")


class DoesNotApply(SkipTest):
    """Raised by a check, with the reason, for an entry or a machine that it says nothing about. A test is skipped."""


class Case(NamedTuple):
    """One check of one entry: `id` to show, the law it holds the entry to, and `run`.

    `run` raises an AssertionError if the entry breaks the law, and DoesNotApply if the law is not about it.
    """

    id: str
    law: str
    run: Callable[[], None]


def cases(
    made: Mapping[str, Made],
    checks: Iterable[Callable[[Made], None]],
    exempt: Mapping[Any, str] | None = None,
) -> Iterator[Case]:
    """Every check on everything made, by id. exempt: the checks that do not apply to it, and why."""
    checks, exempt = list(checks), exempt or {}
    for id_, make in made.items():
        for check in checks:
            run = partial(_does_not_apply, exempt[check]) if check in exempt else partial(check, make)
            yield Case(f"{id_}: {title(check)}", law(check), run)


def _does_not_apply(why: str) -> None:
    raise DoesNotApply(why)


def title(check: Callable[..., None]) -> str:
    """The check's name in words."""
    return check.__name__.removeprefix("check_").replace("_", " ")


def law(check: Callable[..., None]) -> str:
    """What the check's docstring says first."""
    return " ".join((check.__doc__ or "").partition("\n\n")[0].split())


class Variant(NamedTuple):
    """An entry with some of its parameters set: `id` to show, `overrides` to compose it with."""

    id: str
    overrides: tuple[str, ...]


def variants(kind: str, name: str) -> list[Variant]:
    """The entry with its card's defaults, and once for each line of the card's `checked_with`."""
    entry = get(kind, name)
    found = [Variant(name, (chosen(entry),))]
    for params in entry.facts.get("checked_with") or ():
        texts = {key: _typed(value) for key, value in params.items()}
        settings = [f"{key}={text}" for key, text in texts.items()]
        overrides = (chosen(entry), *(f"{kind}.{setting}" for setting in settings))
        if entry.regularises:
            overrides = (chosen(entry, **texts),)
        found.append(Variant(" ".join([name, *settings]), overrides))
    return found


def _typed(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")


@cache
def tiny_config(overrides: tuple[str, ...]) -> DictConfig:
    """A composed config small enough for finite differences; read it, do not change it."""
    return compose([*TINY, *overrides])


def expect(holds: bool, words: str) -> None:
    """AssertionError with `words` unless `holds`."""
    if not holds:
        raise AssertionError(words)


def expect_close(got: Tensor, expected: Tensor, words: str, tolerance: float = 1e-10) -> None:
    """AssertionError unless both have one shape and differ by at most `tolerance`, absolute and relative."""
    expect(got.shape == expected.shape, f"{words}: got shape {tuple(got.shape)}, not {tuple(expected.shape)}")
    if not torch.allclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        worst = (got - expected).abs().max().item()
        raise AssertionError(f"{words}: they differ by up to {worst:.3g}, more than {tolerance:.0e}")


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """The same normal numbers every time."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def simplices(*shape: int, size: int = 8, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random latents [..., D] in the interior of their simplices."""
    return group(noise(*shape, seed=seed), size).softmax(-1).flatten(-2).to(dtype)


def enliven(module: Module, scale: float = 0.3) -> Module:
    """Random weights of ordinary size, in place: a last layer that starts at zero would hide mistakes."""
    with torch.no_grad():
        for index, parameter in enumerate(module.parameters()):
            parameter.add_(noise(*parameter.shape, seed=index).to(parameter), alpha=scale)
    return module


def gradcheck(function: Any, inputs: Sequence[Tensor], words: str) -> None:
    """AssertionError unless the gradients of `function` at the float64 `inputs` are those of finite differences.

    In one random direction of the inputs and one of the outputs: differences entry by entry take three times as long.
    """
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    try:
        torch.autograd.gradcheck(function, leaves, eps=1e-6, atol=1e-6, rtol=1e-4, fast_mode=True)
    except RuntimeError as error:
        raise AssertionError(f"{words}: {one_line(error)}") from error
