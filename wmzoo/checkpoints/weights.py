"""Weights that fit a module exactly, and are finite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from wmzoo.checkpoints.config import CONFIG
from wmzoo.errors import WmzooError
from wmzoo.storage.form import kind
from wmzoo.storage.tensors import AnyTensor, check_digest, is_savable, read_header, read_tensors

BESIDE = 2**26  # bytes that a module may hold beside its weights, as tables that follow from its config


def load_weights(module: torch.nn.Module, file: Path) -> None:
    """Loads a safetensors file whose names, shapes and types must be exactly the module's."""
    check_fits(module, file)
    found = read_tensors(file)
    check_finite(file, found)
    module.load_state_dict(found, strict=True)


def check_fits(module: torch.nn.Module, file: Path) -> None:
    """WmzooError unless a safetensors file has the module's names, shapes and types; none of its numbers is read.

    A module on the meta device, which takes no memory, tells what its config asks for: it may be no more than the file
    holds.
    """
    found, saved = read_header(file)
    if problem := misfit(found, module.state_dict()):
        check_digest(file, found, saved)  # it may be damaged, which is told first
        raise WmzooError(f"{file}: does not fit its {CONFIG}: {problem}")
    buffers = sum(buffer.numel() * buffer.itemsize for buffer in module.buffers())
    if buffers > file.stat().st_size + BESIDE:
        raise WmzooError(f"{file}: does not fit its {CONFIG}, which asks for {buffers:,} bytes beside the weights")


def check_savable(module: torch.nn.Module) -> None:
    """WmzooError for a module with a state that no checkpoint can hold: told before it is trained, not after."""
    for name, value in module.state_dict().items():
        if not is_savable(value):
            what = kind(value) if isinstance(value, torch.Tensor) else type(value).__name__
            raise WmzooError(f"no checkpoint can hold {name}, {what}: let it be a dense tensor of plain numbers")


def misfit(found: Mapping[str, AnyTensor], wanted: Mapping[str, torch.Tensor]) -> str | None:
    """The first tensor by which weights are not those of a module, and how many more there are."""
    problems = [f"lacks {name}" for name in wanted if name not in found]
    problems += [f"has unknown {name}" for name in found if name not in wanted]
    for name in wanted.keys() & found.keys():
        theirs, ours = found[name], wanted[name]
        if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
            problems.append(f"has {name} as {kind(theirs)}, the config makes it {kind(ours)}")
    rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{rest}" if problems else None


def check_finite(file: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """WmzooError for weights with a NaN or an infinity."""
    bad = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise WmzooError(f"{file}: {bad[0]} has numbers that are not finite; take a checkpoint from before")
