"""Installing dflex from the archive that its user has downloaded: `make dflex ARCHIVE=FILE`.

`python -m wmzoo.envs.dflex_install FILE` does the same for whoever has no Makefile. dflex's licence allows
non-commercial use only, so it is shown, and nothing is installed before it is accepted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from wmzoo.envs import dflex_package
from wmzoo.errors import WmzooError, about_file

ASKS = "dflex is for non-commercial use only, as its licence above says. Do you accept the licence? [y/N] "
NOT_ACCEPTED = "dflex is not installed: its licence was not accepted; --accept, or ACCEPT=1 for make, accepts it"


def install(archive: Path, accepted: bool) -> None:
    """Shows the licence, asks unless `accepted`, installs the package and lets it compile its kernels.

    WmzooError where the archive, the compiler or the answer is not what it takes.
    """
    check_compiler()
    with tempfile.TemporaryDirectory() as folder:
        package, licence = unpacked(archive, Path(folder))
        print(licence)
        if not (accepted or _answer() in ("y", "yes")):
            raise WmzooError(NOT_ACCEPTED)
        if subprocess.run([sys.executable, "-m", "pip", "install", "-q", str(package)]).returncode:
            raise WmzooError("dflex is not installed: pip says above why")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where ninja is
    importlib.invalidate_caches()
    dflex_package.load()  # which compiles
    print("dflex is installed: wmzoo train env=dflex_hopper")


def unpacked(archive: Path, folder: Path) -> tuple[Path, str]:
    """The folder of the package, and its licence's text, of an archive that is unpacked into `folder`."""
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    except OSError as error:
        raise WmzooError(f"{about_file(error)}; get it from {dflex_package.ARCHIVE}") from error
    except zipfile.BadZipFile as error:
        raise WmzooError(f"{archive}: {error}; get it again from {dflex_package.ARCHIVE}") from error
    for setup in folder.glob("*/dflex/setup.py"):
        for licence in setup.parents[1].glob("LICENSE*"):
            return setup.parent, licence.read_text(encoding="utf-8")
    raise WmzooError(f"{archive} does not hold dflex with its licence; get it from {dflex_package.ARCHIVE}")


def check_compiler() -> None:
    """WmzooError, with what to install, where dflex could not compile its kernels."""
    lacking = []
    if shutil.which(os.environ.get("CXX", "c++")) is None:  # as torch looks for it
        lacking.append("a C++ compiler (Debian, Ubuntu: apt-get install g++)")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        lacking.append("Python's headers (Debian, Ubuntu: apt-get install python3-dev)")
    if lacking:
        raise WmzooError(f"dflex compiles its kernels, and needs {' and '.join(lacking)}")


def _answer() -> str:
    try:
        return input(ASKS).strip().lower()
    except EOFError:  # nobody is there to answer
        print()
        return ""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m wmzoo.envs.dflex_install", description="install dflex from its archive")
    parser.add_argument("archive", nargs="?", type=Path, help=f"the file {dflex_package.ARCHIVE}, downloaded")
    parser.add_argument("--accept", action="store_true", help="accept the licence without being asked")
    args = parser.parse_args(argv)
    try:
        if args.archive is None:
            raise WmzooError(f"which archive? download {dflex_package.ARCHIVE}, then make dflex ARCHIVE=FILE")
        install(args.archive, args.accept)
    except WmzooError as error:
        print(f"wmzoo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
