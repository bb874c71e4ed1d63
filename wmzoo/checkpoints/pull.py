"""A bundle from the Hugging Face hub into a folder of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from wmzoo.checkpoints import hub
from wmzoo.checkpoints.config import CONFIG, block, load_config, sealed
from wmzoo.checkpoints.find import CARD, SHARED, WEIGHTS, from_hub
from wmzoo.checkpoints.origin import note_origin
from wmzoo.checkpoints.write import check_replaceable, replacing
from wmzoo.errors import DamagedFile
from wmzoo.storage.tensors import open_tensors


def pull(reference: hub.Reference, folder: Path) -> list[str]:
    """Weights and card as the hub has them, and the config with the commit that they are of as its origin.

    Gives lines that say what came and what did not. Raises WmzooError for a folder that holds something else, and what
    `from_hub` raises; DamagedFile for files that are not what was saved.
    """
    check_replaceable(folder)
    bundle = from_hub(reference)
    try:
        cfg = load_config(bundle)
        open_tensors(bundle / WEIGHTS)
    except DamagedFile as error:
        raise DamagedFile(f"{reference}: {error}; it is so on the hub: ask whoever pushed it") from error
    note_origin(cfg, bundle)
    made = cfg.pop("checkpoint")
    cfg.checkpoint = block(cfg, made, made.obs_dim, made.act_dim, None, None)
    with replacing(folder) as partial:
        for name in (WEIGHTS, CARD):
            if (bundle / name).is_file():
                shutil.copyfile(bundle / name, partial / name)
        (partial / CONFIG).write_text(sealed(cfg), encoding="utf-8")
    commit = hub.commit_of(bundle) or reference
    lines = [f"{reference} is at commit {commit.revision}"]
    if left := hub.others(commit, SHARED):
        lines.append(f"left out: {', '.join(left)}; of a repository only {', '.join(SHARED)} are taken")
    return [*lines, f"checkpoint: {folder}"]
