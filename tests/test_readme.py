"""What README says is run, or compared with what is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from short_run import SHORT_RUN

from wmzoo.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TINY = [*SHORT_RUN, "env=pendulum_swingup", "trainer.iterations=2", "eval.episodes=1"]


def plugin() -> str:
    """README's own text of my_dynamics.py."""
    found = re.search(r"```python\n(# my_dynamics\.py\n.*?)```", README, re.DOTALL)
    assert found, "README shows no my_dynamics.py"
    return found[1]


def test_the_tables_of_entries_and_of_the_recipe_are_what_the_code_holds() -> None:
    spec = importlib.util.spec_from_file_location("entries", ROOT / "docs" / "entries.py")
    assert spec and spec.loader
    entries = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entries)
    assert entries.insert(README) == README, "run python docs/entries.py"
    recipe = (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8")
    assert entries.recipe_page() == recipe, "run python docs/entries.py"


def test_the_variant_shown_is_about_twenty_lines() -> None:
    assert len([line for line in plugin().splitlines() if line.strip()]) <= 25


def test_the_variant_shown_trains_from_a_folder_outside_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None, no_video: None
) -> None:
    (tmp_path / "my_dynamics.py").write_text(plugin(), encoding="utf-8")
    command = re.search(r"^    wmzoo (train plugins=\[my_dynamics\.py\].*)$", README, re.MULTILINE)
    assert command, "README shows no command for my_dynamics.py"
    monkeypatch.chdir(tmp_path)
    assert main([*command[1].split(), *TINY, "run_dir=out"]) == 0
    assert "name: my_dynamics" in (tmp_path / "out" / "config.yaml").read_text(encoding="utf-8")
    assert main(["evaluate", "out", "--plugin", "my_dynamics.py"]) == 0


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").rglob("README.md"))]
LINKS = sorted(
    {(page, link) for page in PAGES for link in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text("utf-8"))}
)


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.relative_to(ROOT)}: {link}" for page, link in LINKS])
def test_every_linked_file_exists(page: Path, link: str) -> None:
    assert (page.parent / link).exists()
