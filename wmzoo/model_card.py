"""The README.md of a shared checkpoint: what it is, what it scores, how it was made and how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

if TYPE_CHECKING:
    from wmzoo.agent import Agent


def model_card(agent: Agent, folder: str, licence: str) -> str:
    """Markdown about `agent`, to be saved as `folder`.

    Everything comes from its config; where its checkpoint came out of a run, `checkpoint.origin` has the rest.
    """
    cfg: Any = OmegaConf.to_container(agent.cfg, resolve=True)
    made = cfg.get("checkpoint", {})
    origin: Mapping[str, Any] = made.get("origin") or {}
    dynamics = cfg["dynamics"]
    parts = [f"`{dynamics['name']}`"]
    if hasattr(agent.world_model.dynamics, "nfe"):
        parts.append(f"`{cfg['integrator']['name']}` (K={dynamics.get('substeps', 1)})")
    lines = [f"# {folder}", "", f"A wmzoo agent: {' with '.join(parts)} on {cfg['env']['task']}, trained by PWM.", ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in _facts(cfg, made, origin, licence).items()]
    counts = agent.parameter_counts()
    lines += ["", "## Parameters", "", "| part | count |", "|---|---|"]
    lines += [f"| {part} | {count:,} |" for part, count in counts.items()]
    if origin.get("versions"):
        lines += ["", "## Versions", "", "| distribution | version |", "|---|---|"]
        lines += [f"| {name} | {version} |" for name, version in origin["versions"].items()]
    lines += ["", "## Use", "", "```python", "import wmzoo", "", f'agent = wmzoo.load("{folder}")', ""]
    lines += [f"actions = agent.act(obs)  # obs [B, {agent.obs_dim}] -> actions [B, {agent.act_dim}] in [-1, 1]", "```"]
    return "\n".join(lines) + "\n"


def _facts(cfg: Any, made: Mapping[str, Any], origin: Mapping[str, Any], licence: str) -> dict[str, str]:
    facts = {"task": f"{cfg['env']['task']} ({cfg['env']['name']}), action repeat {cfg['env'].get('action_repeat', 1)}"}
    result = origin.get("result")
    if result:
        facts["return"] = (
            f"{result['mean']:.1f} ± {result['std']:.1f} (standard deviation over {result['episodes']} episodes of the "
            f"deterministic policy; training seed {cfg['seed']}, evaluation seed {result['seed']})"
        )
    facts["trained for"] = f"{made.get('env_steps') or 0:,} agent steps, {made.get('iteration')} iterations"
    if origin.get("command"):
        facts["command"] = f"`{origin['command']}`"
    if origin.get("commit"):
        facts["commit"] = str(origin["commit"])
    facts["licence"] = licence
    return facts
