"""Users' environments and wrappers go on bit for bit from a saved state, or say in one line that they cannot."""

import itertools
import logging
import shutil
from collections import deque

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv
from gymnasium.envs.registration import WrapperSpec
from short_run import SHORT_RUN

import wmzoo
from wmzoo.checkpoints.state import load_state, save_state
from wmzoo.contracts.trainer import CLOCKS
from wmzoo.data.replay import NO_EPISODE, ReplayBuffer
from wmzoo.envs import mujoco_state
from wmzoo.envs.base import Transition
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.envs.pools.arrays import ArrayPool
from wmzoo.envs.pools.serial import SerialPool
from wmzoo.errors import WmzooError
from wmzoo.runs.metrics import read_metrics
from wmzoo.runs.train import resume, train
from wmzoo.trainers.episodes import EpisodeTracker

BATCH = 3


class Moody(HopperEnv):
    """A hopper whose reward depends on all that a user's environment may keep."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.own = np.random.default_rng(5)  # never seeded again
        self.last, self.visited, self.mood = deque(maxlen=4), [], "calm"

    def step(self, action):
        obs, _, terminated, truncated, info = super().step(action)
        self.last.append(float(obs[0]))
        self.visited.append(round(float(obs[1]), 1))
        self.mood = "wild" if self.own.random() < 0.5 else "calm"
        reward = sum(self.last) + len(set(self.visited)) + 10 * (self.mood == "wild") + self.own.normal()
        return obs, reward, terminated, truncated, info


class Counting(Moody):
    """Counts by what no one can look into."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = itertools.count()


