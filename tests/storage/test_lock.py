"""A folder belongs to one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wmzoo.errors import WmzooError
from wmzoo.storage.lock import FolderLock


def test_a_lock_that_was_let_go_in_between_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between B's opening and locking the file, A lets go of it: B must not hold a file that is no longer there."""
    first, opened = FolderLock(tmp_path), FolderLock._open

    def open_late(self: FolderLock) -> Any:
        file = opened(self)
        first.release()
        return file

    monkeypatch.setattr(FolderLock, "_open", open_late)
    second = FolderLock(tmp_path)
    monkeypatch.undo()
    with pytest.raises(WmzooError, match="in use by process"):
        FolderLock(tmp_path)
    second.release()
    FolderLock(tmp_path).release()
