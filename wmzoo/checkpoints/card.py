"""The README.md of a shared checkpoint: what it is, what it scores, how it was made and how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.card_metadata import NOT_STATED, card_metadata
from wmzoo.checkpoints.hub import PREFIX
from wmzoo.dynamics.base import VelocityDynamics
from wmzoo.envs.task_sets import task_of


class Described(Protocol):
    """What a card asks of an agent. `actor` is None for a world model alone."""

    cfg: DictConfig
    obs_dim: int
    act_dim: int
    world_model: Any
    actor: Any

    def parameter_counts(self) -> dict[str, int]:
        """Trainable parameters by part, and their total."""


def model_card(agent: Described, place: str, licence: str = NOT_STATED) -> str:
    """Markdown about `agent`, below the hub's metadata; `place` is what it will be loaded by, a folder's name say.

    Everything comes from its config; where its checkpoint came out of a run, `checkpoint.origin` has the rest.
    """
    cfg: Any = OmegaConf.to_container(agent.cfg, resolve=True)
    made = cfg.get("checkpoint", {})
    origin: Mapping[str, Any] = made.get("origin") or {}
    dynamics = cfg["dynamics"]
    parts = [f"`{dynamics['name']}`"]
    if isinstance(agent.world_model.dynamics, VelocityDynamics):
        parts.append(f"`{cfg['integrator']['name']}` (K={dynamics.get('substeps', 1)})")
    how = f"converted from {origin['source']['layout']}" if "source" in origin else "trained by PWM"
    task = f" on {task_of(cfg['env'])}" if "env" in cfg else ""
    name = place.removeprefix(PREFIX)
    lines = [f"# {name}", "", f"A wmzoo agent: {' with '.join(parts)}{task}, {how}.", ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in _facts(cfg, made, origin, licence).items()]
    counts = agent.parameter_counts()
    lines += ["", "## Parameters", "", "| part | count |", "|---|---|"]
    lines += [f"| {part} | {count:,} |" for part, count in counts.items()]
    if origin.get("versions"):
        lines += ["", "## Versions", "", "| distribution | version |", "|---|---|"]
        lines += [f"| {name} | {version} |" for name, version in origin["versions"].items()]
    lines += [
        "",
        "## Use",
        "",
        "```python",
        "import wmzoo",
        "",
        f'agent = wmzoo.load("{place}")',
        "",
        *_use(agent),
        "```",
    ]
    return card_metadata(cfg, name, licence) + "\n" + "\n".join(lines) + "\n"


def _use(agent: Described) -> list[str]:
    """The lines that act, or step a model that is alone."""
    embedding, task, given = agent.world_model.task_embedding, "", f"obs [B, {agent.obs_dim}]"
    if embedding is not None:
        task, given = ", task", f"{given}, task int64 [B] below {embedding.table.num_embeddings}"
    if agent.actor is not None:
        return [f"actions = agent.act(obs{task})  # {given} -> actions [B, {agent.act_dim}] in [-1, 1]"]
    return [
        f"z = agent.world_model.encode(obs{task})  # {given}",
        f"z_next, reward = agent.world_model.step(z, actions{task})  # actions [B, {agent.act_dim}] in [-1, 1]",
    ]


def _facts(cfg: Any, made: Mapping[str, Any], origin: Mapping[str, Any], licence: str) -> dict[str, str]:
    facts = {}
    if env := cfg.get("env"):
        facts["task"] = f"{task_of(env)} ({env['name']}), action repeat {env.get('action_repeat', 1)}"
    if source := origin.get("source"):
        facts["source"] = f"`{source['file']}` ({source['layout']}), sha256 {source['sha256']}"
    if origin.get("hub"):
        facts["from"] = f"`{origin['hub']}`"
    result = origin.get("result")
    if result:
        facts["return"] = (
            f"{result['mean']:.1f} ± {result['std']:.1f} (standard deviation over {result['episodes']} episodes of the "
            f"deterministic policy; training seed {cfg['seed']}, evaluation seed {result['seed']})"
        )
    if not source or made.get("iteration"):
        facts["trained for"] = f"{made.get('env_steps') or 0:,} agent steps, {made.get('iteration')} iterations"
    if origin.get("command"):
        facts["command"] = f"`{origin['command']}`"
    if origin.get("commit"):
        facts["commit"] = str(origin["commit"])
    facts["licence"] = licence
    return facts