class Walk(gymnasium.Env):
    """In plain Python, without MuJoCo: a walk with a history."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.path = [float(self.np_random.normal())]
        return self._obs(), {}

    def step(self, action):
        self.path.append(self.path[-1] + float(action[0]) + float(self.np_random.normal()))
        return self._obs(), -abs(self.path[-1]), False, False, {}

    def _obs(self):
        return np.array([self.path[-1], np.mean(self.path)], dtype=np.float32)


WRAPPERS = {
    "TimeLimit": {"max_episode_steps": 7},
    "NormalizeObservation": {},
    "NormalizeReward": {"gamma": 0.9},
    "FrameStackObservation": {"stack_size": 3},
    "DelayObservation": {"delay": 2},
    "StickyAction": {"repeat_action_probability": 0.5},
    "TransformReward": {"func": abs},
    "RecordEpisodeStatistics": {},
}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    for each in (Moody, Counting, Walk):
        gymnasium.register(f"{each.__name__}-v0", entry_point=each, max_episode_steps=9)
    for name, kwargs in WRAPPERS.items():
        spec = WrapperSpec(name, f"gymnasium.wrappers:{name}", kwargs)
        gymnasium.register(f"{name}-v0", entry_point=Walk, max_episode_steps=9, additional_wrappers=(spec,))


def steps(env, count, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield env.step(2 * torch.rand(BATCH, env.act_dim, generator=generator) - 1)


def saved(env, folder):
    """A state taken in the middle of episodes, by way of its files."""
    env.reset(3, stagger=True)
    list(steps(env, 11, seed=1))
    assert env.why_new_episodes() is None
    save_state(folder, env.state_dict())
    return load_state(folder)


def assert_goes_on(env, other, state):
    other.reset(4)
    list(steps(other, 5, seed=2))
    assert other.load_state_dict(state) is None
    assert torch.equal(env.elapsed, other.elapsed)
    ends = 0
    for mine, theirs in zip(steps(env, 25, seed=3), steps(other, 25, seed=3), strict=True):
        for name in ("obs", "final_obs", "reward", "terminated", "truncated"):
            assert torch.equal(getattr(mine, name), getattr(theirs, name)), name
        ends += int(mine.done.sum())
    assert ends


@pytest.mark.parametrize("backend", ["serial", "threads"])
@pytest.mark.parametrize("task", ["Moody-v0", "Walk-v0"])
def test_what_an_environment_keeps_of_its_own_goes_on_bit_for_bit(task, backend, tmp_path):
    env, other = (GymnasiumVectorEnv(task, BATCH, backend=backend) for _ in range(2))
    assert_goes_on(env, other, saved(env, tmp_path))


@pytest.mark.parametrize("task", ["Moody-v0", "NormalizeObservation-v0"])
def test_a_seed_gives_the_same_episodes_though_the_environment_keeps_something_over_them(task):
    env, fresh = (GymnasiumVectorEnv(task, BATCH, backend="serial") for _ in range(2))
    env.reset(4)
    list(steps(env, 11, seed=1))
    assert torch.equal(env.reset(3), fresh.reset(3))
    for mine, theirs in zip(steps(env, 11, seed=2), steps(fresh, 11, seed=2), strict=True):
        assert torch.equal(mine.obs, theirs.obs) and torch.equal(mine.reward, theirs.reward)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_the_state_of_a_registered_wrapper_goes_on_bit_for_bit(wrapper, tmp_path):
    env, other = (GymnasiumVectorEnv(f"{wrapper}-v0", BATCH, backend="serial") for _ in range(2))
    assert_goes_on(env, other, saved(env, tmp_path))


@pytest.mark.parametrize("backend", ["serial", "arrays", "auto"])
def test_an_episode_length_given_as_an_option_holds_on_every_backend_and_after_a_resume(backend, tmp_path):
    env, other = (
        GymnasiumVectorEnv("Hopper-v5", BATCH, options={"max_episode_steps": 8}, backend=backend) for _ in range(2)
    )
    assert env.episode_length == 8 and isinstance(env.pool, SerialPool if backend == "serial" else ArrayPool)
    env.reset(0)
    ended = [step.truncated.all().item() for step in steps(env, 9, seed=0)]
    assert ended == [False] * 7 + [True, False]
    assert_goes_on(env, other, saved(env, tmp_path))


def test_the_shorter_of_two_episode_lengths_holds():
    made = [
        GymnasiumVectorEnv("Hopper-v5", 1, episode_length=length, options={"max_episode_steps": 8}).episode_length
        for length in (5, 50)
    ]
    assert made == [5, 8]


@pytest.mark.parametrize("steps", [0, -2, "many", 2.5])
def test_an_option_that_is_no_length_is_refused(steps):
    with pytest.raises(WmzooError, match=r"env\.options\.max_episode_steps is a number of steps, or -1"):
        GymnasiumVectorEnv("Hopper-v5", 1, options={"max_episode_steps": steps})


def test_without_any_limit_an_episode_length_is_asked_for():
    with pytest.raises(WmzooError, match=r"set env\.episode_length"):
        GymnasiumVectorEnv("Hopper-v5", 1, options={"max_episode_steps": -1})


def limited():
    return (WrapperSpec("Limit", "gymnasium.wrappers:TimeLimit", {"max_episode_steps": 4}),)


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
@pytest.mark.parametrize(
    "changed", [{"additional_wrappers": limited()}, {"entry_point": Moody}], ids=lambda c: next(iter(c))
)
def test_what_an_array_task_would_leave_out_makes_auto_take_another_backend(changed):
    given = {"entry_point": "gymnasium.envs.mujoco.hopper_v5:HopperEnv", "max_episode_steps": 9} | changed
    gymnasium.register("Hopper-v5", **given)
    assert not isinstance(GymnasiumVectorEnv("Hopper-v5", BATCH).pool, ArrayPool)
    with pytest.raises(WmzooError, match=r"env\.backend=arrays does not know its .* of Hopper-v5: env\.backend=auto"):
        GymnasiumVectorEnv("Hopper-v5", BATCH, backend="arrays")


def test_an_option_that_an_array_task_does_not_know_makes_auto_take_another_backend(monkeypatch):
    options = {"render_mode": "rgb_array", "ctrl_cost_weight": 0.1}
    assert isinstance(GymnasiumVectorEnv("Hopper-v5", 1, options={"ctrl_cost_weight": 0.1}).pool, ArrayPool)
    assert not isinstance(GymnasiumVectorEnv("Hopper-v5", 1, options=options).pool, ArrayPool)
    with pytest.raises(WmzooError, match=r"env\.backend=arrays does not know render_mode of Hopper-v5"):
        GymnasiumVectorEnv("Hopper-v5", 1, options=options, backend="arrays")


def test_a_state_of_before_wrappers_were_saved_still_goes_on():
    env, other = (GymnasiumVectorEnv("Hopper-v5", BATCH, backend="serial") for _ in range(2))
    env.reset(3)
    list(steps(env, 5, seed=1))
    state = env.state_dict()
    for row, simulator in zip(state["simulators"], env.pool.simulators, strict=True):
        for name in ("environment", "anew", "raw_steps"):
            del row[name]
        row["task"] = mujoco_state.attributes(simulator.task)
        row["random"] = torch.from_numpy(mujoco_state.generator_state(simulator.task.np_random))
    assert_goes_on(env, other, state)


def test_an_environment_that_cannot_be_saved_names_what_and_its_episodes_begin_anew():
    env, other = (GymnasiumVectorEnv("Counting-v0", BATCH, backend="serial") for _ in range(2))
    env.reset(3, stagger=True)
    list(steps(env, 2, seed=1))
    why = env.why_new_episodes()
    assert why.startswith("Counting-v0: env") and "steps is a itertools.count" in why and "\n" not in why
    other.reset(4)
    anew = other.load_state_dict(env.state_dict())
    assert anew.rows.all() and other.elapsed.tolist() == [0] * BATCH
    again = other.load_state_dict(env.state_dict())
    assert torch.equal(anew.obs, again.obs) and len(set(anew.obs[:, 0].tolist())) == BATCH  # drawn, but not by chance
    (step,) = steps(other, 1, seed=0)
    assert not torch.equal(step.obs, anew.obs)


def run(task, folder, iterations, **more):
    entries = [
        f"env.task={task}",
        f"run_dir={folder}",
        f"trainer.iterations={iterations}",
        "eval.every=1",
        "save.every=1",
    ]
    train(wmzoo.compose(["env=gymnasium", *SHORT_RUN, "recipe.warmup_steps=16", "eval.episodes=2", *entries]))
    return read_metrics(folder)


def shortened(folder):
    """As if the run had been cut after its first iteration."""
    shutil.rmtree(folder / "checkpoints" / "00000002")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("no_video")
def test_a_resumed_run_of_a_users_environment_has_the_figures_of_one_that_was_not_cut(tmp_path):
    whole = run("Moody-v0", tmp_path / "run", 2)
    resume(shortened(tmp_path / "run"))
    again = read_metrics(tmp_path / "run")
    assert len(again) == len(whole) == 2
    kept, expected = ([{k: row[k] for k in row.keys() - CLOCKS} for row in rows] for rows in (again, whole))
    assert kept == expected


@pytest.mark.slow
@pytest.mark.usefixtures("no_video")
def test_a_run_says_at_its_start_that_a_resume_will_not_be_exact_and_resumes_at_episode_starts(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="wmzoo"):
        run("Counting-v0", tmp_path / "run", 2)
        said = [record.getMessage() for record in caplog.records if "will not be exact" in record.getMessage()]
    assert len(said) == 1 and said[0].startswith("Counting-v0: ") and "\n" not in said[0]
    resume(shortened(tmp_path / "run"))
    assert [row["iteration"] for row in read_metrics(tmp_path / "run")] == [1, 2]


def test_an_episode_left_at_a_resume_is_neither_continued_in_the_replay_nor_counted():
    replay = ReplayBuffer(40, 2, 1, 1, 8, torch.Generator())
    tracker = EpisodeTracker(torch.tensor([0, 3]))
    replay.start(torch.zeros(2, 1))
    no = torch.zeros(2, dtype=torch.bool)
    for step in (1.0, 2.0):
        obs = torch.full((2, 1), step)
        transition = Transition(obs, torch.ones(2), no, no, obs, None, {})
        replay.add(torch.zeros(2, 1), transition)
        tracker.add(transition)
    only_second = torch.tensor([False, True])
    replay.restart(only_second, torch.full((2, 1), 9.0))
    tracker.restart(only_second)
    ends = torch.ones(2, dtype=torch.bool)
    obs = torch.full((2, 1), 3.0)
    last = Transition(obs, torch.ones(2), no, ends, obs, None, {})
    replay.add(torch.zeros(2, 1), last)
    tracker.add(last)
    assert replay.obs[:6, 0, 0].tolist() == [0, 1, 2, 3, 3, 0]
    assert replay.obs[:6, 1, 0].tolist() == [0, 1, 2, 9, 3, 3]
    assert replay.episode[:6, 0].tolist() == [0, 0, 0, 0, 3, NO_EPISODE]
    assert replay.episode[:6, 1].tolist() == [1, 1, 1, 2, 2, 4]
    assert (tracker.finished[0][:2], tracker.finished[1][:2]) == ((3.0, 3), (1.0, 1))
