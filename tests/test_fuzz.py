"""Whatever is typed, and whatever the files hold: a run is set up, or one line says why not, with exit code 2."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from wmzoo.agent.load import load
from wmzoo.checkpoints.find import list_checkpoints
from wmzoo.checkpoints.state import load_state
from wmzoo.cli.main import main
from wmzoo.config.composition import compose
from wmzoo.config.rules import rules
from wmzoo.errors import WmzooError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("configs_by_hydra")]
EACH = 50  # mutated overrides in each shard, and as many configs
FILES_EACH = 120  # mutated files in each shard
# The further ones draw other mutations of the same.
SHARDS = [0, *(pytest.param(shard, marks=pytest.mark.exhaustive) for shard in (1, 2, 3))]
PATIENCE = 60  # seconds for one of them
BASE = ["size=tiny", "env=pendulum_swingup", "env.num_envs=2", "eval.episodes=1", "trainer.horizon=4", "device=cpu"]
BASE += ["threads=1", "env.episode_length=10", "trainer.buffer_size=200", "recipe.warmup_steps=20"]
BASE += ["recipe.pretrain_updates=1", "recipe.model_updates=1", "recipe.actor_updates=1"]
BASE += ["recipe.model_horizon=4", "recipe.imagination_horizon=4"]

TYPED = ["", "null", "true", "no", "-1", "0", "1", "2", "3.5", "1e-300", "1e308", "nan", "inf", "-inf", "9" * 30]
TYPED += ["0x10", "[]", "[1]", "[-1]", "[a,b]", "[[1,2],[3]]", "{}", "{a: 1}", "{a:{b:2}}", "[1", "}", "'", '"']
TYPED += ["'a b'", "a b", "???", "${seed}", "${", "${nope}", "${model.units}", "${oc.env:NOT_SET}", "${eval:1+1}"]
TYPED += ["$", "\\", "\\n", "\n", "é", "名", "\x00", "\x1b[31m", "\ud800", "x" * 3000, "../up", ".", "a/b/c", "-"]
TYPED += ["--help", "a=b=c", "@b", "a,b", "range(1,3)", "choice(a,b)", "glob(*)", "sort(3,1)", "int(x)", "None"]
TYPED += ["1_000", "1e3", "auto", "cuda:99", "meta"]
LIKELY = ["0", "1", "2", "3", "7", "0.5", "1.0", "true", "false", "null", "auto", "[8]", "[8,8]", "[0.9,0.9]", "none"]
LIKELY += ["latent", "logit", "mish", "std", "midpoint", "imagination", "euler", "rk4", "mse", "mlp", "paper", "cpu"]
VALUES: list[Any] = [None, True, -1, 0, 1, 3, 2**70, 0.5, -2.5, float("nan"), float("inf"), "", "word", "é", "${seed}"]
VALUES += ["${", "???", "\x00", [], [1, 2], [[1], "a"], {}, {"name": "mlp"}, {"a": {"b": 1}}, {1: 2}, "x" * 3000]


def keys() -> list[str]:
    return [key for key, _ in rules(compose(BASE))]


def overrides(chance: random.Random) -> list[str]:
    """One or two of a valid command's overrides spoilt, or a key given an odd value."""
    typed = list(BASE)
    for _ in range(chance.choice((1, 1, 2))):
        if chance.random() < 0.7:
            name = chance.choice(NAMES) if chance.random() < 0.9 else chance.choice(TYPED)
            prefix = chance.choice(("", "", "", "", "", "", "", "+", "++", "~"))
            value = chance.choice(TYPED if chance.random() < 0.5 else LIKELY)
            typed.append(f"{prefix}{name}={value}" if chance.random() < 0.95 else f"{prefix}{name}")
        else:
            place = chance.randrange(len(typed))
            typed[place] = spoilt_text(chance, typed[place])
    return typed


NAMES = ["seed", "dynamics", "integrator", "loss", "trainer", "env", "size", "recipe", "experiment", "hydra/launcher"]
NAMES += [
    "hydra.run.dir",
    "hydra.job.num",
    "model",
    "eval",
    "save",
    "actor",
    "critic",
    "wmzoo",
    "checkpoint",
    "env.backend",
]


def spoilt_text(chance: random.Random, text: str) -> str:
    """A character lost, doubled, replaced or exchanged, or a piece repeated."""
    place = chance.randrange(len(text))
    odd = chance.choice("=,.:[]{}()'\"$~+-@#\\/ \t\n0159aZé\x00")
    return chance.choice(
        [
            text[:place] + text[place + 1 :],
            text[:place] + text[place] + text[place:],
            text[:place] + odd + text[place:],
            text[:place] + odd + text[place + 1 :],
            text[place:] + text[:place],
            text[:place] + text[place:] * 2,
        ]
    )


def spoilt_bytes(chance: random.Random, content: bytes) -> bytes:
    """Bits flipped, a part cut out, repeated, zeroed or exchanged for noise, another file altogether."""
    first, second = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    flipped = bytearray(content)
    for _ in range(chance.choice((1, 1, 8))):
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    header = bytearray(content)
    header[chance.randrange(min(len(content), 200))] = chance.randrange(256)
    return chance.choice(
        [
            bytes(flipped),
            bytes(flipped),
            bytes(header),
            content[:first],
            content[:first] + content[second:],
            content[:second] + content[first:],
            content[:first] + bytes(second - first) + content[second:],
            content[:first] + chance.randbytes(min(second - first, 64)) + content[first + min(second - first, 64) :],
            chance.randbytes(chance.randrange(100)),
            chance.choice(
                (
                    b"",
                    b"{}",
                    b"[]",
                    b"null",
                    b"\x80\x04.",
                    b"PK\x03\x04",
                    b"\xff" * 16,
                    b"\x08" + bytes(7) + b"{}      ",
                )
            ),
        ]
    )


