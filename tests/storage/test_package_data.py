"""Where the package data are, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmzoo.errors import WmzooError
from wmzoo.storage.package_data import PACKAGE, data_dir


def test_package_data_are_found_in_a_checkout_and_in_a_wheel(tmp_path: Path) -> None:
    wheel, checkout = tmp_path / "site-packages" / "wmzoo", tmp_path / "checkout" / "wmzoo"
    (wheel / "_registry").mkdir(parents=True)
    checkout.mkdir(parents=True)
    (checkout.parent / "registry").mkdir()
    assert data_dir("registry", wheel) == wheel / "_registry"
    assert data_dir("registry", checkout) == checkout.parent / "registry"
    with pytest.raises(WmzooError, match="reinstall wmzoo"):
        data_dir("configs", wheel)


def test_a_wheel_gets_the_package_data_where_they_are_looked_for() -> None:
    project = (PACKAGE.parent / "pyproject.toml").read_text()
    included = project.partition("[tool.hatch.build.targets.wheel.force-include]")[2].partition("\n[")[0].split("\n")
    assert {'registry = "wmzoo/_registry"', 'configs = "wmzoo/_configs"'} <= set(included)
