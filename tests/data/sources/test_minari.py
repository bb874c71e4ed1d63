"""Minari's data sets, recorded and written here, against the data set that is made of them."""

from __future__ import annotations

import json
import logging
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from short_run import SHORT_RUN

from wmzoo.cli.main import main
from wmzoo.config.composition import compose
from wmzoo.data import episodes
from wmzoo.data.convert import convert
from wmzoo.data.inspect import inspect
from wmzoo.data.sampler import SliceSampler
from wmzoo.data.shards import Shards, read_index
from wmzoo.data.sources.minari import columns
from wmzoo.errors import DamagedFile, WmzooError
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.train import train

minari = pytest.importorskip("minari", reason="minari is not installed: it is of the extra test")
EpisodeBuffer = pytest.importorskip("minari.data_collector.episode_buffer").EpisodeBuffer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Minari's, of data without an author

VECTOR = spaces.Box(-np.inf, np.inf, (3,), np.float32)
UNIT = spaces.Box(-1, 1, (2,), np.float32)
LENGTHS, ENDED = (4, 4, 2, 5), (True, False, True, False)  # of the episodes that `write` writes


@pytest.fixture(autouse=True)
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path / "minari"


def episode(observations: Any, actions: Any, rewards: Any, ended: bool = False) -> Any:
    """As Minari's collector buffers one, which needs JAX for it."""
    last = np.arange(len(rewards)) == len(rewards) - 1
    ends = {"terminations": list(last & ended), "truncations": list(last & (not ended))}
    return EpisodeBuffer(observations=observations, actions=np.array(actions), rewards=list(rewards), **ends, infos={})


def write(name: str, observation: spaces.Space[Any] = VECTOR, action: spaces.Space[Any] = UNIT, **more: Any) -> None:
    """Episodes of LENGTHS, of what the spaces' own draws give. Rewards are 1000 e + t in episode e's step t, from 1."""
    observation.seed(0)
    action.seed(0)
    written = []
    for number, (steps, ended) in enumerate(zip(LENGTHS, ENDED, strict=True)):
        seen = [observation.sample() for _ in range(steps + 1)]
        seen = by_part(seen) if isinstance(observation, spaces.Dict) else np.array(seen)
        done = [action.sample() for _ in range(steps)]
        written.append(episode(seen, done, [1000.0 * number + t for t in range(1, steps + 1)], ended))
    minari.create_dataset_from_buffers(name, written, observation_space=observation, action_space=action, **more)


def by_part(seen: Any) -> Any:
    """A list of mappings as a mapping of lists, at every depth."""
    if isinstance(seen[0], dict):
        return {key: by_part([one[key] for one in seen]) for key in seen[0]}
    return np.array(seen)


def record(name: str, env_id: str, steps: int, count: int) -> list[Any]:
    """Random actions in a Gymnasium environment; gives the episodes as they were buffered."""
    env = gymnasium.make(env_id, max_episode_steps=steps)
    env.action_space.seed(0)
    buffered = []
    for seed in range(count):
        rows, actions, rewards, done = [env.reset(seed=seed)[0]], [], [], False
        while not done:
            actions.append(env.action_space.sample())
            obs, reward, terminated, truncated, _ = env.step(actions[-1])
            rows.append(obs)
            rewards.append(float(reward))
            done = terminated or truncated
        buffered.append(episode(np.array(rows), actions, rewards, bool(terminated)))
    minari.create_dataset_from_buffers(name, buffered, env=env, eval_env=env)
    env.close()
    return buffered


