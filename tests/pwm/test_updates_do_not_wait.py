"""On a GPU the host must run ahead of the device: no update may look at a number that the device computes.

Without a GPU this is watched from below: every tensor that comes from the weights or the batch counts as the device's,
and an operation that would bring one of its numbers to the host is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny import ACT, OBS, TASKS, tiny_agent, tiny_pwm
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from wmzoo.data.replay import Slices
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.pwm import algorithm
from wmzoo.pwm.algorithm import PWM

aten = torch.ops.aten
WAITS = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.unique_dim, aten._unique2}
WAITS |= {aten.embedding_renorm_, aten.is_nonzero}


class Watch(TorchDispatchMode):
    """Follows the device's tensors; AssertionError for an operation that shows the host their numbers."""

    def __init__(self, *device: Tensor) -> None:
        super().__init__()
        self.device = WeakIdKeyDictionary()
        self.add(*device)

    def add(self, *tensors: Tensor) -> None:
        for tensor in tensors:
            self.device[tensor] = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_device = any(tensor in self.device for tensor in given)
        packet = func.overloadpacket
        waits = on_device and packet in WAITS
        if packet in (aten.index, aten.index_put, aten.index_put_) and args[0] in self.device:
            indices = [index for index in args[1] if index is not None]
            # a mask's size has to be known, and an index of the host's is sent over while it waits
            waits = any(index.dtype == torch.bool or index not in self.device for index in indices)
        assert not waits, f"{func} makes the host wait"
        out = func(*args, **(kwargs or {}))
        if on_device:
            self.add(*(leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)))
        return out


def watched(pwm: PWM, *batch: Tensor, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """What is sent to the device is the device's from then on."""
    held = (*pwm.agent.parameters(), *pwm.actor.parameters(), *pwm.agent.buffers(), *pwm.returns.buffers())
    watch = Watch(*held, pwm.esnr.count, *batch)

    def send(tensor: Tensor, device: torch.device) -> Tensor:
        arrived = tensor.clone()
        watch.add(arrived)
        return arrived

    monkeypatch.setattr(algorithm, "send", send)
    return watch


def batch(rows: int = 6, horizon: int = 3) -> Slices:
    generator = torch.Generator().manual_seed(0)
    shapes = ((horizon + 1, rows, OBS), (horizon, rows, ACT), (horizon, rows))
    return Slices(*(torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes))


@pytest.mark.parametrize("tasks", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("bins", [1, 11])
@pytest.mark.parametrize("entropy", [pytest.param("none", marks=pytest.mark.slow), "auto"])
@pytest.mark.parametrize("dynamics", ["mlp/none", "mlp/latent", "flow/latent", "flow/logit"])
def test_no_update_looks_at_the_devices_numbers(
    dynamics: str, entropy: str, bins: int, tasks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = RectifiedFlowLoss(generator=torch.Generator()) if dynamics.startswith("flow") else MSELoss()
    settings = {"return_scale": True, "reward_scale": "std", "entropy": entropy}
    agent = tiny_agent(dynamics, tasks=tasks, bins=bins, std="state", ends=entropy == "auto")
    tau = 0.1 if entropy == "auto" else None
    pwm = tiny_pwm(agent, loss, target_tau=tau, policy_tau=tau, **settings)
    slices, task = batch(), torch.arange(6) % TASKS if tasks else None
    slices = slices._replace(terminated=slices.rewards > 0)
    with watched(pwm, *slices, *([] if task is None else [task]), monkeypatch=monkeypatch):
        for _ in range(2):  # the second with Adam's moments and a running ESNR
            pwm.update_model(slices, task)
            rollout, _ = pwm.update_actor(slices.obs[0], 3, task)
            pwm.update_critic(rollout)


LOOKS: dict[str, Callable[[Tensor], object]] = {
    "item": lambda x: x.sum().item(),
    "bool": lambda x: bool((x > 0).all()),
    "mask": lambda x: x[x > 0],
    "nonzero": lambda x: x.nonzero(),
    "an index of the host's": lambda x: x[torch.tensor([0, 2])],
    "assignment": lambda x: x.clone().__setitem__(x > 0, torch.zeros(())),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_is_noticed(look: str) -> None:
    x, host = torch.randn(3), torch.randn(3)
    with Watch(x):
        LOOKS[look](host)
        with pytest.raises(AssertionError, match="makes the host wait"):
            LOOKS[look](x)


def test_the_gradient_is_watched_too() -> None:
    class Looks(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            return grad * float(grad.sum())

    x = torch.randn(3, requires_grad=True)
    with Watch(x), pytest.raises(AssertionError, match="makes the host wait"):
        Looks.apply(x * 2).sum().backward()
