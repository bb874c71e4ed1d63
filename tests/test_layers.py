"""Imports run downwards only: between files, and between the rooms (the folders of wmzoo/) that hold them.

Every import statement counts, also those inside functions and behind TYPE_CHECKING.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "wmzoo"
Node = TypeVar("Node", bound=Hashable)
Graph = Mapping[Node, Iterable[Node]]


def files() -> dict[str, Path]:
    """Every module of the package by its dotted name; a package by that of its __init__.py."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: Iterable[str]) -> Iterator[str]:
    """The modules that a file's import statements name; of `from package import module` the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield below if below in known else node.module


def imports() -> dict[str, set[str]]:
    known = files()
    return {name: {other for other in imported(path, known) if other != name} for name, path in known.items()}


def room(module: str) -> str:
    """wmzoo.envs.pools.base lies in `envs`; what lies at the root is a room of its own."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "wmzoo"


def rooms(graph: Graph[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module, others in graph.items():
        found.setdefault(room(module), set()).update(room(other) for other in others if room(other) != room(module))
    return found


def circle(graph: Graph[Node]) -> list[Node]:
    """The nodes of a way that comes back to where it began, that node at both ends; empty where there is none."""
    done: set[Node] = set()

    def follow(node: Node, way: list[Node]) -> list[Node]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for other in graph[node]:
            if found := follow(other, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in graph if (found := follow(node, []))), [])


def offence(graph: Graph[str], way: list[str]) -> str:
    """The imports, file by file, by which one room comes back to itself."""
    steps = [
        f"{module} imports {other}"
        for here, there in pairwise(way)
        for module, others in graph.items()
        for other in sorted(others)
        if (room(module), room(other)) == (here, there)
    ]
    return "\n".join([" → ".join(way), *steps])


def floors(graph: Graph[str]) -> dict[str, int]:
    """How many rooms lie, at the most, one below the other under each."""
    height: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in height:
            height[name] = 1 + max((of(other) for other in graph[name]), default=0)
        return height[name]

    return {name: of(name) for name in graph}


def documented() -> list[list[str]]:
    """The floors of docs/architecture.md, the lowest first: the names in code letters of its table's second column."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| *\d+ *\|([^|]*)\|", text, re.MULTILINE)
    return [re.findall(r"`([\w.]+)/?`", row) for row in rows]


def test_no_file_imports_itself_by_way_of_others() -> None:
    assert " → ".join(circle(imports())) == ""


def test_no_room_is_above_and_below_another() -> None:
    graph = imports()
    way = circle(rooms(graph))
    assert not way, offence(graph, way)


def test_the_documented_floors_are_those_that_the_imports_make() -> None:
    graph, listed = rooms(imports()), documented()
    at = {name.removesuffix(".py"): number for number, names in enumerate(listed) for name in names}
    assert sorted(at) == sorted(graph)
    climbs = [f"{name} → {other}" for name, others in graph.items() for other in others if at[other] >= at[name]]
    assert not climbs, offence(imports(), climbs[0].split(" → "))
    assert max(floors(graph).values()) <= len(listed)


def test_three_files_lie_at_the_root() -> None:
    assert sorted(path.name for path in PACKAGE.glob("*.py")) == ["__init__.py", "__main__.py", "errors.py"]


@pytest.mark.parametrize("module", [name for name in files() if room(name) != "cli"])
def test_an_import_inside_a_function_says_why(module: str) -> None:
    """Start-up time, or something that is not installed everywhere: nothing else is a reason outside of cli/."""
    path = files()[module]
    lines, tree = path.read_text(encoding="utf-8").splitlines(), ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    silent = []
    for number in sorted(inside):
        before = next((line for line in reversed(lines[: number - 1]) if "import " not in line), "")
        if not any("#" in line for line in (lines[number - 1], *_block(lines, number), before)):
            silent.append(f"{path.name}:{number}: {lines[number - 1].strip()}")
    assert not silent


def _block(lines: list[str], number: int) -> list[str]:
    """The import lines directly above line `number`: one comment may speak for several."""
    block = []
    for line in reversed(lines[: number - 1]):
        if "import " not in line:
            break
        block.append(line)
    return block


def test_a_circle_is_found_and_its_way_told() -> None:
    graph = {"wmzoo.a.x": ["wmzoo.b.y"], "wmzoo.b.y": ["wmzoo.c.z"], "wmzoo.c.z": ["wmzoo.a.w"], "wmzoo.a.w": []}
    assert circle(graph) == []
    way = circle(rooms(graph))
    assert way[0] == way[-1] and sorted(set(way)) == ["a", "b", "c"]
    assert "wmzoo.c.z imports wmzoo.a.w" in offence(graph, way)
    assert floors({"top": ["middle", "ground"], "middle": ["ground"], "ground": []}) == {
        "top": 3,
        "middle": 2,
        "ground": 1,
    }
