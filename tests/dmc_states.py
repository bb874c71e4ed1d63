"""Tasks of MT30 in a given state, and their rewards there."""

from __future__ import annotations

from functools import cache

from wmzoo.envs import mt30

loaded = cache(mt30.load)


def placed(name, velocities=None, **positions):
    """The task's environment in this state; all other joints are at zero and at rest."""
    env = loaded(name, 0)
    env.reset()
    with env.physics.reset_context():
        data = env.physics.named.data
        data.qpos[:] = 0
        for joint, value in positions.items():
            data.qpos[joint] = value
        for joint, value in (velocities or {}).items():
            data.qvel[joint] = value
    return env


def reward(name, velocities=None, **positions):
    env = placed(name, velocities, **positions)
    return env.task.get_reward(env.physics)
