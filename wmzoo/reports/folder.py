"""A report's folder: report.html, figures/*.png, tables/*.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wmzoo.errors import WmzooError
from wmzoo.reports.canvas import Picture
from wmzoo.reports.table import Table, to_csv
from wmzoo.storage.files import write_text

REPORT = "report.html"


def write_files(out: Path, html: str, pictures: Sequence[Picture], made: Sequence[Table]) -> Path:
    """Writes a report's page, figures and tables, in place of a former one's, and gives the page's path."""
    for name in ("figures", "tables"):
        (out / name).mkdir(parents=True, exist_ok=True)
        for old in (out / name).iterdir():
            if old.suffix in (".png", ".svg", ".csv"):
                old.unlink()
    for picture in pictures:
        (out / "figures" / f"{picture.name}.png").write_bytes(picture.png)
    for table in made:
        (out / "tables" / f"{table.name}.csv").write_text(to_csv(table), encoding="utf-8")
    write_text(out / REPORT, html)
    return out / REPORT


def check_folder(out: Path) -> None:
    """WmzooError where writing a report to `out` would mix it with something else."""
    if out.exists() and not out.is_dir():
        raise WmzooError(f"--out {out}: is a file; name a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise WmzooError(f"--out {out}: is not empty and no former report; choose another folder")
