"""What README says is run, or compared with what is there."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from short_run import SHORT_RUN

from wmzoo.cli.main import main, parse
from wmzoo.config.composition import compose, prepare
from wmzoo.scoreboard.arm import read_arm
from wmzoo.scoreboard.suite import study_of
from wmzoo.studies import grid
from wmzoo.studies.extraction import read_plan
from wmzoo.studies.grid import read_study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    " ".join(shlex.split(text, comments=True))
    for text in re.findall(r"^    wmzoo (.*)$", README, re.MULTILINE) + re.findall(r"`wmzoo ([^`]+)`", README)
]
TINY = [*SHORT_RUN, "env=pendulum_swingup", "trainer.iterations=2", "eval.episodes=1"]


def plugin() -> str:
    """README's own text of my_dynamics.py."""
    (found,) = [text for text in SNIPPETS if text.startswith("# my_dynamics.py\n")]
    return found


def test_the_lists_of_entries_and_of_the_recipe_are_what_the_code_holds() -> None:
    spec = importlib.util.spec_from_file_location("entries", ROOT / "docs" / "entries.py")
    assert spec and spec.loader
    entries = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entries)
    assert entries.insert(README) == README, "run python docs/entries.py"
    for page, text in (("entries.md", entries.entries_page()), ("recipe.md", entries.recipe_page())):
        assert (ROOT / "docs" / page).read_text(encoding="utf-8") == text, "run python docs/entries.py"


def test_the_code_shown_runs_as_pasted_from_top_to_bottom() -> None:
    names: dict[str, Any] = {}
    for text in SNIPPETS:
        if text != plugin():
            exec(compile(text, "README.md", "exec"), names)
    assert names["done"] and 800 < names["score"] < 1000  # its card: 882 on average
    assert names["z"].shape == names["z_next"].shape == (1, 128) and names["reward"].shape == (1,)


def overrides_of(args: argparse.Namespace) -> list[list[str]]:
    """Those of every run that a command makes: of a sweep each combination, of a study the first of its grid."""
    command = args.run.__module__.rpartition(".")[2]
    if command == "study" and args.step == "tune":  # its file is the reader's
        return []
    if command == "study":
        return [list(next(read_study(args.name).cells()).overrides)]
    if command == "bench":
        study, _ = study_of(read_arm(args.what, args.overrides), args.tasks, args.seeds, args.steps)
        return [list(next(study.cells()).overrides)]
    if command == "mt30":
        return [list(read_plan("mt30_mini" if args.mini else "mt30", args.overrides).shared)]
    if command not in ("train", "parity"):
        return []
    values = [
        [f"{each.key_or_group}={value}" for value in each.sweep_string_iterator()]
        if each.is_sweep_override()
        else [each.input_line]
        for each in prepare(args.overrides)[1]
    ]
    return [list(run) for run in itertools.product(*values)]


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_a_command_shown_is_one_and_composes(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None
) -> None:
    monkeypatch.setattr(grid, "_check", lambda study: None)  # tests/studies composes the whole grids
    (tmp_path / "my_dynamics.py").write_text(plugin(), encoding="utf-8")
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    runs = overrides_of(parse(command.split()))
    composes = command.startswith(("train", "parity", "study", "bench", "mt30")) and not command.startswith(
        "study tune"
    )
    assert bool(runs) == composes
    for run in runs:
        compose(run)


def test_the_variant_shown_is_about_twenty_lines() -> None:
    assert len([line for line in plugin().splitlines() if line.strip()]) <= 25


def test_the_variant_shown_trains_from_a_folder_outside_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None, no_video: None
) -> None:
    (tmp_path / "my_dynamics.py").write_text(plugin(), encoding="utf-8")
    command = re.search(r"^    wmzoo (train plugins=my_dynamics\.py.*)$", README, re.MULTILINE)
    assert command, "README shows no command for my_dynamics.py"
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command[1]), *TINY, "run_dir=out"]) == 0
    assert "name: my_dynamics" in (tmp_path / "out" / "config.yaml").read_text(encoding="utf-8")
    assert main(["evaluate", "out", "--plugin", "my_dynamics.py"]) == 0


@pytest.mark.slow
def test_the_variant_shown_keeps_the_contract(tmp_path: Path, own_registry: None) -> None:
    (tmp_path / "my_dynamics.py").write_text(plugin(), encoding="utf-8")
    assert main(["check", str(tmp_path / "my_dynamics.py")]) == 0


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").rglob("README.md"))]
LINKS = sorted(
    {(page, link) for page in PAGES for link in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text("utf-8"))}
)


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.relative_to(ROOT)}: {link}" for page, link in LINKS])
def test_every_linked_file_exists(page: Path, link: str) -> None:
    assert (page.parent / link).exists()
