"""How fast are the updates and the whole iteration, against what the machine can do and against other implementations?

    python benchmarks/speed.py [--sizes SIZE …] [--pwm PATH [--pwm-python PYTHON]]   measure, and write the tables
    python benchmarks/speed.py --default     the default recipe, at the default size
    python benchmarks/speed.py --quick       few repeats, the small sizes; prints only
    python benchmarks/speed.py --growth      cost over batch, horizon, latent width, sub-steps and environments
    python benchmarks/speed.py --startup     seconds to `wmzoo --help` and to the first line of `wmzoo train`
    python benchmarks/speed.py --table       the tables from the committed figures

At each size (recipe=paper, Hopper-v5) the model's, actor's and critics' updates and the whole iteration of `mlp` and
`flow`, in fp32 and where `precision=auto` takes it in bf16, take turns with a plain transcription of the algorithm
(transcription.py) and, at the size of its own configuration, with the public PWM code where a checkout is given; there
is neither for the default recipe. A figure is the median of the turns, with their range. Results:
benchmarks/results/speed/*.json and the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from timing.around import sampling, stepping
from timing.ceilings import DTYPES, matrix_rates, memory_rates, shapes
from timing.contenders import Yardstick, config, iteration, optimiser_steps, updates
from timing.floor import count, floor, product_seconds
from timing.growth import growth
from timing.machine import machine
from timing.public import PublicCode
from timing.startup import startup
from timing.tables import as_text, write_page
from timing.turns import take_turns

from wmzoo.compute.device import arithmetic, precision_of
from wmzoo.diagnostics.cost import Contender
from wmzoo.storage.package_data import data_dir

RESULTS = Path(__file__).parent / "results" / "speed"
ENV, OBS, ACT = "Hopper-v5", 11, 3
DYNAMICS = ("mlp", "flow")
USUAL = ("tiny", "small", "1M", "dflex", "5M")  # the larger ones take minutes a turn on a CPU
PAPER, DEFAULT, DEFAULT_SIZE = "paper", "default", "small"
PUBLIC_SIZE = "dflex"  # that of the public code's configuration
SURROUNDINGS = "dflex"  # the size whose batch the replay is asked for


def configs(size: str, recipe: str, overrides: list[str]) -> dict[str, DictConfig]:
    """By contender: each dynamics in fp32, and in bf16 where `precision=auto` takes that."""
    found = {name: config(size, name, ENV, overrides, recipe) for name in DYNAMICS}
    auto = config(size, DYNAMICS[0], ENV, [*overrides, "precision=auto"], recipe)
    if precision_of(auto, torch.device("cpu")) == torch.bfloat16:
        half = [*overrides, "precision=bf16"]
        found |= {f"{name} bf16": config(size, name, ENV, half, recipe) for name in DYNAMICS}
    return found


def measure_size(size: str, recipe: str, args: argparse.Namespace) -> dict[str, Any]:
    """Ceilings, counts and figures at one size."""
    found = configs(size, recipe, args.overrides)
    cfg = found["mlp"]
    with arithmetic(cfg) as threads:
        memory = memory_rates(args.turns, args.seconds / 5)
        ceilings = matrix_rates(shapes(cfg, OBS, ACT), args.turns, args.seconds / 10)
        peaks = {dtype: max(row[name]["high"] for row in ceilings) for name, dtype in DTYPES.items()}
        contenders = {name: Contender(own, OBS, ACT) for name, own in found.items()}
        counted = {name: floors(contender, peaks, memory, args) for name, contender in contenders.items()}
        calls = {name: updates(contender) for name, contender in contenders.items()}
        whole = {name: iteration(own) for name, own in found.items()}
        if recipe == PAPER:
            yardstick = Yardstick(contenders["mlp"])
            calls["transcription"], whole["transcription"] = yardstick.updates(), yardstick.iteration()
        measures = {f"{who}/{what}": measure for who, own in calls.items() for what, measure in own.items()}
        measures |= {f"{who}/iteration": measure for who, measure in whole.items()}
        with ExitStack() as stack:
            if recipe == PAPER and (public := public_code(size, cfg, threads, args)) is not None:
                measures["public code/iteration"] = stack.enter_context(closing(public))
            figures = take_turns(measures, args.turns, args.seconds)
    rows = [
        {"who": key.partition("/")[0], "what": what, **asdict(figure)}
        for key, own in figures.items()
        for what, figure in own.items()
    ]
    facts = {"size": size, "threads": threads, "ceilings": ceilings, "memory_gb_per_second": memory}
    return facts | {"floors": counted, "rows": rows}


def public_code(size: str, cfg: DictConfig, threads: int, args: argparse.Namespace) -> PublicCode | None:
    if args.pwm is None or size != PUBLIC_SIZE:
        return None
    return PublicCode(args.pwm.resolve(), args.pwm_python, cfg, threads)


def floors(
    contender: Contender, peaks: dict[torch.dtype, float], memory: dict[int, float], args: argparse.Namespace
) -> dict[str, Any]:
    """Per update and for all updates of an iteration: counted operations and bytes, the seconds they take at least,
    and the seconds of the matrix products alone."""
    found: dict[str, dict[str, float]] = {}
    for name, update in contender.updates().items():
        counts = count(update, list(contender.agent.parameters()), optimiser_steps(contender, name))
        found[name] = {
            "flops": counts.flops,
            "bytes": counts.bytes,
            "seconds": floor(counts, peaks[counts.dtype], memory),
        }
        found[name]["products"] = product_seconds(counts, max(2, args.turns // 2), args.seconds / 20)
    times = contender.per_iteration()
    found["iteration"] = {key: sum(times[name] * found[name][key] for name in times) for key in found["model"]}
    return found


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Everything, size by size."""
    facts: dict[str, Any] = {
        "command": args.command,
        "machine": machine(),
        "turns": args.turns,
        "seconds": args.seconds,
    }
    cfg = config(SURROUNDINGS, "mlp", ENV, args.overrides)
    with arithmetic(cfg) as threads:
        memory = memory_rates(args.turns, args.seconds / 5)
        facts["surroundings"] = {
            "env": cfg.env.task,
            "num_envs": cfg.env.num_envs,
            "batch": cfg.trainer.batch_size,
            "horizon": cfg.trainer.horizon,
            "threads": threads,
            "sampling": sampling(cfg, memory, args.turns, args.seconds / 5),
            "stepping": stepping(cfg, args.turns, args.seconds),
        }
    facts["sizes"] = []
    for size in args.sizes:
        facts["sizes"].append(measure_size(size, PAPER, args))
        print(f"{size}: done", flush=True)
    return facts


