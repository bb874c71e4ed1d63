"""Several tasks in one batch: each row is its own task's simulator, padded, and nothing else."""

import numpy as np
import pytest
import torch

from wmzoo.envs import multitask
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.multitask import MultitaskVectorEnv, task_seed
from wmzoo.envs.simulated import SimulatedVectorEnv
from wmzoo.envs.simulator import Facts, SimulatorStep
from wmzoo.envs.task_sets import MT30, MT80, task_set
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import evaluate
from wmzoo.evaluation.scores import task_scores

SET = ["reacher-three-easy", "pendulum-spin", "cup-catch"]  # 8, 3 and 8 numbers; 3, 1 and 2 actions
SEED = 4


def actions(env, steps):
    generator = torch.Generator().manual_seed(0)
    return [2 * torch.rand(env.num_envs, env.act_dim, generator=generator) - 1 for _ in range(steps)]


def test_the_sets_have_the_order_of_the_embeddings():
    names = [task.name for task in MT80]
    assert MT80[:30] == MT30 and len(names) == len(set(names)) == 80
    assert [names[i] for i in (0, 12, 18, 19, 28, 29)] == [
        "walker-stand", "cup-catch", "hopper-hop", "walker-walk-backwards", "cup-spin", "pendulum-spin",
    ]  # fmt: skip
    assert [names[i] for i in (30, 37, 65, 79)] == ["mw-assembly", "mw-coffee-pull", "mw-reach", "mw-hand-insert"]
    assert {(task.obs_dim, task.act_dim) for task in MT80[30:]} == {(39, 4)}
    assert (max(task.obs_dim for task in MT30), max(task.act_dim for task in MT30)) == (24, 6)


def test_environments_are_dealt_out_to_the_tasks_in_turn():
    env = MultitaskVectorEnv(SET, 7)
    assert env.tasks.tolist() == [0, 1, 2, 0, 1, 2, 0] and env.tasks.dtype == torch.int64
    assert MultitaskVectorEnv(SET, 2).tasks.tolist() == [0, 1]


def test_widths_and_masks_are_those_of_the_whole_set_however_few_play():
    for num_envs in (1, 5):
        env = MultitaskVectorEnv(["pendulum-spin", "walker-run", "cup-catch"], num_envs)
        assert (env.obs_dim, env.act_dim) == (24, 6)
        assert env.obs_dims == (3, 24, 8) and env.action_dims == (1, 6, 2)
        assert env.action_masks.tolist() == [[1, 0, 0, 0, 0, 0], [1] * 6, [1, 1, 0, 0, 0, 0]]


def test_rows_are_their_tasks_own_batch_with_zeros_behind_and_surplus_actions_ignored():
    env = MultitaskVectorEnv(SET, 4)
    alone = [(DmcVectorEnv(name, len(rows)), rows) for name, rows in zip(SET, ([0, 3], [1], [2]), strict=True)]
    starts = env.reset(SEED)
    for number, (each, rows) in enumerate(alone):
        assert torch.equal(starts[rows, : each.obs_dim], each.reset(task_seed(SEED, number)))
    for chosen in actions(env, 20):
        got = env.step(chosen)
        for each, rows in alone:
            expected = each.step(chosen[rows, : each.act_dim])
            assert torch.equal(got.obs[rows, : each.obs_dim], expected.obs)
            assert got.obs[rows, each.obs_dim :].eq(0).all() and got.final_obs[rows, each.obs_dim :].eq(0).all()
            assert torch.equal(got.reward[rows], expected.reward)
        assert got.success is None


@pytest.mark.slow
def test_some_tasks_of_a_set_keep_its_numbers_widths_and_seeds():
    some, every = MultitaskVectorEnv("mt30", 3, only=["cup-catch", "pendulum-spin"]), MultitaskVectorEnv("mt30", 30)
    assert some.tasks.tolist() == [12, 29, 12] and (some.obs_dim, some.act_dim) == (24, 6)
    assert len(some.action_dims) == 30
    assert torch.equal(some.reset(SEED)[:2], every.reset(SEED)[[12, 29]])


class Reach:
    """In the place of a Meta-World task: 39 ones, and success in every step of an odd episode's second half."""

    facts = Facts(obs_dim=39, act_dim=4, control_timestep=0.025, time_limit=100)

    def seed(self, seed):
        self.episode = 0

    def reset(self):
        self.episode, self.steps = self.episode + 1, 0
        return np.ones(39)

    def step(self, action):
        assert action.shape == (4,)
        self.steps += 1
        return SimulatorStep(np.ones(39), 10.0, False, False, float(self.episode % 2 == 1 and self.steps > 50))


