"""A bundle to the Hugging Face hub: weights, config and a card that is written for it, and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from wmzoo.agent.load import load
from wmzoo.checkpoints import hub
from wmzoo.checkpoints.card import model_card
from wmzoo.checkpoints.card_metadata import NOT_STATED
from wmzoo.checkpoints.config import plugins_hint
from wmzoo.checkpoints.find import SHARED, locate
from wmzoo.checkpoints.write import save


def push(
    path: Path | str,
    to: hub.Reference,
    *,
    private: bool = False,
    message: str | None = None,
    licence: str | None = None,
) -> list[str]:
    """Commits what `path` means (see `locate`) to a repository; gives lines that say what went and what did not.

    Raises WmzooError for what is no bundle, and what `hub.upload` raises.
    """
    bundle = locate(path)
    agent = load(bundle)
    with tempfile.TemporaryDirectory() as place:
        card = model_card(agent, f"{hub.PREFIX}{to.repo}", licence or NOT_STATED)
        folder = save(Path(place) / "bundle", agent, agent.cfg, agent.obs_dim, agent.act_dim, card=card)
        commit = hub.upload(folder, SHARED, to, private=private, message=message or "a checkpoint of wmzoo")
    lines = [f"pushed {bundle}: {', '.join(SHARED)}"]
    if left := sorted(file.name for file in bundle.iterdir() if file.name not in SHARED):
        lines.append(f"left out: {', '.join(left)}")
    if hint := plugins_hint(agent.cfg):
        lines.append(f"code does not travel{hint}")
    if "result" not in (agent.cfg.checkpoint.get("origin") or {}):
        lines.append("it was not evaluated when it was saved: its card tells no result")
    return [*lines, f'commit: {commit}; wmzoo.load("{to._replace(revision=commit)}") loads it']
