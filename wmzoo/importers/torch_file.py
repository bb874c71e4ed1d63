"""A file of torch.save, of which nothing is run: tensors, plain values and stand-ins for objects, or a refusal."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from torch.serialization import safe_globals

from wmzoo.errors import DamagedFile, WmzooError, about_file, one_line
from wmzoo.storage.torch_file import AskedFor, NotAsWritten, check_torch_file


def read_torch_file(file: Path, stand_ins: Sequence[tuple[type, str]] = ()) -> Any:
    """What was saved, on the CPU. Large tensors are mapped, and read when they are used.

    stand_ins: classes of ours, each with the full name in the file of the class whose objects it takes in. They see
    what a file says, true or forged: one must run nothing of it, and raises WmzooError for what it does not know.

    Raises:
        WmzooError: the file cannot be opened, or holds objects that only their own code could make again.
        DamagedFile: it is damaged, or of another kind.
    """
    try:
        file.open("rb").close()  # torch raises OSError for damage, too
    except OSError as error:
        raise WmzooError(about_file(error)) from error
    try:
        check_torch_file(file, [name for _, name in stand_ins])
        with warnings.catch_warnings(), safe_globals(list(stand_ins)):
            warnings.simplefilter("ignore")  # of pickle protocols that torch.save does not write
            return torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except WmzooError as error:
        raise WmzooError(f"{file}: {error}") from error
    except NotAsWritten as error:
        raise DamagedFile(f"{file}: {error}") from error
    except Exception as error:  # whatever comes of damaged or foreign bytes
        named = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, UnpicklingError) else None
        needed = str(error) if isinstance(error, AskedFor) else named and named[1]
        if needed:
            raise WmzooError(
                f"{file}: it asks for {needed}, and code that a file asks for is not run: save it anew without "
                f"such objects"
            ) from error
        raise DamagedFile(f"{file}: damaged, or no file of torch.save ({one_line(error)})") from error
