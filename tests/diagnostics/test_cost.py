"""What a dynamics costs: operations that were added up by hand."""

from __future__ import annotations

import torch

import wmzoo
from wmzoo.diagnostics.cost import Contender, flops

TINY = ["size=tiny", "env=pendulum_swingup", "trainer.horizon=3", "trainer.batch_size=5", "recipe.rollouts=4"]
OBS, ACT, LATENT, WIDTH = 3, 1, 32, 64  # of pendulum and size=tiny


def multiply_adds(*widths: int) -> int:
    """Of a fully connected network, per row."""
    return sum(i * o for i, o in zip(widths, widths[1:], strict=False))  # noqa: RUF007 (said as the formula is)


def test_the_operations_of_an_imagined_step_are_those_of_its_matrix_products() -> None:
    mlp = Contender(wmzoo.compose([*TINY, "dynamics=mlp"]), OBS, ACT)
    dynamics = multiply_adds(LATENT + ACT, WIDTH, WIDTH, LATENT)
    reward = multiply_adds(LATENT + ACT, WIDTH, WIDTH, 1)
    assert flops(mlp.imagined_step()) == 2 * (dynamics + reward)
    as_asked = [
        "integrator=rk4",
        "dynamics.substeps=3",
        "dynamics.train_integrator=null",
        "dynamics.train_substeps=null",
    ]
    flow = Contender(wmzoo.compose([*TINY, "dynamics=flow", *as_asked]), OBS, ACT)
    field = multiply_adds(LATENT + ACT + 1, WIDTH, WIDTH, LATENT)
    assert flops(flow.imagined_step()) == 2 * (12 * field + reward)


def test_a_backward_pass_costs_twice_the_forward_one() -> None:
    x, weight = torch.randn(7, 5, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    assert flops(lambda: (x @ weight).sum().backward()) == 3 * 2 * 7 * 5 * 3
