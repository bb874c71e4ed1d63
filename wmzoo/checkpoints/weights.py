"""Weights that fit a module exactly, and are finite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from wmzoo.checkpoints.config import CONFIG
from wmzoo.errors import WmzooError
from wmzoo.storage.tensors import read_tensors


def load_weights(module: torch.nn.Module, file: Path) -> None:
    """Loads a safetensors file whose names, shapes and types must be exactly the module's."""
    found = read_tensors(file)
    if problem := misfit(found, module.state_dict()):
        raise WmzooError(f"{file}: does not fit its {CONFIG}: {problem}")
    check_finite(file, found)
    module.load_state_dict(found, strict=True)


def misfit(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> str | None:
    """The first tensor by which weights are not those of a module, and how many more there are."""
    problems = [f"lacks {name}" for name in wanted if name not in found]
    problems += [f"has unknown {name}" for name in found if name not in wanted]
    for name in wanted.keys() & found.keys():
        theirs, ours = found[name], wanted[name]
        if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
            problems.append(f"has {name} as {_kind(theirs)}, the config makes it {_kind(ours)}")
    rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{rest}" if problems else None


def check_finite(file: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """WmzooError for weights with a NaN or an infinity."""
    bad = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise WmzooError(f"{file}: {bad[0]} has numbers that are not finite; take a checkpoint from before")


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
