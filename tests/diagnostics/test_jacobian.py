"""Jacobians of an unroll against cases whose answer is known."""

from __future__ import annotations

import torch
from tiny import tiny_agent
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.diagnostics.jacobian import spectral_norms, unroll_jacobian
from wmzoo.dynamics.base import Dynamics
from wmzoo.nets import ScalarCode


class Linear(Dynamics):
    """z' = z Aᵀ + a."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, z: Tensor, a: Tensor, task_emb: Tensor | None = None) -> Tensor:
        return z @ self.matrix.T + a


def test_the_jacobian_of_a_linear_system_is_the_matrix_s_power_and_its_norm_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(3, 3, dtype=torch.float64)
    model = WorldModel(nn.Identity(), Linear(matrix), nn.Identity(), ScalarCode())
    z, actions = torch.randn(4, 3).double(), torch.randn(5, 4, 3).double()
    for horizon in (1, 2, 5):
        jacobian = unroll_jacobian(model, z, actions, horizon)
        expected = torch.linalg.matrix_power(matrix, horizon)
        torch.testing.assert_close(jacobian, expected.expand(4, 3, 3))
        torch.testing.assert_close(spectral_norms(jacobian), torch.linalg.svdvals(expected)[0].expand(4))


def test_the_jacobian_of_a_network_is_that_of_finite_differences() -> None:
    model = tiny_agent("flow/logit").world_model
    z = torch.rand(2, 8, dtype=torch.float64).view(2, 2, 4).softmax(-1).flatten(1)
    actions = torch.rand(3, 2, 2, dtype=torch.float64)
    jacobian = unroll_jacobian(model, z, actions, 3)

    def end(z: Tensor) -> Tensor:
        for action in actions:
            z = model.next(z, action)
        return z.detach()

    for entry in range(8):
        step = torch.zeros(8, dtype=torch.float64)
        step[entry] = 1e-6
        difference = (end(z + step) - end(z - step)) / 2e-6
        torch.testing.assert_close(jacobian[:, :, entry], difference, rtol=1e-5, atol=1e-7)
