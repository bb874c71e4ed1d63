"""A file seen as memory, for which no descriptor stays open (Python's own mmap keeps one for each)."""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from pathlib import Path

FAILED = ctypes.c_void_p(-1).value


def mapped(file: Path) -> ctypes.Array[ctypes.c_char]:
    """The bytes of a file that is not empty, read from the disk when they are looked at; writing ends the process.

    Reads ahead are switched off where the system can: a batch of short slices would read some thirty times its size
    from a cold disk. The file is let go of with the last that looks at it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *3 * [ctypes.c_int], ctypes.c_long]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        place = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, opened.fileno(), 0)
    if place == FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(file))
    if hasattr(mmap, "MADV_RANDOM"):
        libc.madvise(place, size, mmap.MADV_RANDOM)
    memory = (ctypes.c_char * size).from_address(place)
    weakref.finalize(memory, libc.munmap, place, size).atexit = False
    return memory