def test_every_step_of_a_recording_is_there_and_actions_are_scaled_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording = record("own/pendulum/random-v0", "Pendulum-v1", 5, 3)
    with caplog.at_level(logging.WARNING, "wmzoo"):
        index = convert(["own/pendulum/random-v0"], tmp_path / "dst", kind="minari")
    assert caplog.messages == ["own/pendulum/random-v0: actions are scaled from [-2, 2] to [-1, 1]"]
    (task,), (shard,) = index.tasks, Shards(tmp_path / "dst").shards
    assert (task.name, task.episodes, task.terminated) == ("Pendulum-v1", ((3, 5),), ())
    for number, recorded in enumerate(recording):
        rows = slice(6 * number, 6 * number + 6)
        assert np.array_equal(shard.obs[rows], recorded.observations)
        assert np.allclose(2 * shard.action[rows][:-1].numpy(), recorded.actions) and shard.action[rows][-1] == 0
        assert np.allclose(shard.reward[rows][:-1], recorded.rewards) and shard.reward[rows][-1] == 0
    (source,) = index.sources
    told = {"file": "own/pendulum/random-v0", "env": "Pendulum-v1", "episodes": 3, "action_repeat": 1}
    told |= {"action_low": [-2.0], "action_high": [2.0], "observations": ["observation"]}
    assert {key: source[key] for key in told} == told and len(source["sha256"]) == 64


def test_the_ends_of_episodes_are_kept_and_reach_the_slices(tmp_path: Path) -> None:
    write("chance-v0")
    index = convert(["chance-v0"], tmp_path / "dst", kind="minari")
    assert index.tasks[0].episodes == ((2, 4), (1, 2), (1, 5)) and index.tasks[0].terminated == (0, 2)
    data = Shards(tmp_path / "dst")
    slices, _ = SliceSampler(data, torch.Generator().manual_seed(0)).sample(200, 2)
    assert data.terminates and slices.terminated is not None and not slices.terminated[0].any()
    last = {1000 * number + steps for number, steps in enumerate(LENGTHS) if ENDED[number]}  # their last rewards
    assert [reward in last for reward in slices.rewards[-1].tolist()] == slices.terminated[-1].tolist()
    assert 0 < slices.terminated.sum() < 200


def test_an_observation_of_several_parts_is_flattened_as_gymnasium_does_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner = spaces.Dict(OrderedDict(speed=spaces.Box(-9, 9, (2, 2)), gear=spaces.Discrete(3, start=1)))
    space = spaces.Dict(OrderedDict(seen=VECTOR, car=inner, lamps=spaces.MultiBinary(2)))  # not in the alphabet's order
    write("parts-v0", space)
    with caplog.at_level(logging.WARNING, "wmzoo"):
        index = convert(["parts-v0"], tmp_path / "dst", kind="minari")
    names = ["seen", "car.speed", "car.gear", "lamps"]
    assert caplog.messages == [f"parts-v0: an observation is {', '.join(names)}, one behind the other"]
    assert index.sources[0]["observations"] == names and index.obs_dim == 3 + 4 + 3 + 2
    space.seed(0)
    first = np.array([spaces.flatten(space, space.sample()) for _ in range(LENGTHS[0] + 1)])
    assert np.allclose(Shards(tmp_path / "dst").shards[0].obs[: LENGTHS[0] + 1], first)


def test_parts_of_a_tuple_are_named_by_their_places() -> None:
    box = {"type": "Box", "shape": [2], "dtype": "float32"}
    values = (np.ones((3, 2)), np.array([5, 6, 5]))
    space = {"type": "Tuple", "subspaces": [box, {"type": "Discrete", "n": 2, "start": 5}]}
    assert columns(space, values).tolist() == [[1, 1, 1, 0], [1, 1, 0, 1], [1, 1, 1, 0]]


