"""Blocks of the world model: Linear → LayerNorm → activation, and the stacks made of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from wmzoo.nets.functional import Mish

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "mish": Mish,
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


def activation(name: str) -> nn.Module:
    """The activation called `name`; ValueError names the ones there are."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation '{name}'; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


class NormedLinear(nn.Linear):
    """act(LayerNorm(W x + b)): [..., in] -> [..., out]."""

    def __init__(self, in_features: int, out_features: int, act: nn.Module) -> None:
        super().__init__(in_features, out_features)
        self.norm = nn.LayerNorm(out_features)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.norm(F.linear(x, self.weight, self.bias)))
        return out


def init_linear(module: nn.Module) -> None:
    """TD-MPC2's initialisation: weights truncated normal with std 0.02, biases 0. For `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def mlp(
    in_features: int, units: Sequence[int], out_features: int, act: str, last: nn.Module | None = None
) -> nn.Sequential:
    """[..., in] -> [..., out]: a NormedLinear per entry of `units`, then the output layer.

    last: the activation of the output layer, which is then a NormedLinear too; None makes it a plain Linear whose
    weight starts at zero, so that the stack's first output is zero.
    """
    widths = [in_features, *units]
    layers: list[nn.Module] = [NormedLinear(i, o, activation(act)) for i, o in pairwise(widths)]
    layers.append(nn.Linear(widths[-1], out_features) if last is None else NormedLinear(widths[-1], out_features, last))
    stack = nn.Sequential(*layers).apply(init_linear)
    if last is None:
        nn.init.zeros_(stack[-1].weight)  # type: ignore[arg-type]
    return stack


class TrunkAndHead(nn.Module):
    """A network of what is known x and of a place p, for many places of one x: W act(LayerNorm(h(x) + P p)).

    h, the trunk, is `units` layers deep and runs once per x: [..., in] -> [..., units[-1]]; the head, two products,
    runs once per place: [..., places] -> [..., out]. Its last weight starts at zero.
    """

    def __init__(self, in_features: int, places: int, units: Sequence[int], out_features: int, act: str) -> None:
        super().__init__()
        if not units:
            raise ValueError("a trunk and its head need a hidden layer between them: dynamics.units has none")
        *inner, width = units
        widths = [in_features, *inner]
        layers = [NormedLinear(i, o, activation(act)) for i, o in pairwise(widths)]
        self.trunk = nn.Sequential(*layers, nn.Linear(widths[-1], width))
        self.place = nn.Linear(places, width, bias=False)
        self.norm, self.act = nn.LayerNorm(width), activation(act)
        self.out = nn.Linear(width, out_features)
        self.apply(init_linear)
        nn.init.zeros_(self.out.weight)

    def forward(self, trunk: Tensor, place: Tensor) -> Tensor:
        """trunk = self.trunk(x)[..., units[-1]] and place[..., places] -> [..., out]."""
        out: Tensor = self.out(self.act(self.norm(trunk + self.place(place))))
        return out
