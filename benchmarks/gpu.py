"""What wmzoo does on a machine with a GPU, in at most eight minutes: contract checks, seconds and memory.

    make gpu                                            measure, and write gpu.json
    make gpu ARGS="--pwm PATH [--pwm-python PYTHON]"    beside the public PWM code
    make gpu ARGS="--device cpu"                        a dry run where there is none, at a tiny size

Every dynamics predicts there what it does on the CPU, and is one graph for torch.compile. At 5M and 48M
parameters (recipe=paper, Hopper-v5, whose steps stay on the CPU and are told apart) iterations of `mlp` and `flow`,
eager and compiled, and of the public code take turns; beside them the most memory that one of each takes. What there
is no time for is left out, and named. Exit code 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import torch
from timing.contenders import config, iteration
from timing.machine import machine
from timing.public import PublicCode
from timing.turns import Measure, take_turns

from wmzoo.cli.check import judged
from wmzoo.compute.device import arithmetic
from wmzoo.contracts.dynamics import suite
from wmzoo.registry import list_entries

SIZES = {"cuda": ("5M", "48M"), "cpu": ("tiny",)}
ENV = "Hopper-v5"
CHECKED = (": gpu", ": compile")  # the others of its contract ask for no GPU
COMPILED = {"cuda": (False, True), "cpu": (False,)}  # built last: that takes minutes, and on a CPU no less
TURNS, RESERVED = 3, 0.2  # share of the time that the turns may need after everything is built
COMMAND = "python benchmarks/gpu.py"


class Clock:
    def __init__(self, minutes: float) -> None:
        self.began, self.seconds = time.monotonic(), 60 * minutes

    def spent(self) -> float:
        return time.monotonic() - self.began

    def is_late(self, share: float) -> bool:
        return self.spent() > share * self.seconds


def checks() -> dict[str, Any]:
    """How many hold, and which do not apply or fail, with the reason."""
    found: dict[str, Any] = {"holds": 0, "skipped": {}, "fails": {}}
    for name in list_entries("dynamics"):
        for case in suite(name):
            if not case.id.endswith(CHECKED):
                continue
            verdict, words = judged(case, Path(__file__))
            if verdict in ("skipped", "fails"):
                found[verdict][case.id] = words
            else:
                found["holds"] += 1
    return found


def contenders(size: str, device: str, args: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Names, and what builds the measure of an iteration."""
    for compiled, name in product(COMPILED[device], ("mlp", "flow")):
        how = [f"device={device}", f"compile={str(compiled).lower()}"]
        cfg = config(size, name, ENV, [*args.overrides, *how])
        yield f"{name}{', compiled' * compiled}", lambda cfg=cfg: iteration(cfg)
    if args.pwm is not None:
        cfg = config(size, "mlp", ENV, [*args.overrides, f"device={device}"])
        yield "public code", lambda: PublicCode(args.pwm.resolve(), args.pwm_python, cfg, torch.get_num_threads())


def measure(size: str, device: str, until: float, clock: Clock, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of iterations in turns, and bytes; `until`: the share of the time after which nothing more is built."""
    measures: dict[str, Measure] = {}
    memory: dict[str, int | None] = {}
    left_out: list[str] = []
    with arithmetic(config(size, "mlp", ENV, args.overrides)), ExitStack() as stack:
        for who, build in contenders(size, device, args):
            if clock.is_late(until):
                left_out.append(who)
                continue
            before = _allocated(device)
            measures[who] = build()
            if isinstance(measures[who], PublicCode):
                stack.enter_context(closing(measures[who]))
            measures[who]()
            # That of a process of its own is not seen from here.
            memory[who] = None if before is None or who == "public code" else torch.cuda.max_memory_allocated() - before
            print(f"{size} {who}: built after {clock.spent():.0f} s", flush=True)
        figures = take_turns(measures, TURNS, 0.0)
    rows = [
        {"who": who, "memory_bytes": memory[who], **{what: asdict(figure) for what, figure in own.items()}}
        for who, own in figures.items()
    ]
    return {"size": size, "rows": rows, "left_out": left_out}


def _allocated(device: str) -> int | None:
    if device == "cpu":
        return None
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def report(facts: dict[str, Any]) -> str:
    found = facts["checks"]
    lines = [
        f"contract checks: {found['holds']} hold, {len(found['fails'])} fail, {len(found['skipped'])} do not apply"
    ]
    lines += [f"  {case}: {words}" for case, words in found["fails"].items()]
    for size in facts["sizes"]:
        for row in size["rows"]:
            seconds, memory = row["iteration"], row["memory_bytes"]
            took = f", {memory / 2**30:.2f} GiB" if memory is not None else ""
            spread = f"{seconds['median']:.3f} s an iteration ({seconds['low']:.3f} to {seconds['high']:.3f})"
            lines.append(
                f"{size['size']} {row['who']}: {spread}, environment {row['environment']['median']:.3f} s{took}"
            )
        lines += [f"{size['size']} {who}: left out, no time" for who in size["left_out"]]
    return "\n".join([*lines, f"{facts['seconds']:.0f} s in all"])


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", default=[])
    parser.add_argument("--device", choices=list(SIZES), default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), metavar="FILE")
    parser.add_argument("--pwm", type=Path, metavar="PATH", help="a checkout of the public PWM code")
    parser.add_argument("--pwm-python", default=sys.executable, metavar="PYTHON")
    args = parser.parse_args(words)
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU here; --device cpu is a dry run")
    clock = Clock(args.minutes)
    name = torch.cuda.get_device_name() if args.device == "cuda" else None
    facts: dict[str, Any] = {
        "command": " ".join([COMMAND, *(sys.argv[1:] if words is None else words)]),
        "machine": machine(),
        "gpu": name,
        "checks": checks(),
        "sizes": [],
    }
    print(f"checked after {clock.spent():.0f} s", flush=True)
    sizes = SIZES[args.device]
    for number, size in enumerate(sizes, start=1):
        facts["sizes"].append(measure(size, args.device, (1 - RESERVED) * number / len(sizes), clock, args))
    facts["seconds"] = clock.spent()
    args.out.write_text(json.dumps(facts, indent=1) + "\n")
    print(report(facts))
    return int(bool(facts["checks"]["fails"]))


if __name__ == "__main__":
    sys.exit(main())
