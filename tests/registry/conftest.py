"""A plugin file."""

from __future__ import annotations

from pathlib import Path

import pytest

PLUGIN = """
import wmzoo

@wmzoo.register("dynamics", "mine", params={"units": "${model.units}"}, default_loss="mse")
class Mine:
    '''A line about it.'''
    def __init__(self, *, latent_dim, action_dim, task_dim=0, units, gain=0.5, seed=3):
        self.gain, self.units, self.latent_dim = gain, units, latent_dim
"""


@pytest.fixture
def plugin(tmp_path: Path, own_registry: None) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    return file
