"""Slices of trajectories lie within their episodes."""

from __future__ import annotations

import pytest
import torch

from wmzoo.diagnostics.trajectories import Trajectories
from wmzoo.errors import RunFailed


def test_slices_of_trajectories_lie_within_first_episodes() -> None:
    steps, envs = 6, 3
    numbers = torch.arange(steps + 1).float().unsqueeze(1) + 100 * torch.arange(envs).float()
    alive = torch.arange(steps).unsqueeze(1) < torch.tensor([6, 4, 2])
    trajectories = Trajectories(numbers.unsqueeze(-1), numbers[:-1].unsqueeze(-1), numbers[:-1], alive)
    slices = trajectories.slices(3, 500, torch.Generator().manual_seed(0))
    first = slices.rewards[0]
    assert set(first.tolist()) == {0, 1, 2, 3, 100, 101}  # environment 2 is too short
    torch.testing.assert_close(slices.obs.squeeze(-1), first + torch.arange(4).unsqueeze(1))
    torch.testing.assert_close(slices.actions.squeeze(-1), slices.rewards)
    assert len(trajectories.states()) == 12
    with pytest.raises(RunFailed, match="no episode lasted|fewer than the horizon"):
        trajectories.slices(7, 5, torch.Generator())
