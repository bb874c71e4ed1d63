"""Tab completion by the protocol that shells speak with argcomplete, and in a real bash."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from argcomplete import shellcode

from wmzoo.cli import main as cli
from wmzoo.config.choices import env_names, keys
from wmzoo.registry import list_entries
from wmzoo.registry.tasks import why_missing

BREAKS = " \t\n\"'><=;|&(:"  # bash's own COMP_WORDBREAKS
ASK = """
import os, sys
from wmzoo.cli import _completion
from wmzoo.cli.main import main
_completion.env_names()  # reads the cards, once for all
for number, line in enumerate(sys.argv[1:]):
    os.environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(number)}
    if not os.fork():
        main()
    os.wait()
"""


def ask(folder: Path, *lines: str, shell: str = "bash") -> list[list[str]]:
    """What a shell is told for each line typed; by one process, of which each answer is a fork."""
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": shell, "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    if shell == "bash":
        asked["_ARGCOMPLETE_COMP_WORDBREAKS"] = BREAKS
    subprocess.run([sys.executable, "-c", ASK, *lines], env=os.environ | asked, cwd=folder, check=True)
    answers = [(folder / str(number)).read_text() for number in range(len(lines))]
    return [answer.split("\v") if answer else [] for answer in answers]


LINES = {
    "wmzoo tr": ["train"],
    "wmzoo d": ["data", "diagnose", "doctor"],
    "wmzoo train --c": ["--cfg"],
    "wmzoo train seed=1 --plu": ["--plugin"],
    "wmzoo train dyn": ["dynamics="],
    "wmzoo train dynamics=fl": ["flow"],
    "wmzoo train integrator=e": ["euler"],
    "wmzoo train loss=rect": ["rectified_flow"],
    "wmzoo train trainer=on": ["online"],
    "wmzoo train size=31": ["317M"],
    "wmzoo train recipe=p": ["paper"],
    "wmzoo train env=finger": ["finger_spin", "finger-turn_easy", "finger-turn_hard"],
    "wmzoo parity env=Humanoid": ["Humanoid-v5", "HumanoidStandup-v5"],
    "wmzoo train recipe.ga": ["recipe.gamma="],
    "wmzoo train model.latent": ["model.latent_dim="],
    "wmzoo train rec": ["recipe="],
    "wmzoo train see": ["seed="],
    "wmzoo train dynamics=gaussian dynamics.co": ["dynamics.coordinates="],
    "wmzoo train dynamics=gaussian dynamics.sub": [],
    "wmzoo train dynamics.sub": ["dynamics.substeps="],
    "wmzoo train -m dynamics=mlp,fl": ["mlp,flow"],
    "wmzoo train seed=0,1 -m dynamics=ml": ["mlp"],
    "wmzoo train --plugin mine.py dynamics=ml": ["mlp"],
    "wmzoo train nothing=": [],
    "wmzoo train init_from=cheetah": ["cheetah_run-flow", "cheetah_run-mlp"],
    "wmzoo train init_from=ru": ["runs/"],
    "wmzoo resume ru": ["runs/"],
    "wmzoo resume runs/": ["runs/cart/", "runs/other/"],
    "wmzoo resume runs/cart/": ["runs/cart/first", "runs/cart/second"],
    "wmzoo resume runs/nowhere/": [],
    "wmzoo resume cheetah": [],
    "wmzoo evaluate cheetah": ["cheetah_run-flow", "cheetah_run-mlp"],
    "wmzoo evaluate runs/cart/first --vi": ["--video"],
    "wmzoo evaluate runs/cart/first runs/cart/s": ["runs/cart/second"],
    "wmzoo evaluate runs/cart/first --tasks cup-catch,walker-r": [
        "cup-catch,walker-run",
        "cup-catch,walker-run-backwards",
    ],
    "wmzoo evaluate runs/cart/first --episodes ": [],
    "wmzoo diagnose runs/o": ["runs/other/"],
    "wmzoo compare runs/cart": ["runs/cart/"],
    "wmzoo list ten": [],
    "wmzoo list ta": ["tasks"],
    "wmzoo list tasks d": ["dflex", "dmc"],
    "wmzoo list dynamics d": [],
    "wmzoo show rk": ["rk4"],
    "wmzoo show dynamics mean": ["mean_flow"],
    "wmzoo study r": ["run", "report"],
    "wmzoo study run flow_": ["flow_vs_mlp"],
    "wmzoo bench koop": ["koopman"],
    "wmzoo bench mlp --tasks walker_walk,finger": [
        "walker_walk,finger_spin",
        "walker_walk,finger-turn_easy",
        "walker_walk,finger-turn_hard",
    ],
    "wmzoo data col": ["collect"],
    "wmzoo mt30 --launcher s": ["slurm"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with runs, and a hidden folder beside them."""
    for run in ("cart/first", "cart/second", "other/third"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "run.json").write_text("{}")
    (tmp_path / "runs" / ".hidden").mkdir()
    return tmp_path


