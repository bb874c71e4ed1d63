"""A file of torch.save, of which nothing is run: tensors and plain values, or a refusal."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line


def read_torch_file(file: Path) -> Any:
    """What was saved, on the CPU. Large tensors are mapped, and read when they are used.

    Raises:
        WmzooError: the file cannot be opened, or holds objects that only their own code could make again.
        DamagedFile: it is damaged, or of another kind.
    """
    try:
        file.open("rb").close()  # torch raises OSError for damage, too
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols that torch.save does not write
            return torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except Exception as error:  # whatever comes of damaged or foreign bytes
        needed = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, UnpicklingError) else None
        if needed:
            raise WmzooError(
                f"{file}: it asks for {needed[1]}, and code that a file asks for is not run: save it anew without "
                f"such objects (`wmzoo convert --help` tells how for PWM's running statistics)"
            ) from error
        raise DamagedFile(f"{file}: damaged, or no file of torch.save ({one_line(error)})") from error
