"""What lets the public PWM code run where wmzoo does: on a CPU, and in wmzoo's environments.

It is used as it is, from a checkout; its Python needs torchrl and tensordict, which wmzoo does not. What is stood in
for: `gym` by Gymnasium, loggers by empty modules, its simulator by wmzoo's environments, and a replay that pins and
prefetches for a GPU by one that does not (prefetching threads would run while others are timed).
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from wmzoo.envs.base import VectorEnv

MANY = 1_000_000  # iterations: whoever runs it says when it is over


def order(cfg: DictConfig) -> dict[str, Any]:
    """What a config of `recipe=paper` says in its terms."""
    return {
        "batch_size": int(cfg.trainer.batch_size),
        "horizon": int(cfg.trainer.horizon),
        "model_updates": int(cfg.recipe.model_updates),
        "critic_passes": int(cfg.recipe.critic_passes),
        "critic_minibatches": int(cfg.recipe.critic_minibatches),
        "device": "cuda" if cfg.device == "cuda" else "cpu",
        "latent_dim": int(cfg.model.latent_dim),
        "units": list(cfg.model.units),
        "encoder_units": list(cfg.model.encoder_units),
        "num_bins": cfg.model.get("num_bins"),
    }


def stand_ins() -> None:
    """Modules that it imports and does not need."""
    import gymnasium

    sys.modules.setdefault("gym", gymnasium)
    for name in ("wandb", "IPython", "IPython.core"):
        sys.modules.setdefault(name, types.ModuleType(name))
    hook = types.SimpleNamespace(FormattedTB=lambda **_: sys.excepthook)
    sys.modules["IPython.core"].ultratb = hook  # type: ignore[attr-defined]


class Environment:
    """wmzoo's environments with the interface of its simulator.

    An iteration of its loop begins with `reset(grads=True)`, which resets no environment.
    """

    def __init__(self, env: VectorEnv, seed: int, device: str) -> None:
        import gymnasium

        self.env, self.num_envs, self.episode_length, self.device = env, env.num_envs, env.episode_length, device
        self.observation_space = gymnasium.spaces.Box(-1e9, 1e9, (env.obs_dim,))
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (env.act_dim,))
        self.obs = env.reset(seed).to(device)

    def reset(self, grads: bool = False) -> Any:
        return self.obs

    def step(self, actions: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
        transition = self.env.step(actions.detach().cpu()).to(self.device)
        self.obs = transition.obs
        info = {"termination": transition.terminated, "truncation": transition.truncated}
        info |= {"obs_before_reset": transition.final_obs, "primal": transition.reward}
        return transition.obs, transition.reward, transition.done, info


def make_agent(checkout: Path, env: Environment, order: dict[str, Any], folder: str) -> Any:
    """Its agent by its own configuration, with the sizes of the order; it saves nothing. folder: of its logs."""
    import torch
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    stand_ins()
    sys.path.insert(0, str(checkout / "src"))
    import pwm.utils.buffer as buffer  # type: ignore[import-not-found]

    original = buffer.ReplayBuffer
    buffer.ReplayBuffer = lambda **given: original(**{**given, "pin_memory": False, "prefetch": None})
    if order["device"] == "cpu":
        torch.cuda.mem_get_info = lambda *_: (0, 0)
    cfg = OmegaConf.load(checkout / "scripts" / "cfg" / "alg" / "pwm.yaml")
    cfg.device = order["device"]  # before its reference to another file is looked up
    cfg.latent_dim, model = order["latent_dim"], cfg.world_model_config
    model.units, model.encoder_units = order["units"], order["encoder_units"]
    if order["num_bins"]:
        model.num_bins, model.vmin, model.vmax = order["num_bins"], -10.0, 10.0
    cfg.horizon, cfg.wm_batch_size, cfg.wm_iterations = order["horizon"], order["batch_size"], order["model_updates"]
    cfg.critic_iterations, cfg.critic_batches = order["critic_passes"], order["critic_minibatches"]
    cfg.max_epochs, cfg.save_interval = MANY, MANY
    obs_dim, act_dim = env.observation_space.shape[0], env.action_space.shape[0]
    agent = instantiate(cfg, env=env, obs_dim=obs_dim, act_dim=act_dim, logdir=folder, log=False)
    agent.save = lambda *_, **__: None
    return agent
