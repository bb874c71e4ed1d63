"""Replays of runs, against what was played into them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from chronicle import NUM_ENVS, Chronicle, replay_of
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


def checkpoint(
    folder: Path,
    rows: int,
    steps: int,
    terminates: bool = False,
    seed: int = 0,
    spoil: float = 0.05,
    stagger: bool = True,
    env: str = "cartpole_swingup",
) -> Chronicle:
    """A checkpoint with the replay of an agent that has played so many steps, in rings of so many rows."""
    replay = replay_of(rows, terminates=terminates)
    chronicle, chance = Chronicle(replay), random.Random(seed)
    for _ in range(steps):
        spoilt = [chance.choice(("obs", "reward")) if chance.random() < spoil else None for _ in range(2)]
        chronicle.step([chance.choice((0, 0, 0, 1, 2)) for _ in range(2)], spoilt)
    cfg = composed("size=tiny", f"env={env}", f"recipe.stagger={stagger}")
    build_agent(cfg, obs_dim=1, act_dim=1).save(folder)
    save_state(folder, {"replay": replay.state_dict(), "counters": {"env_steps": steps * NUM_ENVS}})
    return chronicle


def converted(folder: Path, out: Path, **options: bool) -> list[tuple[list[float], ...]]:
    """The episodes of its data set: observations, actions, rewards."""
    convert([folder], out, kind="replay", **options)
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


def whole_episodes(chronicle: Chronicle) -> list[tuple[list[float], ...]]:
    """Those that ended and have no number that is not finite, in the order in which they began."""
    running = {id(chronicle.episodes[number]) for number in chronicle.running}
    ended = [one for one in chronicle.episodes if id(one) not in running]
    return [(e["obs"], e["action"], e["reward"]) for e in ended if np.isfinite(e["obs"] + e["reward"]).all()]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [200, 20])
def test_whole_episodes_are_those_that_were_played_to_their_end_in_the_order_of_their_beginning(
    tmp_path: Path, seed: int, rows: int
) -> None:
    chronicle = checkpoint(tmp_path / "run", rows, steps=60, seed=seed, stagger=False)
    found, played = converted(tmp_path / "run", tmp_path / "out", whole=True), whole_episodes(chronicle)
    assert found == [one for one in played if one in found]  # in order, and nothing else
    missing = [one for one in played if one not in found]
    if rows == 200:  # but for those whose end or beginning a number that is not finite has hidden
        assert len(missing) <= sum(not np.isfinite(e["obs"] + e["reward"]).all() for e in chronicle.episodes)
    assert len(found) > 3


def test_a_staggered_first_episode_is_not_whole(tmp_path: Path) -> None:
    chronicle = checkpoint(tmp_path / "run", rows=200, steps=60, spoil=0.0)
    found, played = converted(tmp_path / "run", tmp_path / "out", whole=True), whole_episodes(chronicle)
    late = chronicle.episodes[1]  # of the second environment; that of the first begins in time
    assert found == [one for one in played if one[0] != late["obs"]] and len(found) == len(played) - 1


def test_an_episode_is_of_the_share_of_the_training_after_which_it_ended(tmp_path: Path) -> None:
    chronicle = checkpoint(tmp_path / "run", rows=200, steps=60, spoil=0.0)
    index = convert([tmp_path / "run"], tmp_path / "out", kind="replay")
    shares, starts = {}, Shards(tmp_path / "out").shards[0]
    for first, share in zip(index.tasks[0].starts.tolist(), index.tasks[0].shares, strict=True):
        shares[starts.obs[first, 0].item()] = share
    played = [(e, step) for e, step in zip(chronicle.episodes, chronicle.ended, strict=True) if e["action"]]
    assert len(shares) == len(played) > 20
    for episode, step in played:
        assert shares[episode["obs"][0]] == pytest.approx((step or 60) / 60, abs=1e-4)
    first = convert([tmp_path / "run"], tmp_path / "first", kind="replay", part=(0.0, 0.5)).tasks[0]
    assert first.shares == tuple(share for share in index.tasks[0].shares if share <= 0.5)
    with pytest.raises(WmzooError, match=r"run: no whole episode has ended between 0.99 and 0.995 of its training"):
        convert([tmp_path / "run"], tmp_path / "none", kind="replay", part=(0.99, 0.995), whole=True)


def test_a_full_replay_s_missing_beginning_is_told_at_export_and_at_inspection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rings of 20 rows hold the end of 60 steps: the first whole episode in one of them is known from the chronicle."""
    chronicle = checkpoint(tmp_path / "run", rows=20, steps=60, spoil=0.0, stagger=False)
    played = {tuple(e["obs"]): step for e, step in zip(chronicle.episodes, chronicle.ended, strict=True)}
    ended = [played[tuple(obs)] for obs, *_ in converted(tmp_path / "run", tmp_path / "set", whole=True)]
    first, last = (f"{share:g}" for share in (round(min(ended) / 60, 4), round(max(ended) / 60, 4)))
    assert float(first) > 0.5
    lost = f"its replay was full: episodes that ended before {first} of the training are missing"
    assert lost in caplog.text
    assert main(["data", "inspect", str(tmp_path / "set")]) == 0
    said = capsys.readouterr().out
    assert lost in said and f"its episodes ended after {first} to {last} of the training" in said
    caplog.clear()
    convert([tmp_path / "run"], tmp_path / "late", kind="replay", whole=True, part=(float(first), 1.0))
    assert "was full" not in caplog.text  # nothing of what was asked for is missing
    checkpoint(tmp_path / "all", rows=200, steps=60, spoil=0.0)
    convert([tmp_path / "all"], tmp_path / "every", kind="replay", whole=True)
    assert "was full" not in caplog.text


