"""A run folder belongs to one live process; the system lets go of the lock when that process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from wmzoo.errors import WmzooError

NAME = ".lock"


class FolderLock:
    """Holds `folder` until `release`. Raises WmzooError, naming the process, where another one has it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115 (open as long as the run)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise WmzooError(f"{folder}: in use by process {owner}; wait for it, or stop it first") from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the folder free; a second time does nothing."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()
