"""Cards: what each says, and that it names a class that takes its parameters."""

from __future__ import annotations

import inspect

import pytest

from wmzoo.registry import KINDS, get, list_entries, resolve
from wmzoo.storage.package_data import data_dir

CARDS = [(kind, path.stem) for kind in KINDS for path in sorted((data_dir("registry") / kind).glob("*.yaml"))]
BUILDABLE = [card for card in CARDS if card[0] != "checkpoint"]


@pytest.mark.parametrize(("kind", "name"), CARDS)
def test_a_card_says_in_one_line_what_the_entry_is(kind: str, name: str) -> None:
    summary = get(kind, name).summary
    assert summary and "\n" not in summary and len(summary) <= 120


@pytest.mark.parametrize(("kind", "name"), BUILDABLE)
def test_a_card_names_a_class_that_takes_its_params(kind: str, name: str) -> None:
    if name == "metaworld":
        pytest.importorskip("metaworld")
    entry = get(kind, name)
    inspect.signature(resolve(entry)).bind_partial(**entry.params)


@pytest.mark.parametrize("name", list_entries("dynamics"))
def test_the_defaults_a_dynamics_names_exist_and_suit_it(name: str) -> None:
    entry = get("dynamics", name)
    assert get("loss", entry.facts["default_loss"]).trains(entry)
    if "default_integrator" in entry.facts:
        assert get("integrator", entry.facts["default_integrator"])
