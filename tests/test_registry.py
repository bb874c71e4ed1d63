"""The catalogue: cards, the decorator, plugin files and entry points."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import wmzoo
from wmzoo.errors import WmzooError
from wmzoo.registry import KINDS, RegistryError, build, build_from, get, list_entries, plugins, register, resolve
from wmzoo.registry.cards import read_card
from wmzoo.storage.package_data import PACKAGE, data_dir

CARDS = [(kind, path.stem) for kind in KINDS for path in sorted((data_dir("registry") / kind).glob("*.yaml"))]
BUILDABLE = [card for card in CARDS if card[0] != "checkpoint"]

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


def test_the_zoo_holds_what_was_promised() -> None:
    assert {"mlp", "flow"} <= set(list_entries("dynamics"))
    assert {"euler", "midpoint", "heun", "rk4"} <= set(list_entries("integrator"))
    assert {"mse", "rectified_flow"} <= set(list_entries("loss"))
    assert {"dmc", "gymnasium"} <= set(list_entries("env"))


@pytest.mark.parametrize(("kind", "name"), CARDS)
def test_a_card_says_in_one_line_what_the_entry_is(kind: str, name: str) -> None:
    summary = get(kind, name).summary
    assert summary and "\n" not in summary and len(summary) <= 120


@pytest.mark.parametrize(("kind", "name"), BUILDABLE)
def test_a_card_names_a_class_that_takes_its_params(kind: str, name: str) -> None:
    entry = get(kind, name)
    inspect.signature(resolve(entry)).bind_partial(**entry.params)


@pytest.mark.parametrize("name", list_entries("dynamics"))
def test_the_defaults_a_dynamics_names_exist_and_suit_it(name: str) -> None:
    entry = get("dynamics", name)
    assert get("loss", entry.facts["default_loss"]).requires <= entry.provides
    if "default_integrator" in entry.facts:
        assert get("integrator", entry.facts["default_integrator"])


def test_an_unknown_name_gets_near_matches_and_what_exists() -> None:
    with pytest.raises(RegistryError, match=r"unknown integrator 'huen': did you mean heun\? there is .*rk4"):
        get("integrator", "huen")


def test_an_unknown_kind_gets_near_matches() -> None:
    with pytest.raises(RegistryError, match="did you mean integrator"):
        list_entries("integrators")


def test_build_gives_the_defaults_and_what_overrides_them() -> None:
    assert type(build("integrator", "heun")).__name__ == "Heun"
    assert build("loss", "rectified_flow").tau == "uniform"
    assert build("loss", "rectified_flow", tau="midpoint").tau == "midpoint"


def test_build_asks_for_what_only_a_composed_config_has() -> None:
    with pytest.raises(RegistryError, match=r"takes units, .* from a composed config: .*units=…"):
        build("dynamics", "mlp", latent_dim=8, action_dim=1)


def test_an_argument_that_the_constructor_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(RegistryError, match="integrator 'heun' .*'stpes'"):
        build("integrator", "heun", stpes=3)


def test_the_decorator_takes_defaults_from_the_signature_without_what_the_builder_gives(plugin: Path) -> None:
    plugins.load_file(plugin)
    entry = get("dynamics", "mine")
    assert entry.params == {"units": "${model.units}", "gain": 0.5}
    assert entry.summary == "A line about it."
    assert entry.owner == str(plugin)


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


def test_a_taken_name_is_refused_with_both_owners(plugin: Path) -> None:
    plugin.write_text(PLUGIN.replace('"mine"', '"flow"'))
    with pytest.raises(RegistryError, match=rf"'flow' is taken: {plugin} .* cannot replace wmzoo \(wmzoo.dynamics"):
        plugins.load_file(plugin)


def test_two_plugins_cannot_share_a_name(plugin: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(PLUGIN)
    plugins.load_file(plugin)
    with pytest.raises(RegistryError, match=rf"'mine' is taken: {other} .* cannot replace {plugin}"):
        plugins.load_file(other)


def test_a_plugin_edited_and_loaded_again_replaces_itself(plugin: Path) -> None:
    plugins.load_file(plugin)
    plugin.write_text(PLUGIN.replace("gain=0.5", "gain=0.75"))
    plugins.load_file(plugin)
    assert get("dynamics", "mine").params["gain"] == 0.75


def test_a_plugin_imported_before_it_is_loaded_replaces_itself(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin.parent)
    importlib.import_module(plugin.stem)
    plugins.load_file(plugin)
    assert get("dynamics", "mine").owner == str(plugin)
    sys.modules.pop(plugin.stem)


def test_one_capability_may_be_given_as_a_word(own_registry: None) -> None:
    @register("dynamics", "quick", provides="velocity", requires="members")
    class Quick: ...

    assert get("dynamics", "quick").provides == {"velocity"} and get("dynamics", "quick").requires == {"members"}


def test_a_plugin_that_does_not_load_is_named_with_the_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import not_a_module")
    with pytest.raises(RegistryError, match=rf"{broken} does not load: ModuleNotFoundError.*not_a_module"):
        plugins.load_file(broken)
    with pytest.raises(RegistryError, match="no such file"):
        plugins.load_file(tmp_path / "absent.py")


def test_a_loaded_plugin_is_recorded_with_its_hash(plugin: Path) -> None:
    plugins.load_file(plugin)
    import hashlib

    record = {"name": "mine", "path": str(plugin), "sha256": hashlib.sha256(PLUGIN.encode()).hexdigest()}
    assert record in plugins.loaded()


def distribution(folder: Path, entry_point: str, code: str = PLUGIN) -> None:
    """A distribution `theirs 1.2` installed in `folder`."""
    info = folder / "theirs-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[wmzoo.plugins]\n{entry_point}\n")
    (folder / "theirs_module.py").write_text(code)


def test_a_distribution_s_entries_are_listed_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    distribution(tmp_path, "dynamics.theirs = theirs_module:Mine", "raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "theirs" in list_entries("dynamics")
    assert get("dynamics", "theirs").owner == "theirs 1.2"


def test_a_distribution_s_entry_composes_with_the_defaults_of_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    distribution(tmp_path, "dynamics.theirs = theirs_module:Theirs", "class Theirs:\n  def __init__(self, gain=7): ...")
    monkeypatch.syspath_prepend(tmp_path)
    assert wmzoo.compose(["dynamics=theirs"]).dynamics == {"name": "theirs", "gain": 7}
    sys.modules.pop("theirs_module")


@pytest.mark.parametrize("code", ["raise RuntimeError('boom')", "import not_a_module"])
def test_a_distribution_that_cannot_be_imported_is_named_and_stops_only_those_who_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    distribution(tmp_path, "dynamics.theirs = theirs_module:Mine", code)
    monkeypatch.syspath_prepend(tmp_path)
    assert wmzoo.compose(["dynamics=mlp"]).dynamics.name == "mlp"
    assert "dynamics 'theirs' (theirs 1.2) cannot be imported (" in caplog.text
    with pytest.raises(RegistryError, match=r"dynamics 'theirs' \(theirs 1.2\) cannot be imported"):
        wmzoo.build_agent(wmzoo.compose(["dynamics=theirs", "size=tiny"]), 3, 1)


def test_a_distribution_s_entry_of_an_unknown_kind_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None, caplog: pytest.LogCaptureFixture
) -> None:
    distribution(tmp_path, "dynamic.theirs = theirs_module:Mine")
    monkeypatch.syspath_prepend(tmp_path)
    assert "theirs" not in list_entries("dynamics")
    assert "theirs 1.2: its entry 'dynamic.theirs' is left out: unknown kind 'dynamic'" in caplog.text


def test_a_distribution_cannot_take_the_name_of_a_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    distribution(tmp_path, "dynamics.flow = theirs_module:Mine")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RegistryError, match=r"'flow' is taken: theirs 1.2 .* cannot replace wmzoo"):
        list_entries("dynamics")


def test_a_missing_extra_gives_the_install_command(tmp_path: Path) -> None:
    card = tmp_path / "robots.yaml"
    card.write_text("target: not_installed_suite:Env\nsummary: x\nextra: metaworld\n")
    with pytest.raises(RegistryError, match=r"pip install 'wmzoo\[metaworld\]'"):
        resolve(read_card(card, "env"))


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


def test_importing_wmzoo_and_using_the_registry_imports_no_torch() -> None:
    code = "import sys, wmzoo; wmzoo.list_entries('dynamics'); wmzoo.register; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
