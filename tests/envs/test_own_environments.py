"""What users' Gymnasium environments do that Gymnasium's own do not."""

import sys

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, Graph, MultiBinary, Text, Tuple
from short_run import SHORT_RUN

from wmzoo.cli.main import main
from wmzoo.envs.gymnasium import GymnasiumVectorEnv
from wmzoo.envs.pools.processes import ProcessPool
from wmzoo.envs.pools.serial import SerialPool
from wmzoo.errors import WmzooError
from wmzoo.registry import plugins

FILE = """
import gymnasium
import numpy as np


class Line(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.place = float(self.np_random.normal())
        return np.array([self.place], dtype=np.float32), {}

    def step(self, action):
        self.place += float(action[0]) + float(self.np_random.normal())
        return np.array([self.place], dtype=np.float32), -abs(self.place), False, False, {}


gymnasium.register("Line-v0", entry_point=Line, max_episode_steps=4)
gymnasium.register("LineByName-v0", entry_point=f"{__name__}:Line", max_episode_steps=4)
"""


class Shown(gymnasium.Env):
    """Shows what its space samples, pays what a test says."""

    action_space = Box(-1, 1, (1,))

    def __init__(self, space, reward=0.0, shown=None, actions=None):
        self.observation_space, self.reward, self.shown = space, reward, shown
        self.action_space = actions or self.action_space

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self._obs(), {}

    def step(self, action):
        return self._obs(), self.reward, False, False, {}

    def _obs(self):
        return self.observation_space.sample() if self.shown is None else self.shown


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    gymnasium.register("Shown-v0", entry_point=Shown, max_episode_steps=5)
    gymnasium.register("ByLambda-v0", entry_point=lambda: Shown(Box(-1, 1, (2,))), max_episode_steps=5)
    gymnasium.register(
        "InMain-v0", entry_point="__main__:Shown", max_episode_steps=5, kwargs={"space": Box(-1, 1, (2,))}
    )


