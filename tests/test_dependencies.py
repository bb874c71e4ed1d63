"""What is declared and what is imported are the same."""

import re
from pathlib import Path

import wmzoo

ROOT = Path(wmzoo.__file__).parents[1]
IMPORTED_AS = {"hydra-core": "hydra"}


def test_every_dependency_is_imported_somewhere():
    block = re.search(r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S).group(1)
    declared = re.findall(r'^  "([A-Za-z0-9_-]+)', block, re.M)
    source = "\n".join(path.read_text() for path in (ROOT / "wmzoo").rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", source, re.M))
    assert len(declared) > 5
    assert [name for name in declared if IMPORTED_AS.get(name, name) not in imported] == []
