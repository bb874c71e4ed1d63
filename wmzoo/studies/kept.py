"""What is kept of a run beside a report: its config, facts and metrics, so that figures can be computed again; no
weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wmzoo.checkpoints.config import CONFIG
from wmzoo.runs.metrics import read_metrics
from wmzoo.storage.files import make_folder, write_bytes
from wmzoo.storage.rows import write_csv
from wmzoo.storage.run_layout import FACTS

DIGITS = 6  # significant ones of metrics


def keep(run: Path, out: Path, name: str = "", more: Sequence[str] = ()) -> None:
    """Copy them from the folder `run` to out/name, below `out` through no link, and the files `more` of the run's that
    are there."""
    kept = out / name
    for file in filter(lambda file: (run / file).is_file(), (CONFIG, FACTS, *more)):
        make_folder(out, *(kept / file).relative_to(out).parent.parts)
        write_bytes(kept / file, (run / file).read_bytes())
    write_csv(read_metrics(run), kept / "metrics.csv", digits=DIGITS)
