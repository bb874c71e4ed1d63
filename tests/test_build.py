"""What the builder does to the process that calls it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

import wmzoo
from wmzoo.compute.device import arithmetic

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
from wmzoo.config.composition import compose

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [torch.ones(2**20) for _ in range(40)]
    del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with arithmetic(compose([])):
    first, *later = [faults() for _ in range(4)]
    print(first, max(later))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library has no settings for it")
def test_a_run_keeps_the_memory_that_it_frees() -> None:
    """Every page of 160 MB is a fault when it is touched for the first time, and none later (a stray block aside)."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    first, later = map(int, done.stdout.split())
    assert later < first / 10
