"""`wmzoo export RUN --onnx policy.onnx`: the policy, or a step of the world model, as a file that runs without wmzoo.

The policy takes obs [B,O] as the environment gives them and gives action [B,A] in [-1, 1], the deterministic one. A
step of the model takes latent [B,D] and action and gives next_latent, reward, and where the model predicts ends the
discount; --encoder makes the first latent of an observation. Of a multi-task agent all take task [B]; a step of a
stochastic dynamics takes noise [B,N]. What a file computes on 1,000 observations is compared with PyTorch, and a file
that differs is not written. ONNX needs wmzoo[onnx].
"""

from __future__ import annotations

import argparse
from pathlib import Path

GROUP = "adding and sharing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="RUN", help="a run folder, a checkpoint, or a name of the catalogue")
    parser.add_argument("--onnx", type=Path, metavar="FILE.onnx", help="the policy")
    parser.add_argument("--encoder", type=Path, metavar="FILE.onnx", help="observation to latent")
    parser.add_argument("--model-step", type=Path, metavar="FILE.onnx", help="one step of the world model")
    parser.add_argument("--torch-export", type=Path, metavar="FILE.pt2", help="the policy, for torch.export.load")


def run(args: argparse.Namespace) -> int:
    from wmzoo.errors import WmzooError

    if not any((args.onnx, args.encoder, args.model_step, args.torch_export)):
        raise WmzooError("say what is to be written: --onnx, --encoder, --model-step or --torch-export, with a file")
    from wmzoo.agent.load import load
    from wmzoo.exports import graphs
    from wmzoo.exports.files import OPSET, write_onnx, write_program

    agent = load(args.path)
    opset = f"opset {OPSET}"
    asked = (
        (args.onnx, graphs.policy, write_onnx, opset),
        (args.encoder, graphs.encoder, write_onnx, opset),
        (args.model_step, graphs.step, write_onnx, opset),
        (args.torch_export, graphs.policy, write_program, "torch.export"),
    )
    for file, make, write, form in asked:
        if file is not None:
            graph = make(agent)
            largest = write(graph, file)
            takes, gives = ", ".join(graph.inputs), ", ".join(graph.outputs)
            print(f"{file}: {graph.name}, {takes} -> {gives}; {form}, within {largest:.1e} of PyTorch")
    return 0
