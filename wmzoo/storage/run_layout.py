"""Where a run folder keeps its facts and its evaluations, and what the facts are: one reader for all who ask.

run.json is what a run tells about itself: status, seed, command, versions, parameters. eval/<iteration>.json has the
episodes of an evaluation in training, eval/<iteration>-n<episodes>-s<seed>.json those of `wmzoo evaluate`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wmzoo.errors import WmzooError, one_line
from wmzoo.storage.foreign import parse_json

FACTS, EVALUATIONS = "run.json", "eval"


def read_facts(folder: Path) -> dict[str, Any]:
    """A run's run.json; empty where there is none. WmzooError, naming the file, for one that is damaged."""
    file = folder / FACTS
    try:
        facts = parse_json(file.read_bytes())
        if not isinstance(facts, dict):
            raise ValueError("no mapping")
        for name, kind in (("versions", dict), ("parameters", dict), ("resumed", list), ("wall_clock", int | float)):
            if name in facts and not isinstance(facts[name], kind):
                raise ValueError(f"its {name} is no {getattr(kind, '__name__', 'number')}")
        return facts
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WmzooError(
            f"{file}: cannot read it ({one_line(error)}); mend it, or write {{}} into it, which says nothing"
        ) from error


def is_trained(folder: Path) -> bool:
    """Whether a run has come to its end; one whose run.json is damaged has not."""
    return bool(_told(folder, "status") == "done")


def training_seconds(folder: Path) -> float | None:
    """The wall-clock of a finished run."""
    seconds: float | None = _told(folder, "wall_clock")
    return seconds


def _told(folder: Path, name: str) -> Any:
    try:
        return read_facts(folder).get(name)
    except WmzooError:
        return None


def evaluation_file(folder: Path, iteration: int | None, episodes: int | None = None, seed: int | None = None) -> Path:
    """Where an evaluation of a run is kept; with episodes and seed, one that `wmzoo evaluate` made."""
    asked = "" if episodes is None else f"-n{episodes}-s{seed}"
    return folder / EVALUATIONS / f"{iteration or 0:08d}{asked}.json"


def evaluations_asked_for(folder: Path, episodes: int) -> list[Path]:
    """Those that `wmzoo evaluate --episodes` has made, the one of the newest checkpoint last."""
    return sorted((folder / EVALUATIONS).glob(f"*-n{episodes}-s*.json"))
