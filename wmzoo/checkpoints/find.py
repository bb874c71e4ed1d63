"""Where bundles are: below a run folder, in the catalogue, on the hub, or where the user says."""

from __future__ import annotations

import re
from pathlib import Path

from wmzoo.checkpoints import hub
from wmzoo.checkpoints.config import CONFIG
from wmzoo.errors import WmzooError
from wmzoo.registry import get, list_entries
from wmzoo.storage.files import file_sha256
from wmzoo.storage.package_data import data_dir
from wmzoo.storage.run_layout import FACTS

WEIGHTS, CARD = "model.safetensors", "README.md"
SHARED = (WEIGHTS, CONFIG, CARD)  # what a bundle is when it travels
CHECKPOINTS = "checkpoints"  # of a run


def list_checkpoints(run_folder: Path | str) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    folders = [path for path in (Path(run_folder) / CHECKPOINTS).glob("*") if re.fullmatch("[0-9]+", path.name)]
    return sorted(filter(is_bundle, folders), key=lambda folder: int(folder.name))


def is_bundle(folder: Path) -> bool:
    """Whether the folder holds weights with their config."""
    return (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()


def locate(path: Path | str) -> Path:
    """The bundle that `path` means: itself, the newest checkpoint of a run folder, a name of the catalogue, or what
    "hf:org/name@revision" has on the hub, which is fetched into its cache."""
    catalogue = list_entries("checkpoint")
    if not Path(path).exists() and str(path) in catalogue:
        return catalogued(str(path))
    if not Path(path).exists() and str(path).startswith(hub.PREFIX):
        return from_hub(hub.parse(str(path)))
    path = Path(path)
    if is_bundle(path):
        return path
    if not path.is_dir():
        known = f", or a name of the catalogue ({', '.join(catalogue)})" if catalogue else ""
        raise WmzooError(f"{path}: no such folder; give a run folder or one with {WEIGHTS} and {CONFIG}{known}")
    found = list_checkpoints(path)
    if not found:
        raise WmzooError(f"{path}: neither a bundle ({WEIGHTS}, {CONFIG}) nor a run with a checkpoint")
    return found[-1]


def catalogued(name: str) -> Path:
    """The folder of a shared checkpoint. WmzooError unless its files are, to the last bit, those of its card."""
    folder = data_dir("checkpoints") / name
    for file, digest in get("checkpoint", name).facts["sha256"].items():
        try:
            found = file_sha256(folder / file)
        except OSError as error:
            raise WmzooError(f"{folder / file}: cannot read it ({error.strerror}); reinstall wmzoo") from error
        if found != digest:
            raise WmzooError(f"{folder / file}: its sha256 is not that of the catalogue; reinstall wmzoo")
    return folder


def from_hub(reference: hub.Reference) -> Path:
    """The bundle in a repository of the hub, in the hub's cache. WmzooError where it has none, and as `hub.fetch`."""
    folder = hub.fetch(reference, SHARED)
    if not is_bundle(folder):
        raise WmzooError(f"{reference}: no checkpoint of wmzoo: it has not both {WEIGHTS} and {CONFIG}")
    return folder


def pinned(path: str) -> str:
    """`path`, as an "hf:org/name@commit" where it names something of the hub that may change."""
    of_hub = hub.commit_of(locate(path)) if path.startswith(hub.PREFIX) else None
    return str(of_hub) if of_hub else path


def run_of(bundle: Path) -> Path | None:
    """The run folder that a checkpoint lies in, if it does."""
    folder = bundle.resolve().parent.parent
    return folder if bundle.resolve().parent.name == CHECKPOINTS and (folder / FACTS).is_file() else None


def mend(bundle: Path) -> str:
    """What to do about a damaged bundle."""
    run = run_of(bundle)
    others = [other for other in list_checkpoints(run) if other.name != bundle.name] if run else []
    return f"take another checkpoint of this run, as {others[-1]}" if others else "copy it anew from where it came from"
