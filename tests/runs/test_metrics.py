import json

import numpy as np
import pytest
import torch

from wmzoo.errors import WmzooError
from wmzoo.runs.metrics import COLUMNS, MetricsWriter, complete, read_metrics


def test_a_missing_or_non_finite_value_is_null_and_the_line_is_strict_json(tmp_path):
    writer = MetricsWriter(tmp_path / "metrics.jsonl")
    infinity = float("inf")
    writer.write({"iteration": 1, "rewards": float("nan"), "lr": infinity, "fps": torch.tensor(-infinity)})
    writer.close()
    row = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=pytest.fail)
    assert row["iteration"] == 1
    assert [row[name] for name in ("rewards", "lr", "fps", "value_loss")] == [None] * 4


def test_columns_keep_their_order_and_unknown_ones_follow(tmp_path):
    row = complete({"mine": 1, "eval_return": 2.0, "iteration": 3})
    assert tuple(row) == (*COLUMNS, "mine")


def test_tensors_and_numpy_scalars_become_python_numbers():
    row = complete({"rewards": torch.tensor(0.5), "fps": np.float32(2.0), "env_steps": np.int64(7)})
    assert [type(row[name]) for name in ("rewards", "fps", "env_steps")] == [float, float, int]


def test_each_row_is_on_disk_before_the_next_is_written(tmp_path):
    writer = MetricsWriter(tmp_path / "metrics.jsonl")
    for iteration in range(3):
        writer.write({"iteration": iteration})
        assert len(read_metrics(tmp_path)) == iteration + 1
    writer.close()


def test_a_last_row_torn_by_a_crash_is_left_out_but_a_torn_middle_is_an_error(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"iteration": 1}\n{"iterat')
    assert read_metrics(path) == [{"iteration": 1}]
    path.write_text('{"iterat\n{"iteration": 2}\n')
    with pytest.raises(WmzooError, match="line 1"):
        read_metrics(path)
