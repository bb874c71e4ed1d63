"""Files of one shape are converted many times."""

from __future__ import annotations

import pytest
from composed import composed


@pytest.fixture(autouse=True)
def configs_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wmzoo.importers.convert.compose", lambda overrides: composed(*overrides))
