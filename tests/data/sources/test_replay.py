"""Replays of runs, against what was played into them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from chronicle import Chronicle, replay_of
from composed import composed
from short_run import SHORT_RUN

from wmzoo.agent.build import build_agent
from wmzoo.checkpoints.state import save_state
from wmzoo.cli.main import main
from wmzoo.config.composition import compose
from wmzoo.data.convert import convert
from wmzoo.data.shards import Shards
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.runs.train import train


def checkpoint(folder: Path, rows: int, steps: int, terminates: bool = False, seed: int = 0) -> Chronicle:
    """A checkpoint with the replay of an agent that has played so many steps, in rings of so many rows."""
    replay = replay_of(rows, terminates=terminates)
    chronicle, chance = Chronicle(replay), random.Random(seed)
    for _ in range(steps):
        spoilt = [chance.choice(("obs", "reward")) if chance.random() < 0.05 else None for _ in range(2)]
        chronicle.step([chance.choice((0, 0, 0, 1, 2)) for _ in range(2)], spoilt)
    build_agent(composed("size=tiny"), obs_dim=1, act_dim=1).save(folder)
    save_state(folder, {"replay": replay.state_dict()})
    return chronicle


def converted(folder: Path, out: Path) -> list[tuple[list[float], ...]]:
    """The episodes of its data set: observations, actions, rewards."""
    convert([folder], out, kind="replay")
    (shard,) = Shards(out).shards
    found = []
    for first, steps in zip(shard.index.starts.tolist(), shard.index.lengths.tolist(), strict=True):
        taken = slice(first, first + steps)
        obs = shard.obs[first : first + steps + 1, 0]
        found.append((obs.tolist(), shard.action[taken, 0].tolist(), shard.reward[taken].tolist()))
    return found


def finite_pieces(episode: dict[str, list[float]]) -> list[tuple[list[float], ...]]:
    """An episode without the steps that had a number which is not finite: what is before, and what is after it."""
    pieces, first = [], 0
    for step, (reward, obs) in enumerate(zip(episode["reward"], episode["obs"][1:], strict=True)):
        if not np.isfinite([reward, obs]).all():
            pieces.append((first, step))
            first = step + 2  # the observation that such a step has led to is left out, too
    pieces.append((first, len(episode["reward"])))
    return [(episode["obs"][a : b + 1], episode["action"][a:b], episode["reward"][a:b]) for a, b in pieces if b > a]


@pytest.mark.parametrize("seed", range(5))
def test_a_replay_that_is_not_full_has_every_episode_the_running_ones_too(tmp_path: Path, seed: int) -> None:
    chronicle = checkpoint(tmp_path / "run", rows=200, steps=60, seed=seed)
    played = [piece for episode in chronicle.episodes for piece in finite_pieces(episode)]
    assert sorted(converted(tmp_path / "run", tmp_path / "out")) == sorted(played)


@pytest.mark.parametrize("seed", range(5))
def test_of_a_full_one_only_the_oldest_episodes_lack_their_beginning(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chronicle = checkpoint(tmp_path / "run", rows=20, steps=60, seed=seed)
    found = converted(tmp_path / "run", tmp_path / "out")
    played = [piece for episode in chronicle.episodes for piece in finite_pieces(episode)]
    cut = [one for one in found if one not in played]
    assert len(cut) <= 2 < len(found)  # one an environment
    for obs, action, reward in cut:
        assert any(
            (whole[0][-len(obs) :], whole[1][-len(action) :], whole[2][-len(reward) :]) == (obs, action, reward)
            for whole in played
        )
    assert "its replay was full" in caplog.text


def test_ends_are_kept_where_the_run_kept_them(tmp_path: Path) -> None:
    checkpoint(tmp_path / "run", rows=200, steps=60, terminates=True)
    convert([tmp_path / "run"], tmp_path / "out", kind="replay")
    data = Shards(tmp_path / "out")
    (shard,) = data.shards
    assert data.terminates and 0 < len(shard.index.terminated) < len(shard.index.lengths)


def test_what_has_no_replay_or_none_of_this_task_is_refused_in_one_line(tmp_path: Path) -> None:
    build_agent(composed("size=tiny"), obs_dim=1, act_dim=1).save(tmp_path / "weights")
    with pytest.raises(WmzooError, match=r"weights: holds no replay; the checkpoints of a run of trainer=online do"):
        convert([tmp_path / "weights"], tmp_path / "out", kind="replay")
    checkpoint(tmp_path / "run", rows=200, steps=9)
    with pytest.raises(WmzooError, match=r"run: named twice"):
        convert([tmp_path / "run", tmp_path / "run"], tmp_path / "out", kind="replay")
    build_agent(composed("size=tiny"), obs_dim=3, act_dim=1).save(tmp_path / "wider")
    for file in ("resume.json", "resume.safetensors"):
        (tmp_path / "run" / file).rename(tmp_path / "wider" / file)
    with pytest.raises(DamagedFile, match="its replay is none of cartpole-swingup"):
        convert([tmp_path / "wider"], tmp_path / "out", kind="replay")


@pytest.mark.usefixtures("no_video")
def test_from_a_run_to_data_from_which_a_model_is_pretrained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = ["env=pendulum_swingup", "dynamics=mlp", "trainer.iterations=2"]
    train(compose([*SHORT_RUN, *task, f"run_dir={tmp_path / 'run'}"]))
    out = tmp_path / "data"
    capsys.readouterr()
    assert main(["data", "convert", "--from", "replay", str(tmp_path / "run"), str(out)]) == 0
    steps = 80 + 2 * 4 * 4  # the warm-up, and two iterations of 4 steps of 4 environments
    assert sum(Shards(out).shards[0].index.lengths.tolist()) == steps
    pretrain = ["trainer=pretrain", f"data.dir={out}", "trainer.iterations=1", "trainer.model_updates=2"]
    train(compose([*SHORT_RUN, "dynamics=mlp", *pretrain, "trainer.batch_size=8", f"run_dir={tmp_path / 'model'}"]))
