"""A report's folder: report.html, figures/*.png, tables/*.csv, and in .written the names of these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from wmzoo.errors import WmzooError
from wmzoo.reports.canvas import Picture
from wmzoo.reports.table import Table, to_csv
from wmzoo.storage.files import make_folder, write_bytes, write_text

REPORT, WRITTEN = "report.html", ".written"
FIGURES, TABLES = "figures", "tables"


def write_files(out: Path, html: str, pictures: Sequence[Picture], made: Sequence[Table]) -> Path:
    """Writes a report's page, figures and tables, in place of a former one's, and gives the page's path.

    What else lies in the folder stays: WRITTEN lists what a later report may remove.
    """
    files = {f"{FIGURES}/{picture.name}.png": picture.png for picture in pictures}
    files |= {f"{TABLES}/{table.name}.csv": to_csv(table).encode() for table in made}
    for name in (FIGURES, TABLES):
        make_folder(out, name)
    for name in _written(out) - files.keys():
        (out / name).unlink(missing_ok=True)
    write_text(out / WRITTEN, "".join(f"{name}\n" for name in files))
    for name, content in files.items():
        write_bytes(out / name, content)
    write_text(out / REPORT, html)
    return out / REPORT


def _written(out: Path) -> set[str]:
    """The figures and tables of a former report; none where it did not list them."""
    if not (out / WRITTEN).is_file():
        return set()
    names = (out / WRITTEN).read_text(encoding="utf-8", errors="replace").splitlines()
    return {name for name in names if re.fullmatch(rf"({FIGURES}|{TABLES})/[\w-]+\.(png|csv)", name)}


def check_folder(out: Path) -> None:
    """WmzooError where writing a report to `out` would mix it with something else."""
    if out.exists() and not out.is_dir():
        raise WmzooError(f"--out {out}: is a file; name a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise WmzooError(f"--out {out}: is not empty and no former report; choose another folder")