def shown(space, **options):
    return GymnasiumVectorEnv("Shown-v0", 2, options={"space": space, **options}, backend="serial")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module in the path that registers tasks when it is imported, and not before."""
    (tmp_path / "lines_of_mine.py").write_text(FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "lines_of_mine"
    sys.modules.pop("lines_of_mine", None)


def test_a_task_may_name_the_module_that_registers_it(module):
    env = GymnasiumVectorEnv(f"{module}:Line-v0", 2)
    assert (env.task, env.episode_length) == ("Line-v0", 4)


def test_a_module_that_is_not_there_is_named_with_the_mend():
    with pytest.raises(
        WmzooError, match=r"^env\.task=no_such:A-v0: the module no_such cannot be imported .*PYTHONPATH"
    ):
        GymnasiumVectorEnv("no_such:A-v0", 1)


def test_a_module_that_raises_is_named_with_what_it_raised(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WmzooError, match="broken_module cannot be imported .RuntimeError: no licence"):
        GymnasiumVectorEnv("broken_module:A-v0", 1)


def test_an_unknown_task_of_a_module_names_a_near_one_of_it(module):
    with pytest.raises(WmzooError, match="did you mean Line-v0"):
        GymnasiumVectorEnv(f"{module}:Lines-v0", 1)


def played(env):
    """First observations and all that follows for some steps, over an end."""
    found = [env.reset(3)]
    for _ in range(6):
        step = env.step(torch.full((env.num_envs, 1), 0.5))
        found += [step.obs, step.reward, step.final_obs]
    env.close()
    return found


@pytest.mark.parametrize("task", ["Line-v0", "LineByName-v0"])
def test_a_task_of_a_plugin_file_gives_the_same_numbers_in_worker_processes(task, tmp_path, own_registry):
    (tmp_path / "plugin.py").write_text(FILE)
    plugins.load_file(tmp_path / "plugin.py")
    workers, oracle = (GymnasiumVectorEnv(task, 4, backend=backend) for backend in ("processes", "serial"))
    assert isinstance(workers.pool, ProcessPool)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(played(workers), played(oracle), strict=True))


def test_a_plugin_file_runs_in_a_worker_only_if_something_of_it_is_asked_for(tmp_path, own_registry):
    (tmp_path / "plugin.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    plugins.load_file(tmp_path / "plugin.py")
    played(GymnasiumVectorEnv("Pendulum-v1", 2, backend="processes"))
    assert (tmp_path / "ran").read_text() == "x"


@pytest.mark.parametrize("task", ["ByLambda-v0", "InMain-v0"])
def test_what_no_worker_can_make_is_stepped_here_when_the_backend_is_free(task, monkeypatch):
    monkeypatch.setattr("wmzoo.envs.backend.cores", lambda: 2)
    monkeypatch.setattr(sys.modules["__main__"], "Shown", Shown, raising=False)
    assert isinstance(GymnasiumVectorEnv(task, 16).pool, SerialPool)
    with pytest.raises(WmzooError, match=r"cannot be sent to a worker process .* env\.backend=serial"):
        GymnasiumVectorEnv(task, 16, backend="processes")


@pytest.mark.parametrize("reward", [2.5, np.float32(2.5), np.array(2.5), np.array([2.5]), np.array([[2.5]]), [2.5]])
def test_a_reward_is_a_number_or_an_array_of_one(reward):
    env = shown(Box(-1, 1, (2,)), reward=reward)
    env.reset(0)
    assert env.step(torch.zeros(2, 1)).reward.tolist() == [2.5, 2.5]


def test_a_reward_of_several_numbers_is_refused_with_its_shape():
    env = shown(Box(-1, 1, (2,)), reward=np.zeros(2))
    env.reset(0)
    with pytest.raises(WmzooError, match=r"Shown-v0 gave a reward of shape \(2,\)"):
        env.step(torch.zeros(2, 1))


@pytest.mark.parametrize(
    "space",
    [
        Dict({"b": Box(-1, 1, (2,)), "a": Box(-5, 5, (2, 2), dtype=np.float64)}),
        Dict({"inner": Dict({"which": Discrete(3)}), "on": MultiBinary(2)}),
        Tuple((Box(0, 9, (1,), dtype=np.int64), Discrete(2, start=4))),
        Discrete(4),
    ],
    ids=str,
)
def test_observations_are_flattened_as_gymnasiums_wrapper_flattens_them(space):
    env = shown(space)
    streams = [int(s.generate_state(1)[0]) for s in np.random.SeedSequence(7).spawn(2)]
    oracle = gymnasium.wrappers.FlattenObservation(gymnasium.make("Shown-v0", space=space, disable_env_checker=True))
    first = env.reset(7)
    assert env.obs_dim == oracle.observation_space.shape[0]
    expected, _ = oracle.reset(seed=streams[1])  # the last row's: the rows share the space, which draws
    assert first[1].tolist() == pytest.approx(np.asarray(expected, dtype=np.float32).tolist())


@pytest.mark.parametrize(
    "space", [Graph(Box(-1, 1, (2,)), None), Dict({"words": Text(5), "net": Graph(Discrete(2), None)})]
)
def test_observations_that_make_no_vector_are_refused_by_their_space(space):
    with pytest.raises(WmzooError, match="shows observations of .* cannot be flattened"):
        shown(space)


def test_actions_that_are_not_continuous_are_refused_by_their_space_though_observations_are_a_dict():
    with pytest.raises(WmzooError, match=r"Shown-v0 takes Discrete\(2\)"):
        shown(Dict({"a": Box(-1, 1, (2,))}), actions=Discrete(2))


@pytest.mark.parametrize("backend", ["serial", "threads"])
def test_an_observation_wider_than_declared_is_noticed_at_the_reset(backend):
    options = {"space": Box(-1, 1, (2,)), "shown": np.zeros(5)}
    env = GymnasiumVectorEnv("Shown-v0", 2, options=options, backend=backend)
    with pytest.raises(WmzooError, match="Shown-v0 returned an observation of 5 numbers and declares 2"):
        env.reset(0)


WIDE = FILE.replace("return np.array([self.place], dtype=np.float32), {}", "return np.zeros(3), {}")


def test_a_training_on_such_observations_is_refused_before_it_has_begun(tmp_path, own_registry, capsys):
    (tmp_path / "wide.py").write_text(WIDE)
    words = [f"--plugin={tmp_path / 'wide.py'}", "env=gymnasium", "env.task=Line-v0", f"run_dir={tmp_path / 'run'}"]
    assert main(["train", *words, *SHORT_RUN]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("wmzoo: Line-v0 returned an observation of 3 numbers and declares 1")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", ["Hopper-v5", "Pendulum-v1"])
def test_windows_without_a_display_are_refused_with_the_mend(task, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(
        WmzooError, match=r"render_mode=human opens windows, and there is no display here .*leave it out"
    ):
        GymnasiumVectorEnv(task, 1, options={"render_mode": "human"})
