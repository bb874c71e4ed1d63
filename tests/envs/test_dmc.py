"""dm_control's tasks in a batch give dm_control's own numbers."""

import numpy as np
import pytest
import torch

from wmzoo.envs import dmc_tasks
from wmzoo.envs.dmc import DmcVectorEnv
from wmzoo.envs.dmc_simulator import without_contexts
from wmzoo.envs.simulator import SimulationError

# One-step and many-sub-step physics, Euler and RK4, tasks that change their model at resets, sensors, terrain.
VARIED = [
    ("cartpole", "swingup"),
    ("pendulum", "swingup"),
    ("reacher", "easy"),
    ("cheetah", "run"),
    ("walker", "walk"),
    ("hopper", "hop"),
    ("ball_in_cup", "catch"),
    ("finger", "turn_hard"),
    ("point_mass", "hard"),
    ("manipulator", "insert_ball"),
    ("ball_in_cup", "spin"),
    ("reacher", "three_hard"),
    ("cheetah", "run_front"),
]
# lqr draws its model at loading; the dog takes ten times as long to load, and its gaits differ in the speed asked for.
LEFT_OUT = [task for task in dmc_tasks.TASKS if task[0] == "lqr" or task in (("dog", "walk"), ("dog", "trot"))]
OTHERS = [task for task in dmc_tasks.TASKS if task not in VARIED + LEFT_OUT]
SEED, BATCH, LENGTH = 3, 2, 6


def flat(observation) -> torch.Tensor:
    return torch.tensor(np.concatenate([np.ravel(value) for value in observation.values()]), dtype=torch.float32)


def reference(domain, task, row):
    """dm_control's own environment with the random stream of row `row`."""
    seed = int(np.random.SeedSequence(SEED).spawn(BATCH)[row].generate_state(1)[0])
    environment = dmc_tasks.load(domain, task, random=seed)
    without_contexts(environment.physics)  # numbers need no pictures
    return environment


def check_against_dm_control(domain, task):
    """Each row of a batch against its own dm_control environment, over three episodes."""
    env = DmcVectorEnv(f"{domain}-{task}", BATCH, episode_length=LENGTH, backend="serial")
    references = [reference(domain, task, row) for row in range(BATCH)]
    starts = torch.stack([flat(each.reset().observation) for each in references])
    assert torch.equal(env.reset(SEED), starts)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 3 * LENGTH + 1):
        actions = 2 * torch.rand(BATCH, env.act_dim, generator=generator) - 1
        got = env.step(actions)
        for row, each in enumerate(references):
            spec = each.action_spec()
            middle, half = (spec.minimum + spec.maximum) / 2, (spec.maximum - spec.minimum) / 2
            native = middle + half * actions[row].double().numpy()
            first, second = each.step(native), each.step(native)
            assert torch.equal(got.final_obs[row], flat(second.observation)), (step, row)
            assert got.reward[row].item() == np.float32(first.reward + second.reward), (step, row)
            if step % LENGTH == 0:
                assert torch.equal(got.obs[row], flat(each.reset().observation)), (step, row)
        assert bool(got.truncated.all()) == (step % LENGTH == 0)


@pytest.mark.slow
@pytest.mark.parametrize(("domain", "task"), VARIED)
def test_a_batch_gives_dm_controls_own_observations_and_rewards(domain, task):
    check_against_dm_control(domain, task)


@pytest.mark.slow
@pytest.mark.exhaustive  # what tells these from each other is dm_control's, whose version is pinned
@pytest.mark.parametrize(("domain", "task"), OTHERS)
def test_every_task_of_the_suite_gives_dm_controls_own_numbers(domain, task):
    check_against_dm_control(domain, task)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["quadruped-escape", "manipulator-insert_peg", "lqr-lqr_6_2"])
def test_tasks_with_much_state_go_on_bit_for_bit(task):
    from wmzoo.contracts.env import check_state_roundtrip

    check_state_roundtrip(lambda num_envs: DmcVectorEnv(task, num_envs, episode_length=20))


def test_an_episode_has_500_steps_and_never_terminates():
    env = DmcVectorEnv("pendulum-swingup", 2)
    env.reset(0)
    steps = [env.step(torch.zeros(2, 1)) for _ in range(501)]
    assert [i for i, step in enumerate(steps, start=1) if step.truncated.any()] == [500]
    assert not any(step.terminated.any() for step in steps)


def test_the_action_repeat_sets_the_episodes_length():
    assert DmcVectorEnv("pendulum-swingup", 1, action_repeat=4).episode_length == 250
    assert DmcVectorEnv("pendulum-swingup", 1, action_repeat=1).episode_length == 1000


@pytest.mark.parametrize(("discount", "terminated"), [(0.0, True), (1.0, False)])
def test_an_end_with_discount_zero_is_a_termination_and_any_other_a_truncation(discount, terminated):
    env = DmcVectorEnv("pendulum-swingup", 1, backend="serial")
    env.reset(0)
    env.pool.simulators[0].task.get_termination = lambda physics: discount
    step = env.step(torch.zeros(1, 1))
    assert (step.terminated.item(), step.truncated.item()) == (terminated, not terminated)
    assert env.elapsed.item() == 0


def test_a_simulation_that_blows_up_is_an_error_that_names_mujocos_warning():
    env = DmcVectorEnv("pendulum-swingup", 1, backend="serial")
    env.reset(0)
    env.pool.simulators[0].physics.data.qvel[:] = 1e30
    with pytest.raises(SimulationError, match="BADQ"):
        env.step(torch.zeros(1, 1))


def test_copies_of_a_task_share_one_model():
    env = DmcVectorEnv("reacher-easy", 3, backend="serial")
    assert len({id(simulator.model) for simulator in env.pool.simulators}) == 1
