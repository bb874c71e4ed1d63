"""Text that somebody else may have written, read as data: nothing in it runs, is looked up, or grows on its way in.

What is not as wmzoo writes it is a ValueError with a few words; `read_config` says them about the file.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line

LONGEST = 2**18  # letters of a config
DEEPEST = 100  # levels of one

_OPENING = (
    *(yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken),
    *(yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken),
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

if hasattr(yaml, "CSafeLoader"):

    class _Loader(yaml.CSafeLoader, get_yaml_loader()):  # type: ignore[misc]
        """YAML as OmegaConf reads it (1e-3 is a number, a date is a text, no key comes twice), ten times as fast."""

else:
    _Loader = get_yaml_loader()  # type: ignore[misc]


def read_config(file: Path) -> dict[str, Any]:
    """The composed config in a file. DamagedFile for what is none, WmzooError for a file that cannot be opened."""
    try:
        return parse_config(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except ValueError as error:
        raise DamagedFile(f"{file}: cannot read it ({error})") from error


def parse_config(text: str) -> dict[str, Any]:
    """A composed config that refers to nothing: `${oc.env:SECRET}` would read the environment of whoever reads it."""
    if "${" in text:
        raise ValueError("holds a reference ${…}, which wmzoo never writes")
    cfg = parse_yaml(text)
    if not isinstance(cfg, dict):
        raise ValueError("no mapping of keys")
    return cfg


def parse_yaml(text: str, aliases: bool = False) -> Any:
    """A mapping or list of plain values.

    aliases: `*name` is allowed, as people write it, as long as what they stand for is not too much: a few lines of them
    can make a billion entries.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has more than {LONGEST:,} letters")
    try:
        depth = 0
        for token in yaml.scan(text, Loader=_Loader):  # flat, where composing goes as deep as the text says
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > DEEPEST:
                raise ValueError(f"is nested more than {DEEPEST} levels deep")
            if isinstance(token, yaml.AliasToken) and not aliases:
                raise ValueError("holds a YAML alias, which wmzoo never writes")
            if isinstance(token, yaml.ScalarToken) and token.value == "<<":  # copied already while it is read
                raise ValueError("holds a merge key <<")
        found = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"{getattr(error, 'problem', None) or one_line(error)}{where}") from error
    if not isinstance(found, dict | list):
        raise ValueError("no mapping of keys")
    if aliases and _entries(found, {}) > LONGEST:
        raise ValueError(f"its aliases stand for more than {LONGEST:,} entries")
    return found


def _entries(node: Any, counted: dict[int, float]) -> float:
    """How many entries a walk through a node would meet; infinitely many where it holds itself."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if children and id(node) not in counted:
        counted[id(node)] = math.inf  # for those within
        counted[id(node)] = sum(1 + _entries(child, counted) for child in children)
    return counted.get(id(node), 0)


def parse_json(text: str | bytes) -> Any:
    """JSON whose numbers are all finite and fit a float."""
    try:
        found = _JSON.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    _check_numbers(found)
    return found


def read_json(file: Path) -> dict[str, Any]:
    """The mapping in a file of JSON. DamagedFile, naming it, for anything else; FileNotFoundError where none is."""
    try:
        found = parse_json(file.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    except ValueError as error:
        raise DamagedFile(f"{file}: cannot read it ({one_line(error)}); mend it or move it away") from error
    if not isinstance(found, dict):
        raise DamagedFile(f"{file}: no mapping; mend it or move it away")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"has a number that is not finite, {name}")


def _check_numbers(found: Any) -> None:
    """ValueError unless every number is finite and fits a float: 1e999 is read as infinity, an integer as it is."""
    nodes = [found]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict | list):
            nodes.extend(node.values() if isinstance(node, dict) else node)
        elif isinstance(node, int | float):
            try:
                finite = math.isfinite(node)
            except OverflowError:
                finite = False
            if not finite:
                raise ValueError("has a number that is beyond a float's")


_JSON = json.JSONDecoder(parse_constant=_constant)
