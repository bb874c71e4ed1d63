"""One update of MT30's world model at its size, 48M, in one process and data-parallel in two.

    python benchmarks/pretrain_48m.py [--size 48M] [--batch 1024] [--out FILE]

An update of `wmzoo train experiment=mt30 trainer=pretrain dynamics=mlp precision=bf16`, with backward pass and
optimiser, on random slices of MT30's shapes: 30 tasks, 24 observations, 6 actions. The two processes are torchrun's, as
docs/multitask.md starts them, each on half of the same batch; every process has one thread. Results:
benchmarks/results/speed/pretrain_48m.json, of either way seconds, the most memory of a process, and the loss, on which
both processes have to agree, as on weights.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from timing.machine import machine

from wmzoo.agent.build import build_agent
from wmzoo.compute.device import arithmetic, device_of
from wmzoo.compute.distributed import process_group, world
from wmzoo.compute.rng import stream
from wmzoo.config.composition import compose
from wmzoo.envs.task_sets import MT30
from wmzoo.pwm.build import build_pwm
from wmzoo.registry import build_from
from wmzoo.storage.files import write_json
from wmzoo.studies.budget import Drawn
from wmzoo.trainers.build import STREAMS, settled
from wmzoo.trainers.pretrain import PretrainTrainer

OUT = Path(__file__).parent / "results" / "speed" / "pretrain_48m.json"
WORDS = (
    "experiment=mt30",
    "trainer=pretrain",
    "dynamics=mlp",
    "precision=bf16",
    "threads=1",
    "trainer.model_updates=1",
)
OBS_DIM, ACT_DIM = max(task.obs_dim for task in MT30), max(task.act_dim for task in MT30)
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def trainer_of(overrides: list[str]) -> PretrainTrainer:
    """The config's pretraining, on random slices in the place of data."""
    cfg = compose(overrides)
    cfg = settled(cfg, SimpleNamespace(terminates=False, action_dims=[task.act_dim for task in MT30]))
    cfg.actor = cfg.critic = None
    agent = build_agent(cfg, OBS_DIM, ACT_DIM).to(device_of(cfg))
    streams, data = {name: stream(cfg.seed, name) for name in STREAMS}, Drawn(OBS_DIM, ACT_DIM, len(MT30))
    parts: dict[str, Any] = {"agent": agent, "streams": streams, "recorder": None, "eval_every": 1, "save_every": 1}
    parts |= {"pwm": build_pwm(cfg, agent, streams, world=world()), "data": data, "held_out": data}
    trainer: PretrainTrainer = build_from("trainer", cfg.trainer, **parts)
    return trainer


def update(overrides: list[str]) -> dict[str, Any]:
    """An update in this process, one of its world's."""
    cfg = compose(overrides)
    with arithmetic(cfg) as threads, process_group(device_of(cfg)):
        trainer = trainer_of(overrides)
        began = time.perf_counter()
        row = trainer.learn()
        seconds = time.perf_counter() - began
        weights = sum(float(tensor.detach().double().sum()) for tensor in trainer.agent.parameters())
        return {
            "threads": threads,
            "parameters": trainer.agent.parameter_counts()["total"],
            "precision": str(trainer.pwm.precision).removeprefix("torch."),
            "horizon": trainer.model_horizon,
            "seconds": round(seconds, 2),
            "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
            "loss": row["wm_loss"],
            "gradient_norm": row["wm_grad_norm"],
            "sum_of_weights": weights,
        }


def run(processes: int, size: str, batch: int) -> list[dict[str, Any]]:
    """What each process of a run of so many has measured."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(Path(__file__).resolve()), "--size", size, "--batch", str(batch), "--worker", folder]
        subprocess.run([sys.executable, *(TORCHRUN if processes == 2 else ()), *words], check=True)
        return [json.loads(file.read_text()) for file in sorted(Path(folder).glob("*.json"))]


def measured(size: str, batch: int) -> dict[str, Any]:
    """Both ways; SystemExit where a loss is no number, or processes that learn one model come to different ones."""
    (alone,), two = run(1, size, batch), run(2, size, batch)
    if len(two) != 2 or not all(math.isfinite(each["loss"]) for each in (alone, *two)):
        raise SystemExit(f"losses of {alone['loss']} and {[each['loss'] for each in two]} from {len(two)} processes")
    same = [name for name in ("loss", "gradient_norm", "sum_of_weights") if two[0][name] == two[1][name]]
    if len(same) < 3:
        raise SystemExit(f"the two processes agree on {', '.join(same) or 'nothing'} alone: {two}")
    shared = {name: alone.pop(name) for name in ("parameters", "precision", "horizon")}
    kept = ("threads", "seconds", "peak_memory_gib")
    both = {"loss": two[0]["loss"], "gradient_norm": two[0]["gradient_norm"], "loss_and_weights_equal": True}
    return {
        "size": size, "batch": batch, **shared,
        "one_process": {name: alone[name] for name in (*kept, "loss", "gradient_norm")},
        "two_processes": {name: [each[name] for each in two] for name in kept} | both,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="48M", help="default: %(default)s")
    parser.add_argument(
        "--batch", type=int, default=1024, help="slices of all processes together (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="default: %(default)s")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        found = update([*WORDS, f"size={args.size}", f"trainer.batch_size={args.batch}"])
        write_json(args.worker / f"{world().rank}.json", found)
        return
    own = machine()  # its load before the measurement
    words = "".join(f" --{name} {value}" for name, value in (("size", args.size), ("batch", args.batch)))
    facts = {"command": f"python benchmarks/pretrain_48m.py{words}", "machine": own, **measured(args.size, args.batch)}
    write_json(args.out, facts)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torchrun says that it sets this
    torch.manual_seed(0)
    main()