@pytest.fixture
def mixed(monkeypatch):
    """A task of dm_control and one of Meta-World, of which there is only the outside."""

    def build(kind, suite, task, num_envs, **params):
        if suite == "dmc":
            return DmcVectorEnv(task, num_envs, **params)
        return SimulatedVectorEnv(task, lambda count: [Reach() for _ in range(count)], num_envs, backend="serial")

    monkeypatch.setattr(multitask, "build", build)
    return lambda num_envs: MultitaskVectorEnv(["pendulum-swingup", "mw-reach"], num_envs)


def test_episodes_have_500_steps_in_dm_control_and_100_in_meta_world(mixed):
    env = mixed(2)
    env.reset(0)
    assert env.episode_length == 500 and (env.obs_dim, env.act_dim) == (39, 4)
    steps = [env.step(torch.zeros(2, 4)) for _ in range(501)]
    ends = [[i for i, step in enumerate(steps, start=1) if step.truncated[row]] for row in range(2)]
    assert ends == [[500], [100, 200, 300, 400, 500]]
    assert not any(step.terminated.any() for step in steps)


def test_a_staggered_start_spreads_each_tasks_own_length(mixed):
    env = mixed(4)
    env.reset(0, stagger=True)
    assert env.elapsed.tolist() == [0, 25, 250, 75]
    ends = [env.step(torch.zeros(4, 4)).truncated.nonzero().flatten().tolist() for _ in range(75)]
    assert ends[24] == [3] and ends[74] == [1] and sum(map(len, ends)) == 2


def test_success_is_meta_worlds_own_and_zero_for_dm_control(mixed):
    env = mixed(2)
    env.reset(0)
    successes = torch.stack([env.step(torch.zeros(2, 4)).success for _ in range(200)])
    assert successes[:, 0].eq(0).all()
    assert successes[:, 1].tolist() == [0] * 50 + [1] * 50 + [0] * 100


class Still:
    """Remembers the tasks that it was told."""

    def act(self, obs, task=None, deterministic=True):
        self.task = task
        return torch.zeros(len(obs), 4)


def test_an_evaluation_tells_the_agent_its_tasks_and_ends_each_episode_in_its_own_time(mixed):
    agent = Still()
    got = evaluate(agent, mixed(4), seed=0)
    assert agent.task.tolist() == [0, 1, 0, 1]
    assert got.lengths == (500, 100, 500, 100)
    assert got.successes == (False, True, False, True)  # that of the first episode, not of the steps after its end
    assert got.returns[1] == 1000
    scores = task_scores(got, agent.task.tolist(), task_set(["pendulum-swingup", "mw-reach"]))
    assert list(scores) == ["pendulum-swingup", "mw-reach"] and scores["mw-reach"] == 100


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ("mt50", "mt30, mt80 or a list"),
        (
            ["walker-walk", "walker-wlak-backwards"],
            "'walker-wlak-backwards': did you mean walker-walk-backwards.* there are 80 in MT80",
        ),
        (["reach"], "did you mean mw-reach"),
        (["cup-catch", "ball_in_cup-catch"], "none of them twice"),
        ([], "at least one task"),
    ],
)
def test_a_set_that_makes_no_sense_is_refused_in_one_line(chosen, words):
    with pytest.raises(WmzooError, match=words) as error:
        MultitaskVectorEnv(chosen, 3)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_meta_world_plays_along_where_it_is_installed():
    pytest.importorskip("metaworld")
    env = MultitaskVectorEnv(["walker-walk", "mw-reach", "mw-push"], 3)
    assert (env.obs_dim, env.act_dim, env.episode_length) == (39, 6, 500)
    obs = env.reset(SEED)
    for task in range(3):
        assert obs[task, env.obs_dims[task] :].eq(0).all() and obs[task, : env.obs_dims[task]].ne(0).any()
    steps = [env.step(chosen) for chosen in actions(env, 101)]
    assert [i for i, step in enumerate(steps, start=1) if step.truncated[1:].all()] == [100]
    assert not any(step.truncated[0] for step in steps)
    assert all(step.success[0] == 0 for step in steps)
