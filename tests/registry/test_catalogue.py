"""The catalogue: what it holds, and what is built from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wmzoo.registry import RegistryError, build, build_from, get, list_entries, plugins, register, resolve
from wmzoo.registry.cards import read_card


def test_the_zoo_holds_what_was_promised() -> None:
    assert {"mlp", "flow"} <= set(list_entries("dynamics"))
    assert {"euler", "midpoint", "heun", "rk4"} <= set(list_entries("integrator"))
    assert {"mse", "rectified_flow"} <= set(list_entries("loss"))
    assert {"dmc", "gymnasium"} <= set(list_entries("env"))


def test_an_unknown_name_gets_near_matches_and_what_exists() -> None:
    with pytest.raises(RegistryError, match=r"unknown integrator 'huen': did you mean heun\? there is .*rk4"):
        get("integrator", "huen")


def test_an_unknown_kind_gets_near_matches() -> None:
    with pytest.raises(RegistryError, match="did you mean integrator"):
        list_entries("integrators")


def test_build_gives_the_defaults_and_what_overrides_them() -> None:
    assert type(build("integrator", "heun")).__name__ == "Heun"
    assert build("loss", "mse").rows == 1.0
    assert build("loss", "mse", rows=0.5).rows == 0.5


def test_build_asks_for_what_only_a_composed_config_has() -> None:
    with pytest.raises(RegistryError, match=r"takes units, .* from a composed config: .*units=…"):
        build("dynamics", "mlp", latent_dim=8, action_dim=1)


def test_an_argument_that_the_constructor_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(RegistryError, match="integrator 'heun' .*'stpes'"):
        build("integrator", "heun", stpes=3)


def test_a_constructor_gets_of_the_context_what_it_has_a_parameter_for(plugin: Path) -> None:
    plugins.load_file(plugin)
    node = {"name": "mine", "units": [4], "gain": 2.0}
    mine = build_from("dynamics", node, latent_dim=8, action_dim=1, task_dim=0, integrator="not taken")
    assert (mine.gain, mine.units, mine.latent_dim) == (2.0, [4], 8)


def test_a_parameter_without_any_default_is_named(own_registry: None) -> None:
    @register("dynamics", "needy")
    class Needy:
        def __init__(self, *, latent_dim: int, units: list[int]) -> None: ...

    with pytest.raises(RegistryError, match="'needy'.*'units'.*default"):
        build_from("dynamics", {"name": "needy"}, latent_dim=8)


def test_one_capability_may_be_given_as_a_word(own_registry: None) -> None:
    @register("dynamics", "quick", provides="velocity", requires="members")
    class Quick: ...

    assert get("dynamics", "quick").provides == {"velocity"} and get("dynamics", "quick").requires == {"members"}


def test_a_missing_extra_gives_the_install_command(tmp_path: Path) -> None:
    card = tmp_path / "robots.yaml"
    card.write_text("target: not_installed_suite:Env\nsummary: x\nextra: metaworld\n")
    with pytest.raises(RegistryError, match=r"pip install 'wmzoo\[metaworld\]'"):
        resolve(read_card(card, "env"))


def test_importing_wmzoo_and_using_the_registry_imports_no_torch() -> None:
    code = "import sys, wmzoo; wmzoo.list_entries('dynamics'); wmzoo.register; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