def save(name: str, facts: dict[str, Any], args: argparse.Namespace) -> None:
    """Print the tables, and keep them unless the run was a quick one."""
    print(as_text(name, facts))
    if not args.quick:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
        write_page(RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = sorted(file.stem for file in (data_dir("configs") / "size").glob("*.yaml"))
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", default=[])
    parser.add_argument("--sizes", nargs="+", choices=every, metavar="SIZE", help=f"left out: {', '.join(USUAL)}")
    parser.add_argument("--turns", type=int, help="of every measurement")
    parser.add_argument("--seconds", type=float, help="at least, of a turn of an update")
    parser.add_argument("--pwm", type=Path, metavar="PATH", help="a checkout of the public PWM code")
    parser.add_argument(
        "--pwm-python", default=sys.executable, metavar="PYTHON", help="one with torchrl and tensordict"
    )
    for flag in ("default", "quick", "growth", "startup", "table"):
        parser.add_argument(f"--{flag}", action="store_true")
    args = parser.parse_args()
    args.turns = args.turns or (2 if args.quick else 7)
    args.seconds = args.seconds or (0.02 if args.quick else 0.25)
    growing = args.sizes[-1] if args.sizes else "small" if args.quick else PUBLIC_SIZE
    args.sizes = args.sizes or (["tiny", "small"] if args.quick else list(USUAL))
    places = {str(args.pwm): "PATH", args.pwm_python: "PYTHON"}  # of the machine at hand
    args.command = " ".join(["python benchmarks/speed.py", *(places.get(word, word) for word in sys.argv[1:])])
    about = {"command": args.command, "machine": machine(), "turns": args.turns}
    if args.table:
        write_page(RESULTS)
    elif args.startup:
        save("startup", about | {"seconds": startup(args.turns)}, args)
    elif args.default:
        save("default", about | {"sizes": [measure_size(DEFAULT_SIZE, DEFAULT, args)]}, args)
    elif args.growth:
        rows = growth(growing, ENV, args.overrides, args.turns, args.seconds)
        save("growth", about | {"size": growing, "rows": rows}, args)
    else:
        save("speed", measure(args), args)


if __name__ == "__main__":
    main()
