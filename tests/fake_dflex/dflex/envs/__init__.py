"""Balls on springs at height 1 + q, q'' = 10 a − q: row i of a batch depends on row i only."""

import sys
from os.path import dirname

sys.path.insert(0, dirname(dirname(__file__)))

import numpy as np
import torch
from gym import spaces

import dflex as df

np.set_printoptions(precision=5, linewidth=256, suppress=True)
print("Using cached kernels")


class State:
    pass


class DFlexEnv:
    dt = 1 / 60
    joints = 1

    def __init__(
        self,
        num_envs=4096,
        device="cuda:0",
        no_grad=False,
        episode_length=1000,
        stochastic_init=False,
        MM_caching_frequency=1,
        termination_height=-1e9,
    ):
        df.config.no_grad = no_grad
        self.num_envs, self.device, self.episode_length = num_envs, device, episode_length
        self.stochastic_init = stochastic_init
        self.termination_height = termination_height
        self.num_acts = self.joints
        self.num_obs = 3 * self.joints
        self.obs_space = spaces.Box(-np.Inf * np.ones(self.num_obs), np.Inf * np.ones(self.num_obs))
        self.strength = torch.tensor(10.0, device=device, requires_grad=True)
        torch.rand(3)
        print("num_act = ", self.num_acts)
        self.state = self._new_state()
        self.progress_buf = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.obs_buf = self._observe()

    def _new_state(self):
        state = State()
        for name in ("joint_q", "joint_qd", "joint_act"):
            setattr(state, name, torch.zeros(self.num_envs * self.joints, device=self.device))
        return state

    def _observe(self):
        parts = (1 + self.state.joint_q, self.state.joint_qd, self.state.joint_act)
        return torch.cat([part.view(self.num_envs, -1) for part in parts], dim=-1)

    def step(self, actions):
        actions = torch.clip(actions.view(self.num_envs, self.num_acts), -1.0, 1.0)
        if df.config.no_grad:
            actions = actions.detach()
        state = self.state
        state.joint_act = actions.flatten()
        state.joint_qd = state.joint_qd + self.dt * (self.strength * state.joint_act - state.joint_q)
        state.joint_q = state.joint_q + self.dt * state.joint_qd
        self.progress_buf += 1
        reward = self.obs_buf[:, 0] - 0.1 * (actions**2).sum(1)  # of the observation before the step
        self.obs_buf = self._observe()
        termination = self.obs_buf[:, 0] < self.termination_height  # a NaN never is
        truncation = self.progress_buf > self.episode_length - 1
        info = {
            "obs_before_reset": self.obs_buf.clone(),
            "termination": termination,
            "truncation": truncation,
            "primal": reward,
        }
        done = termination | truncation
        if done.any():
            self.reset(done.nonzero().squeeze(-1))
        return self.obs_buf, reward, done, info

    def reset(self, env_ids=None, grads=False, force_reset=False):
        if grads:
            self.clear_grad()
            return self.obs_buf
        rows = torch.arange(self.num_envs) if env_ids is None or force_reset else env_ids
        for name, width in (("joint_q", 0.2), ("joint_qd", 0.1), ("joint_act", 0.0)):
            values = getattr(self.state, name).clone().view(self.num_envs, -1)
            noise = torch.rand(len(rows), self.joints) - 0.5 if self.stochastic_init and width else 0.0
            values[rows] = torch.zeros(len(rows), self.joints) + width * noise
            setattr(self.state, name, values.flatten())
        self.progress_buf[rows] = 0
        self.obs_buf = self._observe()
        return self.obs_buf

    def get_checkpoint(self):
        state = {name: getattr(self.state, name).clone() for name in ("joint_q", "joint_qd", "joint_act")}
        return {**state, "progress_buf": self.progress_buf.clone()}

    def clear_grad(self, checkpoint=None):
        checkpoint = dict(checkpoint or self.get_checkpoint())
        self.progress_buf = checkpoint.pop("progress_buf")
        self.state = self._new_state()
        vars(self.state).update(checkpoint)


class CartPoleSwingUpEnv(DFlexEnv):
    pass


class DoublePendulumEnv(DFlexEnv):
    joints = 2


class HopperEnv(DFlexEnv):
    joints = 3

    def __init__(self, *, termination_angle, termination_height_tolerance, termination_angle_tolerance,
                 height_rew_scale, angle_rew_scale, action_penalty, **others):  # fmt: skip
        super().__init__(**others)


class AntEnv(DFlexEnv):
    joints = 8

    def __init__(self, *, action_penalty, joint_vel_obs_scaling, up_rew_scale, **others):
        super().__init__(**others)


class AnymalEnv(DFlexEnv):
    joints = 12

    def __init__(self, *, action_penalty, up_rew_scale, heading_rew_scale, heigh_rew_scale, **others):
        super().__init__(**others)


class HumanoidEnv(DFlexEnv):
    joints = 21

    def __init__(self, *, termination_tolerance, height_rew_scale, heading_rew_scale, up_rew_scale,
                 action_penalty, joint_vel_obs_scaling, **others):  # fmt: skip
        super().__init__(**others)


class SNUHumanoidEnv(HumanoidEnv):
    joints = 152
