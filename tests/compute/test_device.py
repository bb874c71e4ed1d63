"""What a config makes of the process that trains by it: its threads, its memory, its precision, its compiler."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

import wmzoo
from wmzoo.compute import device as device_module
from wmzoo.compute.device import arithmetic, compiles, precision_of

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SMALLEST_NORMAL = torch.finfo(torch.float32).tiny


def denormals_count() -> bool:
    return bool(torch.tensor(SMALLEST_NORMAL) / 2 != 0)


def test_a_run_takes_denormals_for_zero_and_leaves_the_process_as_it_was() -> None:
    threads = torch.get_num_threads()
    with arithmetic(wmzoo.compose([f"threads={threads + 1}"])) as count:
        assert count == torch.get_num_threads() == threads + 1
        assert not denormals_count()
    assert torch.get_num_threads() == threads and denormals_count()


def test_one_inside_another_leaves_the_outer_ones_arithmetic() -> None:
    cfg = wmzoo.compose(["threads=1"])
    with arithmetic(cfg):
        with arithmetic(cfg):
            pass
        assert not denormals_count()


FAULTS = """
import resource, sys
import torch
from wmzoo.compute.device import arithmetic
from omegaconf import OmegaConf

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [torch.ones(2**20) for _ in range(40)]
    del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with arithmetic(OmegaConf.create({"threads": 1, "model": {"latent_dim": 1}})):
    first, *later = [faults() for _ in range(4)]
    print(first, max(later))
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library has no settings for it")
def test_a_run_keeps_the_memory_that_it_frees() -> None:
    """Every page of 160 MB is a fault when it is touched for the first time, and none later (a stray block aside)."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    first, later = map(int, done.stdout.split())
    assert later < first / 10


@pytest.mark.parametrize("has_instructions", [True, False])
@pytest.mark.parametrize(("size", "gains"), [("tiny", False), ("small", True), ("dflex", True)])
def test_precision_auto_is_bfloat16_where_the_processor_has_it_and_the_matrices_are_large(
    size: str, gains: bool, has_instructions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "_has_bfloat16", lambda device: has_instructions)
    cfg = wmzoo.compose([f"size={size}", "precision=auto"])
    assert precision_of(cfg, CPU) == (torch.bfloat16 if gains and has_instructions else torch.float32)
    for cfg.precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        assert precision_of(cfg, CPU) == dtype


def test_compile_auto_is_on_for_a_gpu_that_triton_compiles_for_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = wmzoo.compose(["compile=auto"])
    monkeypatch.setattr(device_module, "has_triton", lambda: False)
    assert not compiles(cfg, GPU)
    monkeypatch.setattr(device_module, "has_triton", lambda: True)
    assert [compiles(cfg, device) for device in (CPU, GPU)] == [False, True]
    for cfg.compile, device in ((True, CPU), (False, GPU)):
        assert compiles(cfg, device) is cfg.compile
