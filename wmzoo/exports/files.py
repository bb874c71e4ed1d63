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

from wmzoo.errors import CheckFailed, require
from wmzoo.exports.graphs import ROWS, Graph
from wmzoo.storage.files import temporary_name

OPSET = 18  # the first with Mish and LayerNormalization
RELATIVE, ABSOLUTE = 1e-5, 1e-5  # how far an output may be off, but
ROUNDINGS = 4  # times what PyTorch itself is off by rounding: a steep policy's last digits are nobody's
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
                kwargs=_two_rows(graph),
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
            program = torch.export.export(graph.module, (), _two_rows(graph), dynamic_shapes=_open_batch(graph))
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
        write(place)
        run, largest = read(place), 0.0
        allowed = [max(ABSOLUTE, ROUNDINGS * rounding) for rounding in graph.rounding()]
        for rows in (1, 7, ROWS):
            inputs = {name: tensor[:rows] for name, tensor in graph.inputs.items()}
            for name, least, wanted, found in zip(graph.outputs, allowed, graph(inputs), run(inputs), strict=True):
                off = (found - wanted).abs()
                largest = max(largest, float(off.max()))
                if not bool((off <= least + RELATIVE * wanted.abs()).all()):
                    raise CheckFailed(
                        f"{file}: not written: {reader} and PyTorch differ by {float(off.max()):.1e} in {name} of the "
                        f"{graph.name}; another version of {reader} or torch may do better"
                    )
        os.replace(place, file)
    finally:
        place.unlink(missing_ok=True)
    return largest


def _two_rows(graph: Graph) -> dict[str, Tensor]:
    """Examples to trace with: of one row the batch would be taken for a constant."""
    return {name: tensor[:2].clone() for name, tensor in graph.inputs.items()}


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
