"""docs/environments.md is run from top to bottom, and what it prints compared."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import gymnasium
import pytest
from short_run import SHORT_RUN

from wmzoo.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHORT = [*SHORT_RUN, "recipe.warmup_steps=40", "trainer.iterations=1", "eval.episodes=2", "env.episode_length=null"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None) -> Path:
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("my_env", "counting"):  # gone again after the test
        monkeypatch.setitem(sys.modules, module, None)
        del sys.modules[module]
    monkeypatch.chdir(tmp_path)
    for kind, text in BLOCKS:
        if kind == "python":
            (tmp_path / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    return tmp_path


def commands() -> list[tuple[str, str]]:
    text = "".join(text for kind, text in BLOCKS if kind == "console")
    found: list[tuple[str, str]] = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*Overriding environment")  # my_env.py is a plugin first, then a module
def test_every_command_of_the_page_does_and_prints_what_is_shown(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert len(commands()) == 5
    for command, quoted in commands():
        words = command.split()[1:]
        code = main([*words, *(SHORT if words[0] == "train" else [])])
        out, err = capfd.readouterr()
        printed = "\n".join([out, err, *caplog.messages])
        assert code == 0, printed
        for line in quoted.splitlines():
            begins = line.removesuffix("…")
            said = (each == line or (begins != line and each.startswith(begins)) for each in printed.splitlines())
            assert any(said) or line == "…", f"{command} printed\n{printed}and not\n{line}"
    assert (folder / "runs" / "reach" / "metrics.csv").is_file()
