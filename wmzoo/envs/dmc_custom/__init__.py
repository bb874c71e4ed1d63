"""TD-MPC2's tasks beyond the DeepMind control suite, one file per domain: its bodies, with other rewards.

Written from the formulas of their rewards; observations, resets and timing are the suite's unless a file says so.
"""

from wmzoo.envs import rendering

rendering.choose_backend()  # dm_control, which every file here imports, reads the choice at import
