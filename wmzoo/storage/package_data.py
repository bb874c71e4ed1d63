"""Where the package data are: folders of the repository beside the code, or inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from wmzoo.errors import WmzooError

PACKAGE = Path(__file__).resolve().parents[1]


def data_dir(name: str, package: Path = PACKAGE) -> Path:
    """The folder of package data `name` ("registry", "configs", "checkpoints" or "scoreboard").

    A wheel carries it as `wmzoo/_<name>`; a checkout has it at the top level, beside `wmzoo/`.
    """
    for folder in (package / f"_{name}", package.parent / name):
        if folder.is_dir():
            return folder
    raise WmzooError(f"package data '{name}' not found beside or inside {package}: reinstall wmzoo")