def test_data_sets_of_one_environment_are_one_task_and_of_others_others(tmp_path: Path) -> None:
    pendulum = {"env": "Pendulum-v1", "eval_env": "Pendulum-v1"}
    torque = spaces.Box(-2, 2, (1,), np.float32)
    write("one-v0", VECTOR, torque, **pendulum)
    write("other-v0")
    write("two-v0", VECTOR, torque, **pendulum)
    index = convert(["one-v0", "other-v0", "two-v0"], tmp_path / "dst", kind="minari")
    assert [(task.task, task.name, len(task.lengths)) for task in index.tasks] == [
        (0, "Pendulum-v1", 8),
        (1, "other-v0", 4),
    ]
    assert index.tasks[0].terminated == (0, 2, 4, 6) and (index.obs_dim, index.act_dim) == (3, 2)
    rewards = Shards(tmp_path / "dst").shards[0].reward
    assert torch.equal(rewards[: len(rewards) // 2], rewards[len(rewards) // 2 :])


def test_actions_beyond_the_bounds_are_clipped_and_those_without_are_taken_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bounds = spaces.Box(np.array([0, -np.inf]), np.array([4, np.inf]), dtype=np.float64)
    only = episode(np.zeros((4, 3), np.float32), [[0.0, -0.5], [5.0, 0.25], [3.0, 7.0]], [0.0] * 3)
    minari.create_dataset_from_buffers("free-v0", [only], observation_space=VECTOR, action_space=bounds)
    with caplog.at_level(logging.WARNING, "wmzoo"):
        index = convert(["free-v0"], tmp_path / "dst", kind="minari")
    assert Shards(tmp_path / "dst").shards[0].action[:3].tolist() == [[-1, -0.5], [1, 0.25], [0.5, 1]]
    assert caplog.messages == [
        "free-v0: actions are scaled from [0, 4] to [-1, 1]",
        "free-v0: actions without a bound are taken as they are, and clipped to [-1, 1]",
    ]
    assert index.sources[0]["action_low"] == [0.0, None] and index.sources[0]["action_high"] == [4.0, None]


PICTURE = spaces.Box(0, 255, (8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("observation", "action", "says"),
    [
        (VECTOR, spaces.Discrete(4), r"some-v0: its actions are Discrete; only continuous ones \(Box\) are learned"),
        (PICTURE, UNIT, r"some-v0: observation is an image, \[8, 8, 3\]; only vectors"),
        (spaces.Dict({"eye": PICTURE, "arm": VECTOR}), UNIT, "some-v0: eye is an image"),
        (spaces.MultiDiscrete([2, 3]), UNIT, "some-v0: observation is MultiDiscrete; taken are Box, Discrete, Multi"),
        (VECTOR, spaces.Box(np.zeros(1), np.zeros(1), dtype=np.float64), r"some-v0: action 0 of 1 .* range \[0, 0\]"),
    ],
)
def test_what_is_not_learned_from_is_refused_in_one_line(
    tmp_path: Path, observation: spaces.Space[Any], action: spaces.Space[Any], says: str
) -> None:
    write("some-v0", observation, action)
    with pytest.raises(WmzooError, match=says) as told:
        convert(["some-v0"], tmp_path / "dst", kind="minari")
    assert "\n" not in str(told.value) and not (tmp_path / "dst").exists()


def test_a_data_set_that_is_not_here_named_twice_or_contradicts_another_is_refused(
    tmp_path: Path, datasets: Path
) -> None:
    def refused(says: str, *names: str, tasks: Any = None) -> None:
        with pytest.raises(WmzooError, match=says):
            convert(names, tmp_path / "dst", tasks, kind="minari")

    write("one-v0")
    refused(rf"none-v0: there is no such data set in {datasets}; `minari download none-v0`", "none-v0")
    refused("one-v0: named twice", "one-v0", "one-v0")
    refused("--tasks is for chunks", "one-v0", tasks=())
    write("two-v0")
    for name, width in (("one-v0", 3), ("two-v0", 2)):
        file = datasets / name / "data" / "metadata.json"
        spec = '{"id": "Same-v0", "additional_wrappers": [], "entry_point": "nowhere:Env"}'
        box = {"type": "Box", "shape": [width], "dtype": "float32", "low": [-1] * width, "high": [1] * width}
        facts = {"env_spec": spec, "observation_space": json.dumps(box)}
        file.write_text(json.dumps(json.loads(file.read_text()) | facts))
    refused("two-v0: Same-v0 has other widths there than in one-v0", "one-v0", "two-v0")


def test_without_minari_the_command_that_installs_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(WmzooError, match=r'minari is not installed: pip install "wmzoo\[minari\]"'):
        convert(["one-v0"], tmp_path / "dst", kind="minari")


def test_no_environment_is_built_to_ask_what_the_data_set_does_not_say(
    tmp_path: Path, datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metadata would name a module to be imported."""
    write("bad-v0")
    file = datasets / "bad-v0" / "data" / "metadata.json"
    facts = json.loads(file.read_text())
    del facts["observation_space"]
    spec = {"id": "Bad-v0", "additional_wrappers": [], "entry_point": "this:that"}
    file.write_text(json.dumps(facts | {"env_spec": json.dumps(spec)}))
    monkeypatch.setattr(gymnasium, "make", lambda *given, **more: pytest.fail("an environment was built"))
    with pytest.raises(DamagedFile, match=r"metadata.json: does not say what observations and actions are"):
        convert(["bad-v0"], tmp_path / "dst", kind="minari")


def test_an_interrupted_conversion_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    write("some-v0")
    convert(["some-v0"], tmp_path / "whole", kind="minari")
    monkeypatch.setattr(episodes, "BLOCK", 1)  # an episode each
    with pytest.raises(KeyboardInterrupt):
        convert(["some-v0"], tmp_path / "dst", kind="minari", say=stop)
    convert(["some-v0"], tmp_path / "dst", kind="minari")
    for name in ("index.json", "some-v0/obs.f32", "some-v0/action.f32", "some-v0/reward.f32"):
        assert (tmp_path / "dst" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_files_that_are_damaged_or_change_are_noticed(
    tmp_path: Path, datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "BLOCK", 1)
    write("some-v0")
    file = datasets / "some-v0" / "data" / "metadata.json"
    text = file.read_text()

    def touch(done: int, total: int) -> None:
        file.write_text(text + " ")

    with pytest.raises(DamagedFile, match=r"metadata.json: has changed during its conversion"):
        convert(["some-v0"], tmp_path / "dst", kind="minari", say=touch)
    wider = {"type": "Box", "shape": [4], "dtype": "float32", "low": [-1] * 4, "high": [1] * 4}
    file.write_text(json.dumps(json.loads(text) | {"observation_space": json.dumps(wider)}))
    with pytest.raises(DamagedFile, match="some-v0: episode 0 is not as it says"):
        convert(["some-v0"], tmp_path / "other", kind="minari")
    file.with_name("main_data.hdf5").write_bytes(b"nothing of the kind")
    with pytest.raises(DamagedFile, match="Minari cannot read it"):
        convert(["some-v0"], tmp_path / "third", kind="minari")


def test_from_the_command_line_to_a_pretraining_that_learns_its_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("chance-v0")
    out = tmp_path / "dst"
    assert main(["data", "convert", "--from", "minari", "chance-v0", str(out)]) == 0
    assert capsys.readouterr().out == f"4 episodes of 1 tasks: {out}\n"
    assert main(["data", "inspect", str(out)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert " ".join(table[1].split()[:4]) == "0 chance-v0 4 15"
    assert "chance-v0: 2 episodes were ended by the task itself" in table
    overrides = [*SHORT_RUN, "trainer=pretrain", f"data.dir={out}", "trainer.iterations=1", "trainer.model_updates=2"]
    overrides += ["trainer.horizon=2", "trainer.batch_size=8", f"run_dir={tmp_path / 'run'}"]
    train(compose([*overrides, "dynamics=mlp"]))
    (row,) = read_metrics(tmp_path / "run")
    assert row["dynamics_loss"] > 0 and row["termination_loss"] > 0


def test_an_index_of_before_tells_of_no_ends(tmp_path: Path) -> None:
    write("chance-v0")
    convert(["chance-v0"], tmp_path / "dst", kind="minari")
    file = tmp_path / "dst" / "index.json"
    facts = json.loads(file.read_text())
    del facts["tasks"][0]["terminated"]
    file.write_text(json.dumps(facts))
    assert read_index(tmp_path / "dst").tasks[0].terminated == () and not Shards(tmp_path / "dst").terminates
    assert inspect(tmp_path / "dst").problems == []
