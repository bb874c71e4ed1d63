"""A stand-in for the dflex package, written for the tests: its surface and its habits over a physics of one line."""

import imp  # noqa: F401 (gone since Python 3.12: the importer has to provide it)
import os

from dflex import config, envs  # noqa: F401

os.write(1, b"[1/2] c++ main.o\n")  # as the compiler does, past sys.stdout
