"""What somebody else's files may try: nothing runs, nothing leaks, nothing outside is touched, nothing hangs."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.agent.load import load
from wmzoo.cli.main import main
from wmzoo.errors import WmzooError
from wmzoo.registry import RegistryError, plugins, register
from wmzoo.runs.interrupt import stop_on_interrupt
from wmzoo.storage.lock import FolderLock


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    build_agent(wmzoo.compose(["size=tiny", "dynamics=mlp"]), 5, 1).save(tmp_path / "bundle")
    return tmp_path / "bundle"


BOMB = "a: &a [lol, lol, lol]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{f'*{chr(97 + i)},' * 9}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: BOMB + text, "holds a YAML alias, which wmzoo never writes"),
        (lambda text: text.replace("run_dir: null", "run_dir: ${oc.env:SECRET}"), r"holds a reference \$\{…\}"),
        (
            lambda text: text.replace("run_dir: null", "run_dir: !!python/object/apply:os.system [touch ran]"),
            "python/object",
        ),
        (lambda text: "x: " + "[" * 20_000 + "]" * 20_000 + "\n" + text, "cannot read it"),
        (lambda text: f"x: {'y' * 300_000}\n" + text, "has more than 262,144 letters"),
        (lambda text: text + "  origin: 5\n", "checkpoint.origin is none"),
        (lambda text: text + "  origin: {result: {mean: high}}\n", "checkpoint.origin is none"),
        (lambda text: text + "  origin: {source: {file: a.pt}}\n", "checkpoint.origin is none"),
    ],
)
def test_a_hostile_config_is_refused_at_once(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, change: object, words: str
) -> None:
    monkeypatch.setenv("SECRET", "top")
    monkeypatch.chdir(bundle.parent)
    file = bundle / "config.yaml"
    file.write_text(change(file.read_text().partition("  sha256:")[0]))  # type: ignore[operator]
    began = time.monotonic()
    with pytest.raises(WmzooError, match=words) as refused:
        load(bundle)
    assert time.monotonic() - began < 10 and str(file) in str(refused.value) and "\n" not in str(refused.value)
    assert not Path("ran").exists()


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        FolderLock(tmp_path / "run")
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", ["metrics.csv", "learning_curve.png", "run.json"])
def test_a_link_in_the_place_of_a_result_is_replaced_not_followed(tmp_path: Path, name: str) -> None:
    from wmzoo.runs import Run

    (tmp_path / "precious").write_text("precious")
    run = Run(tmp_path / "run", wmzoo.compose(["size=tiny"]))
    run.log({"iteration": 1, "env_steps": 4, "eval_return": 1.0})
    (run.folder / name).unlink(missing_ok=True)
    (run.folder / name).symlink_to(tmp_path / "precious")
    run.finish()
    assert (tmp_path / "precious").read_text() == "precious" and not (run.folder / name).is_symlink()


def test_an_agent_is_saved_over_nothing_but_a_former_checkpoint(bundle: Path, tmp_path: Path) -> None:
    agent = load(bundle)
    agent.save(bundle)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("mine")
    for place in (tmp_path / "notes", tmp_path / "notes" / "README.md"):
        with pytest.raises(WmzooError, match=r"choose another folder|give a folder"):
            agent.save(place)
    assert (tmp_path / "notes" / "README.md").read_text() == "mine"


@pytest.mark.usefixtures("own_registry")
@pytest.mark.parametrize(
    "code", ["import sys\nsys.exit(0)", "class B(BaseException): ...\nraise B", "raise OSError(5)"]
)
def test_a_plugin_that_ends_the_program_does_not_end_it_with_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    (tmp_path / "leaves.py").write_text(code)
    for words in (["check", str(tmp_path / "leaves.py")], ["train", "--plugin", str(tmp_path / "leaves.py")]):
        assert main(words) == 2
        assert f"plugin {tmp_path}/leaves.py does not load: " in capsys.readouterr().err


@pytest.mark.usefixtures("own_registry")
def test_names_that_could_never_be_typed_and_entries_that_cannot_be_built_are_named(tmp_path: Path) -> None:
    for kind, name in (("dynamics", "a,b"), ("dynamics", ""), ("checkpoint", "mine"), ("dynamics", 5)):
        with pytest.raises(RegistryError, match=r"a name is of letters|unknown kind"):
            register(kind, name)(type("Any", (), {}))  # type: ignore[arg-type]
    (tmp_path / "abstract.py").write_text(
        "import wmzoo\nfrom wmzoo.dynamics import Dynamics\n"
        "@wmzoo.register('dynamics', 'abstract')\nclass Abstract(Dynamics):\n    pass\n"
    )
    plugins.load_file(tmp_path / "abstract.py")
    with pytest.raises(RegistryError, match=rf"'abstract' \({tmp_path}/abstract.py\) cannot be built: TypeError"):
        build_agent(wmzoo.compose(["dynamics=abstract", "size=tiny"]), 3, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signals_that_end_a_job_are_requests_to_save(number: signal.Signals) -> None:
    said: list[str] = []
    with stop_on_interrupt(said.append) as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked() and len(said) == 1
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
