"""What the builder does to the process that calls it."""

from __future__ import annotations

import torch

import wmzoo
from wmzoo.arithmetic import arithmetic

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
