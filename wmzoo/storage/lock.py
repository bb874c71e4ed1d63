"""A run folder belongs to one live process; the system lets go of the lock when that process ends, however it ends."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from typing import TextIO

from wmzoo.errors import WmzooError

NAME = ".lock"
log = logging.getLogger("wmzoo")


class FolderLock:
    """Holds `folder` until `release`. Raises WmzooError, naming the process, where another one has it.

    On a file system that knows no locks the folder is used unlocked.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._open()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            while not self._is_current():  # released, and so unlinked, between our opening and locking it
                self._file.close()
                self._file = self._open()
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise WmzooError(f"{folder}: in use by process {owner}; wait for it, or stop it first") from error
        except OSError as error:
            log.warning("%s: cannot be locked (%s); mind that no other process uses it", folder, error.strerror)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the folder free; a second time does nothing."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()

    def _open(self) -> TextIO:
        # A link is refused, not followed: the file it points to would be emptied.
        return os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+", encoding="utf-8")

    def _is_current(self) -> bool:
        try:
            return os.fstat(self._file.fileno()).st_ino == self._path.stat().st_ino
        except FileNotFoundError:
            return False
