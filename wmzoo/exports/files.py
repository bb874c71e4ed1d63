"""Graphs as files, ONNX or torch.export: none is left that does not compute what PyTorch does."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmzoo.errors import CheckFailed, WmzooError, named, require
from wmzoo.exports.graphs import ROWS, Graph
from wmzoo.storage.files import temporary_name

OPSET = 18  # the first with Mish and LayerNormalization
RELATIVE, ABSOLUTE = 1e-5, 1e-5  # how far an output may be off, but
ROUNDINGS = 4  # times what PyTorch itself is off by rounding: a steep policy's last digits are nobody's
TRACED = 2  # rows: of one the batch would be taken for a constant
BATCHES = (1, 7, ROWS)  # in which a file is compared with PyTorch
FACTS = "wmzoo.json"  # within a file of torch.export

Run = Callable[[Mapping[str, Tensor]], list[Tensor]]


def write_onnx(graph: Graph, file: Path) -> float:
    """An ONNX file of opset OPSET with the graph's facts in its metadata; B, the first axis of all, is left open.

    Gives the largest difference from PyTorch that onnxruntime makes. Raises CheckFailed, and leaves no file, where it
    is beyond RELATIVE and ABSOLUTE; WmzooError without the extra `onnx`.
    """
    runtime = require("onnx", "onnxruntime")
    for module in ("onnx", "onnxscript"):
        require("onnx", module)

    def write(place: Path) -> None:
        with _quiet():
            program = torch.onnx.export(
                graph.module,
                kwargs=_first(graph, TRACED),
                dynamic_shapes=_open_batch(graph),
                output_names=graph.outputs,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        assert program is not None
        program.model.metadata_props.update({**graph.facts, "opset": str(OPSET)})
        program.save(place)

    def read(place: Path) -> Run:
        session = runtime.InferenceSession(place, providers=["CPUExecutionProvider"])

        def run(inputs: Mapping[str, Tensor]) -> list[Tensor]:
            given = {name: tensor.numpy() for name, tensor in inputs.items()}
            return [torch.from_numpy(found) for found in session.run([*graph.outputs], given)]

        return run

    return _checked(graph, file, write, read, "onnxruntime")


def write_program(graph: Graph, file: Path) -> float:
    """A file of `torch.export.save`, with the graph's facts in `wmzoo.json`; the rest as of `write_onnx`."""

    def write(place: Path) -> None:
        with _quiet():
            program = torch.export.export(graph.module, (), _first(graph, TRACED), dynamic_shapes=_open_batch(graph))
            torch.export.save(program, place, extra_files={FACTS: json.dumps(graph.facts)})

    def read(place: Path) -> Run:
        module: Any = torch.export.load(place).module()
        return lambda inputs: Graph(graph.name, module, {}, graph.outputs, {})(inputs)

    return _checked(graph, file, write, read, "torch.export")


def _checked(
    graph: Graph, file: Path, write: Callable[[Path], None], read: Callable[[Path], Run], reader: str
) -> float:
    """Write a file and take it for good if what is read from it computes the same, for whatever number of rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    place = temporary_name(file).with_suffix(file.suffix or ".onnx")  # torch.export asks for its own suffix
    try:
        try:
            write(place)
            run = read(place)
            results = {rows: run(_first(graph, rows)) for rows in BATCHES}
        except Exception as error:  # of the exporters, about a part that they cannot follow
            mend = "a part of your own takes sizes from z.shape, not len(z), and branches on no numbers of a tensor"
            raise WmzooError(f"{file}: the {graph.name} cannot be exported ({named(error)}): {mend}") from error
        what = f"{file}: not written: {reader}"
        largest = max(_difference(graph, rows, found, what) for rows, found in results.items())
        os.replace(place, file)
    finally:
        place.unlink(missing_ok=True)
    return largest


def _difference(graph: Graph, rows: int, results: list[Tensor], what: str) -> float:
    """The largest one. CheckFailed where it is too large."""
    largest = 0.0
    wanted, rounding = graph(_first(graph, rows)), graph.rounding()
    for name, right, found, own in zip(graph.outputs, wanted, results, rounding, strict=True):
        off = (found - right).abs()
        largest = max(largest, float(off.max()))
        if not bool((off <= max(ABSOLUTE, ROUNDINGS * own) + RELATIVE * right.abs()).all()):
            raise CheckFailed(
                f"{what} and PyTorch differ by {float(off.max()):.1e} in {name} of the {graph.name}; "
                f"another version of either may do better"
            )
    return largest


def _first(graph: Graph, rows: int) -> dict[str, Tensor]:
    return {name: tensor[:rows].clone() for name, tensor in graph.inputs.items()}


def _open_batch(graph: Graph) -> dict[str, dict[int, Any]]:
    batch = torch.export.Dim("batch")
    return {name: {0: batch} for name in graph.inputs}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks about themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