def test_a_few_episodes_are_spread_evenly_over_the_training(tmp_path: Path) -> None:
    checkpoint(tmp_path / "run", rows=200, steps=60, spoil=0.0)
    every = convert([tmp_path / "run"], tmp_path / "out", kind="replay", whole=True).tasks[0].shares
    command = ["data", "export", str(tmp_path / "run"), "--out"]
    assert main([*command, str(tmp_path / "few"), "--episodes", "3"]) == 0
    few = Shards(tmp_path / "few").index.tasks[0].shares
    assert len(every) % 2 == 1 and few == (every[0], every[len(every) // 2], every[-1])
    with pytest.raises(WmzooError, match=rf"run: has {len(every)} such episodes, not 999"):
        convert([tmp_path / "run"], tmp_path / "many", kind="replay", whole=True, wanted=999)


def test_runs_of_several_tasks_are_one_set_whose_names_are_those_of_the_task_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = {"a": "cartpole_swingup", "b": "ball_in_cup-catch", "c": "cartpole_swingup"}
    for seed, (name, env) in enumerate(tasks.items()):
        checkpoint(tmp_path / name, rows=200, steps=60, seed=seed, env=env)
    runs = [str(tmp_path / name) for name in "abc"]
    assert main(["data", "export", *runs, "--out", str(tmp_path / "out"), "--share", "0.5", "1"]) == 0
    assert "episodes of 2 tasks" in capsys.readouterr().out
    index = Shards(tmp_path / "out").index
    assert [task.name for task in index.tasks] == ["cartpole-swingup", "cup-catch"]
    assert all(0.5 < share <= 1 for task in index.tasks for share in task.shares)
    assert [source["seed"] for source in index.sources] == [0, 0, 0] and index.made["command"]
    file = tmp_path / "out" / "index.json"
    before = file.stat()
    assert main(["data", "export", *runs, "--out", str(tmp_path / "out"), "--share", "0.5", "1"]) == 0
    assert file.stat() == before  # it was done already
    assert main(["data", "export", *runs, "--out", str(tmp_path / "out")]) == 2
    assert "holds a data set made of other" in capsys.readouterr().err
    assert main(["data", "inspect", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert (
        said.count("of those that ended between 0.5 and 1 of 120 agent steps, seed 0") == 3
        and "0 of them not whole" in said
    )
    assert main(["data", "export", runs[0], "--out", str(tmp_path / "bad"), "--share", "1", "0.5"]) == 2
    assert "two numbers from 0 to 1" in capsys.readouterr().err


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
    assert main(["data", "export", str(tmp_path / "run"), "--out", str(out)]) == 0
    # of 28 steps of each of 4 environments two whole episodes, after the staggered first ones of three
    assert Shards(out).shards[0].index.lengths.tolist() == [10] * 8
    pretrain = ["trainer=pretrain", f"data.dir={out}", "trainer.iterations=1", "trainer.model_updates=2"]
    train(compose([*SHORT_RUN, "dynamics=mlp", *pretrain, "trainer.batch_size=8", f"run_dir={tmp_path / 'model'}"]))