def spoilt_tree(chance: random.Random, tree: Any) -> Any:
    """A config with one node lost, renamed, doubled or replaced by something else."""
    node, key = tree, None
    while key is None or (isinstance(node[key], dict) and node[key] and chance.random() < 0.8):
        node = node if key is None else node[key]
        key = chance.choice(list(node))
    match chance.randrange(6):
        case 0:
            del node[key]
        case 1:
            node[f"{key}x"] = node.pop(key)
        case 2:
            node[key] = {key: node[key]}
        case _:
            node[key] = chance.choice(VALUES)
    return tree


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything of `train` and `resume` but the iterations and the video."""
    monkeypatch.setattr("wmzoo.runs.train._train", lambda trainer, run: None)
    monkeypatch.setattr("wmzoo.runs.train.record_video", lambda folder: None)


@pytest.fixture(autouse=True)
def deep_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `run_dir=../up` does no harm."""
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b" / "c" / "d")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two iterations."""
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    short = ["trainer.iterations=2", "save.every=1", "eval.every=1", "trainer.batch_size=4", f"run_dir={folder}"]
    assert main(["train", *BASE, *short]) == 0
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def within_patience(action: Callable[[], Any]) -> Any:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"not done in {PATIENCE} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(PATIENCE)
    try:
        return action()
    finally:
        signal.alarm(0)


def ends_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """Exit code 0, or 2 and one line."""

    def command() -> int:
        try:
            return main(words)
        except SystemExit as stopped:  # argparse
            return int(stopped.code or 0)

    code = within_patience(command)
    err = capsys.readouterr().err
    told = [line for line in err.split("\n") if line.startswith("wmzoo: ")]
    assert code in (0, 2) and "Traceback" not in err, f"{words}: {code}: {err}"
    assert len(told) == (code == 2), f"{words}: {err}"
    return code


@pytest.mark.parametrize("shard", SHARDS)
def test_mutated_overrides(shard: int, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(f"overrides {shard}")
    NAMES.extend(key for key in keys() if key not in NAMES)
    assert ends_well(["train", *BASE], capsys) == 0, "what is spoilt is no valid command"
    codes = [ends_well(["train", *overrides(chance)], capsys) for _ in range(EACH)]
    assert 2 in codes  # few spoilt commands are valid, in some shards none


@pytest.mark.parametrize("shard", SHARDS)
def test_mutated_configs(shard: int, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of them of a bundle that is loaded, half of a run that is to go on."""
    chance = random.Random(f"configs {shard}")
    config = list_checkpoints(run)[-1] / "config.yaml"
    text = config.read_text()
    text = text[: text.index("  sha256:")]  # which would notice every change
    codes = []
    for number in range(EACH):
        spoilt = yaml.safe_dump(spoilt_tree(chance, yaml.safe_load(text)), allow_unicode=True)
        spoilt = spoilt if chance.random() < 0.7 else spoilt_text(chance, text)
        config.write_text(spoilt, encoding="utf-8", errors="surrogatepass")
        words = ["evaluate", str(config.parent), "--episodes", "1"] if number % 2 else ["resume", str(run)]
        codes.append(ends_well(words, capsys))
    assert 0 in codes and 2 in codes


def readers(run: Path) -> Iterator[tuple[Path, Callable[[], Any]]]:
    """Every file of a run that is read, with what reads it."""
    bundle = list_checkpoints(run)[-1]
    for name in ("model.safetensors", "config.yaml"):
        yield bundle / name, lambda: load(bundle)
    for name in ("resume.safetensors", "resume.json"):
        yield bundle / name, lambda: load_state(bundle)


@pytest.mark.parametrize("shard", SHARDS)
def test_mutated_files(shard: int, run: Path) -> None:
    """None of them is taken for what it was unless it still holds the same."""
    chance = random.Random(f"files {shard}")
    files = list(readers(run))
    refused = 0
    for number in range(FILES_EACH):
        file, read = files[number % len(files)]
        content = file.read_bytes()
        file.write_bytes(spoilt_bytes(chance, content))
        try:
            within_patience(read)
        except WmzooError as error:
            refused += 1
            assert error.exit_code == 2 and str(file.parent) in str(error) and "\n" not in str(error)
        finally:
            file.write_bytes(content)
    assert refused > 0.9 * FILES_EACH
    for _, read in files:
        read()


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "config.yaml"])
def test_mutated_files_of_the_run_folder(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(name)
    shutil.rmtree(list_checkpoints(run)[-1])
    for number in range(12):
        copy = run.with_name(f"run{number}")
        shutil.copytree(run, copy)
        (copy / name).write_bytes(spoilt_bytes(chance, (run / name).read_bytes()))
        code = ends_well(["resume", str(copy)], capsys)
        assert code == 2 or json.loads((copy / "run.json").read_text())["status"] == "done"
        shutil.rmtree(copy)
