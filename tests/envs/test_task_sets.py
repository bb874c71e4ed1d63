"""Sets of tasks, by name or one by one."""

from wmzoo.envs.task_sets import task_of

SET = ["reacher-three-easy", "pendulum-spin", "cup-catch"]  # 8, 3 and 8 numbers; 3, 1 and 2 actions


def test_a_set_has_a_name():
    assert task_of({"set": "mt30"}) == "mt30" and task_of({"set": SET}) == "reacher-three-easy+pendulum-spin+cup-catch"
    assert task_of({"task": "walker-run"}) == "walker-run"
