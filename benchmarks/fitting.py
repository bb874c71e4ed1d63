"""Which kept runs of a study were made with other settings than it has today."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def left_out(study: Study, folder: Path) -> list[str]:
    """The names of those among its kept runs, which are in `folder`."""
    return [name for name, run, overrides in _kept(study, folder) if differs(run, overrides)]


def is_over(study: Study, folder: Path) -> bool:
    """Whether no kept run of it fits: it is the record of another time, and its runs belong together."""
    return all(differs(run, overrides) for _, run, overrides in _kept(study, folder))


def _kept(study: Study, folder: Path) -> Iterator[tuple[str, Run, Sequence[str]]]:
    """Name, run and today's overrides of each cell that has one."""
    for cell in study.cells():
        file = folder / cell.name / CONFIG
        if file.is_file():
            yield cell.name, read_run(file.parent, read_config(file), [FOLDER]), cell.overrides
