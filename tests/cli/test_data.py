"""`wmzoo data` from collecting to a data set, and what it says of mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from chunk_files import told_chunk, write_chunks

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.cli.main import main
from wmzoo.data.chunks import Chunk, read_chunk, write_chunk
from wmzoo.data.shards import Shards


def data(*words: object) -> int:
    return main(["data", *(str(word) for word in words)])


def test_collect_convert_and_inspect_follow_one_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chunks, shards = tmp_path / "chunks", tmp_path / "shards"
    assert data("collect", "--tasks", "pendulum_swingup,reacher-easy", "--episodes", 2, "--out", chunks) == 0
    assert data("convert", "--from", "tdmpc2", chunks, shards) == 0
    assert f"4 episodes of 2 tasks: {shards}" in capsys.readouterr().out
    for folder in (chunks, shards):
        assert data("inspect", folder, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert [(t["name"], t["episodes"], t["rows"]) for t in found["tasks"]] == [
            ("pendulum-swingup", 2, 1000),
            ("reacher-easy", 2, 1000),
        ]
        assert found["problems"] == []
    assert [shard.obs.shape[1] for shard in Shards(shards).shards] == [3, 6]


def test_a_checkpoint_s_policy_collects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_agent(wmzoo.compose(["size=tiny"]), 3, 1).save(tmp_path / "agent")
    words = ["collect", "--tasks", "pendulum-swingup", "--episodes", 1, "--policy", tmp_path / "agent"]
    assert data(*words, "--out", tmp_path / "chunks") == 0
    facts = json.loads((tmp_path / "chunks" / "tasks.json").read_text())
    (policy,) = facts["policies"]
    assert policy["policy"] == str(tmp_path / "agent") and len(policy["sha256"]) == 64 and policy["episodes"] == 1
    assert data("collect", "--tasks", "reacher-easy", *words[3:], "--out", tmp_path / "other") == 2
    assert "observations of 3 numbers and gives actions of 1, reacher-easy has 6 and 2" in capsys.readouterr().err


def test_inspect_prints_a_table_and_exits_with_1_where_something_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_chunks(tmp_path / "src", told_chunk([0, 1, 1], 3))
    assert data("inspect", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("task  name")
    assert " ".join(lines[1].split()) == "0 task-0 1 3 6.0000 2.0000 0 0"
    assert " ".join(lines[2].split()) == "1 task-1 2 6 9,012.0 1,502.0 0 0"
    assert lines[3] == "chunks: 2 tasks, 3 episodes, 9 rows" and len({len(line) for line in lines[:3]}) == 1
    assert lines[4] == f"picture: {folder}/coverage.png" and (folder / "coverage.png").is_file()
    (folder / "chunk_1.pt").write_bytes(b"")
    assert data("inspect", folder) == 1
    assert f"problem: {folder}/chunk_1.pt: empty" in capsys.readouterr().out


def test_how_data_came_to_be_is_told_and_what_is_no_telling_is_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = tmp_path / "chunks"
    policy = ["--policy", "random", "--policy", "random,weight=2,noise=0.5"]
    words = ["collect", "--tasks", "pendulum-swingup", "--episodes", 3, "--seed", 5, "--out", chunks]
    assert data(*words, *policy) == 0 and data("convert", chunks, tmp_path / "set") == 0
    for folder in (chunks, tmp_path / "set"):
        assert data("inspect", folder) == 0
        said = capsys.readouterr().out
        assert f"made: wmzoo {wmzoo.__version__}, " in said
        assert "collected: 1 episodes of a task by random, seed 5" in said
        assert "collected: 2 episodes of a task by random (noise 0.5), seed 5" in said
    file = tmp_path / "set" / "index.json"
    told = json.loads(file.read_text())
    for made, says in (({"collected": 3}, "not told"), ({"wmzoo": 1, "command": "\x1b[2J"}, "wmzoo 1, ?[2J")):
        file.write_text(json.dumps(told | {"made": made}))
        assert data("inspect", tmp_path / "set") == 0
        assert says in capsys.readouterr().out


def test_downloaded_chunks_are_given_their_tasks_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_chunks(tmp_path / "src", told_chunk([3, 7], 3, widths=(24, 6)))
    assert data("convert", folder, tmp_path / "dst", "--tasks", "mt30") == 0
    index = Shards(tmp_path / "dst").index
    assert [(t.task, t.name, t.obs_dim, t.act_dim) for t in index.tasks] == [
        (3, "cheetah-run", 17, 6),
        (7, "pendulum-swingup", 3, 1),
    ]
    assert (index.num_tasks, index.obs_dim, index.act_dim) == (30, 24, 6)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["collect", "--tasks", "walker-wolk", "--episodes", 1, "--out", "c"], "did you mean walker-walk"),
        (["collect", "--tasks", "mt30", "--episodes", 0, "--out", "c"], "--episodes is 0; it must be 1 or more"),
        (["collect", "--tasks", "mt30", "--episodes", 1, "--out", "c", "--seed", -1], "--seed is -1"),
        (["collect", "--tasks", "cup-catch", "--episodes", 1, "--out", "c", "--policy", "runs/x"], "runs/x: no such"),
        (["convert", "none", "dst"], "none: no such file or folder"),
        (["inspect", "none"], "none: no such file or folder"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert data(*words) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_ctrl_c_is_told_how_to_go_on_and_the_same_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C comes when the first task is written and the second one begins."""
    out = tmp_path / "chunks"
    words = ["collect", "--tasks", "pendulum-swingup,cartpole-balance", "--episodes", "2", "--out", out]

    def write_and_be_interrupted(file: Path, chunk: Chunk) -> None:
        write_chunk(file, chunk)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("wmzoo.data.collect.write_chunk", write_and_be_interrupted)
        assert data(*words) == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        "wmzoo: wmzoo data collect: the same command goes on where it was"
    )
    assert not (out / "chunk_1.pt").exists()
    first = (out / "chunk_0.pt").stat()
    assert data(*words) == 0
    assert (out / "chunk_0.pt").stat() == first and len(read_chunk(out / "chunk_1.pt").obs) == 2


@pytest.mark.parametrize("words", [["data", "--help"], ["data", "convert", "--help"]])
def test_help_needs_no_torch(words: list[str]) -> None:
    code = (
        "import sys; from wmzoo.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
    assert "collect" in done.stdout or "SRC" in done.stdout