@pytest.mark.slow
def test_what_is_typed_is_completed_in_bash(folder: Path) -> None:
    assert dict(zip(LINES, ask(folder, *LINES), strict=True)) == LINES


def test_nothing_typed_yet_shows_all_there_is(folder: Path) -> None:
    commands, names, first = ask(folder, "wmzoo ", "wmzoo train env=", "wmzoo train ")
    assert sorted(commands) == sorted(cli.commands())
    assert sorted(names) == sorted(env_names())
    assert {"dynamics=", "env=", "seed=", "model.units="} <= {*first} and "dynamics.units=" not in first
    (nested,) = ask(folder, "wmzoo train recipe.")
    assert nested == [f"{key}=" for key in keys() if key.startswith("recipe.")]
    (shown,) = ask(folder, "wmzoo show loss ")
    assert shown == list_entries("loss")


@pytest.mark.skipif(why_missing("metaworld") != "", reason="Meta-World is not installed")
def test_tasks_of_an_extra_that_is_installed_are_among_the_names(folder: Path) -> None:
    assert ask(folder, "wmzoo train env=drawer") == [["drawer-close", "drawer-open"]]


def test_zsh_and_fish_are_given_whole_words_zsh_with_what_a_command_does(folder: Path) -> None:
    lines = ("wmzoo resu", "wmzoo train dynamics=fl")
    in_zsh, in_fish = ask(folder, *lines, shell="zsh"), ask(folder, *lines, shell="fish")
    assert in_zsh == [
        ["resume:go on with a run that was interrupted or killed, or train one longer"],
        ["dynamics=flow:"],
    ]
    assert in_fish == [["resume"], ["dynamics=flow"]]


def test_the_files_that_start_it_have_argcomplete_s_marker() -> None:
    package = Path(cli.__file__).parents[1]
    for file in (package / "cli" / "main.py", package / "__main__.py"):
        assert "PYTHON_ARGCOMPLETE_OK" in file.read_text()[:1024]


@pytest.mark.slow
def test_a_tab_in_a_real_bash_completes_with_a_space_only_where_the_word_is_whole(folder: Path) -> None:
    (folder / "bin").mkdir()
    script = folder / "bin" / "wmzoo"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom wmzoo.cli.main import main\nsys.exit(main())\n")
    script.chmod(0o755)
    (folder / "rc").write_text(shellcode(["wmzoo"]) + f"\nPATH={folder}/bin:$PATH PS1='ready> '\n")
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        os.execvp("bash", ["bash", "--noprofile", "--rcfile", "rc", "-i"])
    try:
        shows(terminal, "ready> ")
        for typed, completed in [
            ("wmzoo train dyn\t", "wmzoo train dynamics="),
            ("fl\t", "ow "),
            ("env=Human\t", "oid"),
            ("\x15wmzoo resume run\t", "runs/"),
            ("ot\t", "her/"),
            ("\t", "third "),
        ]:
            os.write(terminal, typed.encode())
            shows(terminal, completed)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def shows(terminal: int, text: str) -> None:
    """Read until the terminal has shown it."""
    shown, end = "", time.monotonic() + 60
    while text not in shown:
        assert time.monotonic() < end, f"{shown!r} does not show {text!r}"
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
