"""Which kept runs of a study were made with other settings than it has today."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.runs import FOLDER, Run, read_run
from wmzoo.config.composition import compose
from wmzoo.scoreboard.fingerprint import differences, fingerprint
from wmzoo.storage.foreign import read_config
from wmzoo.studies.grid import Study


def differs(run: Run, overrides: Sequence[str]) -> bool:
    """Whether a run was made with other settings than its cell of the study has today."""
    cfg = OmegaConf.to_container(compose(overrides), resolve=True)
    return bool(differences(fingerprint(run.config), fingerprint(cfg)))  # type: ignore[arg-type]


def fits(study: Study, folder: Path) -> dict[str, bool]:
    """By the name of each of its kept runs, which are in `folder`, whether that was made with today's settings."""
    found = {}
    for cell in study.cells():
        file = folder / cell.name / CONFIG
        if file.is_file():
            found[cell.name] = not differs(read_run(file.parent, read_config(file), [FOLDER]), cell.overrides)
    return found
