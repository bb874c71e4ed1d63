"""Actions from −1 to 1 onto a task's own range."""

import numpy as np

from wmzoo.envs.simulator import ActionRange


def test_actions_are_mapped_linearly_onto_the_tasks_range():
    actions = ActionRange(np.array([0.0, -4.0, -1.0, -np.inf]), np.array([10.0, 2.0, 1.0, np.inf]))
    np.testing.assert_allclose(actions.native(-np.ones(4)), [0, -4, -1, -1])
    np.testing.assert_allclose(actions.native(np.ones(4)), [10, 2, 1, 1])
    np.testing.assert_allclose(actions.native(np.full(4, 0.5)), [7.5, 0.5, 0.5, 0.5])


def test_the_range_of_one_changes_no_bit():
    values = np.random.default_rng(0).uniform(-1, 1, 1000)
    assert np.array_equal(ActionRange(-np.ones(1000), np.ones(1000)).native(values), values)


def test_a_task_s_own_actions_are_taken_back_to_those_that_make_them():
    low, high = np.array([0.0, -4.0, -1.0, -np.inf, -0.5]), np.array([10.0, 2.0, 1.0, np.inf, np.inf])
    actions, values = ActionRange(low, high), np.linspace(-1, 1, 9)[:, None].repeat(5, 1)
    values[:, 4] = np.abs(values[:, 4])  # what lies below its one bound is clipped
    assert np.allclose(actions.unit(actions.native(values)), values)
    assert actions.unit(np.array([20.0, -1.0, 3.0, 7.0, 2.0])).tolist() == [3, 0, 3, 7, 2]
