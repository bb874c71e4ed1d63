"""Runs the public PWM code's own training loop, one iteration for every line on stdin (started by public.py).

Its loop begins every iteration with a reset of its environment's gradients: there the stand-in environment waits for
the next line, and answers with the seconds since. What is stood in for: `gym` by Gymnasium, loggers by empty modules,
its simulator by wmzoo's environment of the same name, and a replay that pins and prefetches for a GPU by one that does
not (prefetching threads would run during the others' turns). The first updates on a full episode are left out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

EPISODES = 64  # of at least a slice's length in its replay, before the first timed iteration
PARTS = {"actor": "actor training", "critic": "critic training", "targets": "prepare critic dataset"}
PARTS |= {"model": "world model training"}


def stand_ins() -> None:
    """Modules that it imports and a timing does not need."""
    import gymnasium

    sys.modules.setdefault("gym", gymnasium)
    for name in ("wandb", "IPython", "IPython.core"):
        sys.modules.setdefault(name, types.ModuleType(name))
    hook = types.SimpleNamespace(FormattedTB=lambda **_: sys.excepthook)
    sys.modules["IPython.core"].ultratb = hook  # type: ignore[attr-defined]


class Environment:
    """wmzoo's environment with the interface of the public code's simulator; `turn` is called where an iteration
    begins."""

    def __init__(self, name: str, num_envs: int, device: str) -> None:
        import gymnasium

        from wmzoo.registry import build

        self.env = build("env", "gymnasium", task=name, num_envs=num_envs)
        self.num_envs, self.episode_length, self.device = num_envs, self.env.episode_length, device
        self.observation_space = gymnasium.spaces.Box(-1e9, 1e9, (self.env.obs_dim,))
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.env.act_dim,))
        self.obs = self.env.reset(0).to(device)
        self.seconds = 0.0
        self.turn: Any = None
        self.warming = True  # with random actions, whose episodes are longer than those of a policy that saturates

    def reset(self, grads: bool = False) -> Any:
        if grads and self.turn is not None:
            self.turn()
        return self.obs

    def step(self, actions: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
        import torch

        began = time.perf_counter()
        chosen = 2 * torch.rand_like(actions) - 1 if self.warming else actions.detach()
        found = self.env.step(chosen.cpu())
        transition = found._replace(**{k: v.to(self.device) for k, v in found._asdict().items() if v is not None})
        self.seconds += time.perf_counter() - began
        self.obs = transition.obs
        info = {"termination": transition.terminated, "truncation": transition.truncated}
        info |= {"obs_before_reset": transition.final_obs, "primal": transition.reward}
        return transition.obs, transition.reward, transition.done, info


def make_agent(checkout: Path, env: Environment, order: dict[str, Any], folder: str) -> Any:
    """Its agent by its own configuration, with the sizes of the order."""
    import torch
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    sys.path.insert(0, str(checkout / "src"))
    import pwm.utils.buffer as buffer  # type: ignore[import-not-found]

    original = buffer.ReplayBuffer
    buffer.ReplayBuffer = lambda **given: original(**{**given, "pin_memory": False, "prefetch": None})
    if order["device"] == "cpu":
        torch.cuda.mem_get_info = lambda *_: (0, 0)
    _hold_back(buffer.Buffer, order["horizon"])
    cfg = OmegaConf.load(checkout / "scripts" / "cfg" / "alg" / "pwm.yaml")
    cfg.device = order["device"]  # before its reference to another file is looked up
    cfg.latent_dim, model = order["latent_dim"], cfg.world_model_config
    model.units, model.encoder_units = order["units"], order["encoder_units"]
    if order["num_bins"]:
        model.num_bins, model.vmin, model.vmax = order["num_bins"], -10.0, 10.0
    cfg.horizon, cfg.wm_batch_size, cfg.wm_iterations = order["horizon"], order["batch_size"], order["model_updates"]
    cfg.critic_iterations, cfg.critic_batches = order["critic_passes"], order["critic_minibatches"]
    cfg.max_epochs, cfg.save_interval = 1_000_000, 1_000_000
    obs_dim, act_dim = env.observation_space.shape[0], env.action_space.shape[0]
    agent = instantiate(cfg, env=env, obs_dim=obs_dim, act_dim=act_dim, logdir=folder, log=False)
    agent.save = lambda *_, **__: None
    agent.wm_bootstrapped = True
    return agent


def _hold_back(kind: Any, horizon: int) -> None:
    """The buffer says that it is empty until there is enough to sample from: without an update, its loop acts on."""
    add = kind.add

    def counting(own: Any, episode: Any) -> Any:
        own.long = getattr(own, "long", 0) + (len(episode) > horizon)
        return add(own, episode)

    kind.add = counting
    kind.num_eps = property(lambda own: own._num_eps if getattr(own, "long", 0) >= EPISODES else 0)


def serve(agent: Any, env: Environment, updates: int, answer: Any) -> None:
    """Train; an answer for every line read."""
    state: dict[str, Any] = {}

    def totals() -> dict[str, float]:
        found = {part: agent.time_report.timers[name].time_total for part, name in PARTS.items()}
        return found | {"environment": env.seconds}

    def turn() -> None:
        now = time.perf_counter()
        if agent.buffer.num_eps == 0:
            return
        env.warming = False
        if state:
            spent = {name: value - state["totals"][name] for name, value in totals().items()}
            spent["critic"] += spent.pop("targets")
            spent["actor"] -= spent["environment"] + state["waited"]  # its timer runs while the loop waits here
            spent["model"] /= updates
            answer({"iteration": now - state["began"], **spent})
        else:
            answer({})
        if not sys.stdin.readline():
            os._exit(0)
        state["totals"], state["began"] = totals(), time.perf_counter()
        state["waited"] = state["began"] - now

    env.turn = turn
    agent.train()


def main() -> None:
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what it prints

    def answer(what: dict[str, float] | str) -> None:
        pipe.write(json.dumps(what) + "\n")

    checkout, order = Path(sys.argv[1]), json.loads(sys.argv[2])
    try:
        import torch

        torch.set_num_threads(order["threads"])
        torch.manual_seed(0)
        stand_ins()
        with tempfile.TemporaryDirectory() as folder:
            env = Environment(order["env"], order["num_envs"], order["device"])
            agent = make_agent(checkout, env, order, folder)
            serve(agent, env, order["model_updates"], answer)
    except ImportError as error:
        answer(f"{sys.executable} lacks what it imports: {error}; name another Python with --pwm-python")
    except Exception as error:
        answer(f"it ended with {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
