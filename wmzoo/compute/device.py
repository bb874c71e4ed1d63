"""Where and how a run computes: its device, its threads and the precision of its updates."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.utils._triton import has_triton

from wmzoo.compute.distributed import world
from wmzoo.errors import WmzooError, one_line

SMALL_LATENT = 128  # up to this latent width matrices count as too small for several threads
BFLOAT16_FROM = 128  # the least latent width of those measured at which bfloat16 is faster (docs/performance.md)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def device_of(cfg: DictConfig) -> torch.device:
    """`device=auto` is the GPU where there is one; WmzooError for a device that does not exist here."""
    own = f"cuda:{world().local_rank}" if world().size > 1 else "cuda"
    if cfg.device == "auto":
        return torch.device(own if torch.cuda.is_available() else "cpu")
    if str(cfg.device).partition(":")[0] not in ("cpu", "cuda"):
        raise WmzooError(f"device is auto, cpu or cuda, not '{cfg.device}'")
    try:
        device = torch.device(own if cfg.device == "cuda" else cfg.device)
    except RuntimeError as error:
        raise WmzooError(f"device={cfg.device}: {one_line(error)}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise WmzooError(f"device={cfg.device}: PyTorch finds no GPU here; device=auto takes one where there is one")
    return device


@contextmanager
def arithmetic(cfg: DictConfig) -> Iterator[int]:
    """Within it PyTorch has the config's thread count, which it gives, and this thread takes denormals for zero.

    `threads=auto` is one up to `size=small`, whose matrices are too small to share, and every core above. SimNorm makes
    tiny numbers, and arithmetic on denormal ones is slow. From then on the process keeps the memory it frees.
    """
    if cfg.threads != "auto" and not isinstance(cfg.threads, int):
        raise WmzooError(f"threads is auto or a number, not '{cfg.threads}'")
    cores = max(1, len(os.sched_getaffinity(0)) // world().local_size)
    count = (1 if cfg.model.latent_dim <= SMALL_LATENT else cores) if cfg.threads == "auto" else int(cfg.threads)
    if not 1 <= count <= 4 * cores:
        raise WmzooError(f"threads={count} makes no sense on {cores} cores")
    before, flushed = torch.get_num_threads(), bool(torch.tensor(torch.finfo(torch.float32).tiny) / 2 == 0)
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    _keep_freed_memory()
    try:
        yield count
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(flushed)


def _keep_freed_memory() -> None:
    """Blocks up to 256 MiB come from the heap, which stays as large as it once was, where the C library is glibc.

    Else it gives an update's activations back to the system and asks for them again in the next one, page by page: a
    tenth of a model update's time (docs/performance.md, "Ideas").
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(M_MMAP_THRESHOLD, 2**28)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def precision_of(cfg: DictConfig, device: torch.device) -> torch.dtype:
    """The type in which the updates' matrix products are computed; weights, latents and optimisers stay float32.

    `precision=auto` is bfloat16 where the device has instructions for it and the matrices are large enough to gain.
    """
    if cfg.precision == "auto":
        gains = _has_bfloat16(device) and cfg.model.latent_dim >= BFLOAT16_FROM
        return torch.bfloat16 if gains else torch.float32
    return torch.bfloat16 if cfg.precision == "bf16" else torch.float32


def compiles(cfg: DictConfig, device: torch.device) -> bool:
    """Whether the updates' losses go through torch.compile; `compile=auto` is on a GPU that Triton can compile for.

    On a CPU it takes longer than it saves within a run (docs/performance.md, "Ideas").
    """
    return device.type == "cuda" and has_triton() if cfg.compile == "auto" else bool(cfg.compile)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on `device`; on its way to a GPU the host does not wait (which takes pinned memory)."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.contiguous().pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
