"""Rows of figures as plain values and as CSV."""

import csv

import numpy as np
import torch

from wmzoo.storage.rows import flat, plain, write_csv


def test_csv_has_the_union_of_the_columns_and_an_empty_cell_for_null(tmp_path):
    write_csv([{"a": 1, "b": None}, {"a": 2, "c": 3.5}], tmp_path / "m.csv")
    with open(tmp_path / "m.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b", "c"], ["1", "", ""], ["2", "", "3.5"]]


def test_a_file_without_rows_has_the_columns_that_are_given_as_its_header(tmp_path):
    write_csv([], tmp_path / "m.csv", columns=["a", "b"])
    assert (tmp_path / "m.csv").read_bytes() == b"a,b\r\n"
    write_csv([{"c": 1}], tmp_path / "m.csv", columns=["a", "b"])  # the rows know better
    assert (tmp_path / "m.csv").read_bytes() == b"c\r\n1\r\n"


def test_plain_values_are_json_s():
    values = [torch.tensor(0.5), np.float32(2.0), np.int64(7), float("nan"), np.float64("-inf"), torch.tensor(3), "a"]
    assert [plain(value) for value in values] == [0.5, 2.0, 7, None, None, 3, "a"]


def test_a_nested_mapping_is_one_row_with_dotted_names():
    nested = {"seed": 1, "dynamics": {"name": "flow", "units": [8], "chart": {"kind": None}}, "empty": {}}
    assert flat(nested) == {"seed": 1, "dynamics.name": "flow", "dynamics.units": [8], "dynamics.chart.kind": None}
