"""Somebody else's text: read as data, or refused in a few words, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import wmzoo
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.storage.foreign import parse_json, parse_yaml, read_config, read_json

NINES = "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{f'*{chr(97 + i)},' * 9}]\n" for i in range(9))
BOMB = "a: &a [lol, lol, lol]\n" + NINES


def test_a_config_is_read_as_omegaconf_reads_it(tmp_path: Path) -> None:
    cfg = OmegaConf.to_container(wmzoo.compose(["dynamics=flow", "recipe=paper"]), resolve=True)
    text = OmegaConf.to_yaml(OmegaConf.create(cfg)) + "rate: 1e-3\nday: 2024-01-02\nclock: '1:30'\nyes: on\n"
    (tmp_path / "config.yaml").write_text(text)
    assert read_config(tmp_path / "config.yaml") == OmegaConf.to_container(OmegaConf.create(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: ${oc.env:SECRET}", "holds a reference"),
        (BOMB, "holds a YAML alias"),
        ("x: " + "[" * 100_000, "nested more than 100 levels deep"),
        ("x: !!python/object/apply:os.system [touch ran]", "python/object"),
        (f"x: {'y' * 300_000}", "more than 262,144 letters"),
        ("x: 1\nx: 2", "duplicate key"),
        ("[1, 2]", "no mapping"),
        ("", "no mapping"),
    ],
)
def test_a_config_that_is_more_than_data_is_refused_at_once(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    began = time.monotonic()
    with pytest.raises(WmzooError, match=words) as refused:
        read_config(tmp_path / "config.yaml")
    assert time.monotonic() - began < 5 and str(tmp_path / "config.yaml") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_person_writes_may_have_aliases_as_long_as_they_stand_for_little() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]", aliases=True)["b"] == [[1, 2], [1, 2]]
    for text, words in ((BOMB, "stand for more"), ("a: &a [*a]", "stand for more"), ("a: &a {b: 1}\n<<: *a", "merge")):
        with pytest.raises(ValueError, match=words):
            parse_yaml(text, aliases=True)


TOO_LARGE = ['{"a": ' + number + "}" for number in ("1" * 400, "1e999", "-1E+0400", "1" * 250 + "e99")]


@pytest.mark.parametrize("text", [*TOO_LARGE, '{"a": NaN}', "[" * 100_000, "{", "\xff"])
def test_json_with_numbers_that_are_none_or_too_deep_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text.encode("latin-1"))


def test_a_seed_of_64_bits_is_read_whole() -> None:
    assert parse_json(f'{{"seed": {2**63 - 1}, "x": -1.5e-3}}') == {"seed": 2**63 - 1, "x": -1.5e-3}


def test_a_file_that_holds_no_mapping_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(DamagedFile, match=r"x\.json: no mapping"):
        read_json(tmp_path / "x.json")
