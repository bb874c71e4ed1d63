"""The Hugging Face hub: files of a model repository, fetched into its cache at one commit, and committed to it.

It is asked with the user's own settings: HF_TOKEN or `hf auth login`, HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from wmzoo.errors import DamagedFile, WmzooError, about_file, named, one_line, require
from wmzoo.storage.files import file_sha256

PREFIX = "hf:"
SHA256 = 64  # letters; git's own hash, of small files, has 40


class Reference(NamedTuple):
    """What "hf:org/name@revision" names; revision, a branch, tag or commit, is None for the main branch."""

    repo: str
    revision: str | None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}{'' if self.revision is None else f'@{self.revision}'}"


def parse(text: str) -> Reference:
    """ "hf:org/name@revision", with or without "hf:" and "@revision". WmzooError for anything else."""
    found = re.fullmatch(r"(?:hf:)?([\w.-]+/[\w.-]+)(?:@([^@\s]+))?", text)
    if found is None:
        raise WmzooError(f"{text}: a repository of the hub is org/name, at a revision org/name@revision")
    return Reference(found[1], found[2])


def fetch(reference: Reference, names: Sequence[str]) -> Path:
    """A folder of the hub's cache with those of the files that the repository has at one commit: see `commit_of`.

    Raises WmzooError where it cannot be had, DamagedFile for a file in the cache that is not what the hub has.
    """
    with _asking(str(reference)):
        found = _library().snapshot_download(reference.repo, revision=reference.revision, allow_patterns=[*names])
    folder = Path(found)
    for name in names:
        _check(folder / name)
    return folder


def commit_of(folder: Path) -> Reference | None:
    """The repository and the commit that a folder of the cache holds: models--ORG--NAME/snapshots/COMMIT. None for any
    other folder."""
    found = re.search(r"/models--([\w.-]+?)--([\w.-]+)/snapshots/([0-9a-f]{40})$", folder.absolute().as_posix())
    return Reference(f"{found[1]}/{found[2]}", found[3]) if found else None


def others(reference: Reference, names: Sequence[str]) -> list[str]:
    """Files of the repository that are none of these, nor hidden; none where nobody answers."""
    try:
        with _asking(str(reference)):
            there = _api().list_repo_files(reference.repo, revision=reference.revision)
    except WmzooError:
        return []
    return sorted(name for name in there if name not in names and not name.startswith("."))


def upload(
    folder: Path, names: Sequence[str], to: Reference, *, private: bool = False, message: str = "a checkpoint of wmzoo"
) -> str:
    """Commit files of a folder to a repository, on the branch `to.revision`; both are made if they are not there.

    Gives the commit. WmzooError where that fails, or a repository that was to be private is public.
    """
    add = _library().CommitOperationAdd
    with _asking(str(to)):
        api = _api()
        api.create_repo(to.repo, private=private or None, exist_ok=True)
        if private and not api.model_info(to.repo).private:
            raise WmzooError(f"{to.repo} is there already, and public: make it private there, or take another name")
        if to.revision is not None:
            api.create_branch(to.repo, branch=to.revision, exist_ok=True)
        files = [add(name, folder / name) for name in names]
        commit: str = api.create_commit(to.repo, files, commit_message=message, revision=to.revision).oid
    return commit


def _library(part: str = "") -> Any:
    return require("hub", f"huggingface_hub{part}")


def _api() -> Any:
    return _library().HfApi(library_name="wmzoo")


def _check(file: Path) -> None:
    """DamagedFile unless a file of the cache, a link to a blob that is named by its hash, has that hash."""
    if not file.is_symlink():
        return  # it is not there, or a cache without links, which keeps no hashes
    blob = file.parent / os.readlink(file)
    try:
        found = file_sha256(blob) if len(blob.name) == SHA256 else _git_hash(blob.read_bytes())
    except OSError as error:
        raise DamagedFile(f"{file}: its content is not in the cache; delete this link and load it again") from error
    if found != blob.name:
        raise DamagedFile(f"{file}: damaged: its hash is not the hub's; delete {blob.resolve()} and load it again")


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Whatever the library raises within, in one line with the mend."""
    errors, constants = _library(".errors"), _library(".constants")
    log_in = "log in with `hf auth login`, or set HF_TOKEN"
    try:
        yield
    except WmzooError:
        raise
    except errors.GatedRepoError as error:
        raise WmzooError(f"{what}: asks for consent before it is read: give it on its page, and {log_in}") from error
    except errors.RepositoryNotFoundError as error:
        raise WmzooError(f"{what}: no such repository, or a private one: check its name, or {log_in}") from error
    except errors.RevisionNotFoundError as error:
        raise WmzooError(f"{what}: no such revision of it: give a branch, a tag or a commit") from error
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        where = f"it is not in the cache ({constants.HF_HUB_CACHE})"
        if constants.HF_HUB_OFFLINE:
            raise WmzooError(f"{what}: {where} and HF_HUB_OFFLINE is set: unset it") from error
        raise WmzooError(f"{what}: {where} and {constants.ENDPOINT} does not answer: check the network") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise WmzooError(f"{what}: the hub knows no such token, or none was given: {log_in}") from error
        if status == 403:
            raise WmzooError(f"{what}: this token may not do that: take one that may write there") from error
        said = one_line(ValueError(error.server_message or error), None)
        raise WmzooError(f"{what}: the hub answers {status}: {said}") from error
    except ValueError as error:  # a name that none can have, or a card that the hub does not take
        raise WmzooError(f"{what}: {one_line(error, None)}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename:  # a full disk, say
            raise WmzooError(about_file(error)) from error
        # of the network, from whichever library the hub's uses
        raise WmzooError(f"{what}: asking {constants.ENDPOINT} failed ({named(error)}): check the network") from error
