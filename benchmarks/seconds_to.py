"""How many seconds until a return of 800? wmzoo's mlp and flow, Stable-Baselines3's SAC and the public PWM code.

    python benchmarks/seconds_to.py --train [--pwm PATH [--pwm-python PYTHON]] [--workers 2]   what is missing, in turns
    python benchmarks/learning.py     keeps the runs
    python benchmarks/seconds_to.py   the table, from what is kept

The runs are those of benchmarks/studies/standard.yaml and the ones beside them (sac.py, public_pwm.py), which have the
processor seconds of the mlp's. One has reached the return at its first deterministic evaluation that is no lower, and
the seconds are those on its clock after this evaluation. One that never gets there counts as infinite in the median of
the seeds. Runs of wmzoo that were made with other settings than the study has today are left out, and said.
Results: benchmarks/results/speed/seconds_to.json and a table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import beside
import fitting
import numpy as np
import results_index
from timing.tables import as_text, write_page

from wmzoo.checkpoints.config import CONFIG
from wmzoo.compare.runs import FOLDER, Run, read_run
from wmzoo.registry.cards import load_yaml
from wmzoo.storage.files import write_text
from wmzoo.storage.foreign import read_config
from wmzoo.storage.run_layout import is_trained
from wmzoo.studies.grid import Study, folder_of, read_study
from wmzoo.studies.jobs import train_or_resume

HERE = Path(__file__).parent
KEPT = HERE / "results" / "learning"
RESULTS = HERE / "results" / "speed"
NAME = "seconds_to"
RETURN = 800.0
TASKS = ["cartpole_swingup", "walker_walk"]  # of those beside whose runs others stand, the ones that come to it


def measured(study: Study, others: Sequence[str], tasks: Sequence[str]) -> dict[str, Any]:
    """What the kept runs say, by task and arm, and which of them are left out."""
    today = {cell.name: cell.overrides for cell in study.cells()}
    rows, left_out = [], []
    for task in tasks:
        for arm in (*study.arms, *others):
            runs = []
            for seed in study.seeds:
                name = f"{task}/{arm}/seed{seed}"
                folder = folder_of(study, KEPT) / name
                if not folder.is_dir():
                    continue
                run = read_run(folder, read_config(folder / CONFIG), [FOLDER])
                if name in today and fitting.differs(run, today[name]):
                    left_out.append(name)
                else:
                    runs.append(reached(run))
            if runs:
                rows.append({"task": task, "arm": arm, "runs": runs})
    return {"return": RETURN, "left_out": left_out, "rows": rows}


def reached(run: Run) -> dict[str, Any]:
    """When it got there, None for never, and what it had: all seconds are those of the clock after an evaluation."""
    (there,) = np.nonzero(run.returns >= RETURN)
    first = int(there[0]) if there.size else None
    curves = {"processor_seconds": run.cpu_time, "wall_seconds": run.seconds, "agent_steps": run.steps}
    return {
        "seed": run.seed,
        **{name: None if first is None else float(curve[first]) for name, curve in curves.items()},
        "ran_processor_seconds": float(run.cpu_time[-1]),
        "evaluations": len(run.returns),
        "best": float(run.returns.max()),
        "processor": run.facts.get("processor"),
        "cores": run.facts.get("cpus"),
        "commit": run.facts.get("commit"),
    }


def train(args: argparse.Namespace) -> None:
    """What is missing: of a seed and task one arm after the other, `workers` of them at a time."""
    study = read_study(str(beside.STUDY))
    scripts = [[sys.executable, str(HERE / "sac.py")]]
    if args.pwm is not None:
        scripts.append([args.pwm_python, str(HERE / "public_pwm.py"), str(args.pwm.resolve())])

    def in_turn(seed: int, task: str) -> None:
        for cell in study.cells():
            folder = folder_of(study, beside.RUNS) / cell.name
            if (cell.seed, cell.task) == (seed, task) and not is_trained(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                words = [sys.executable, "-m", "wmzoo", *train_or_resume(folder, cell.overrides)]
                with open(f"{folder}.log", "ab") as log:
                    subprocess.run(words, check=True, cwd=HERE.parent, stdout=log, stderr=log)
                print(f"{cell.name}: done", flush=True)
        for script in scripts:
            subprocess.run([*script, "--tasks", task, "--seeds", str(seed)], check=True)

    turns = [(seed, task) for seed in study.seeds for task in TASKS]
    with ThreadPoolExecutor(args.workers) as pool:
        list(pool.map(in_turn, *zip(*turns, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="train what is missing; writes no table")
    parser.add_argument("--pwm", type=Path, metavar="PATH", help="a checkout of the public PWM code")
    parser.add_argument(
        "--pwm-python", default=sys.executable, metavar="PYTHON", help="one with torchrl and tensordict"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time")
    args = parser.parse_args()
    if args.train:
        train(args)
        return
    others = load_yaml(beside.STUDY).get("beside", [])
    facts = {"command": f"python benchmarks/{NAME}.py"} | measured(read_study(str(beside.STUDY)), others, TASKS)
    for name in facts["left_out"]:
        print(f"{name}: left out, made with other settings than today's")
    if not facts["rows"]:
        raise SystemExit(f"{folder_of(read_study(str(beside.STUDY)), KEPT)}: no runs of today's settings are kept")
    print(as_text(NAME, facts))
    write_text(RESULTS / f"{NAME}.json", json.dumps(facts, indent=1) + "\n")
    write_page(RESULTS)
    write_text(results_index.FILE, results_index.text())


if __name__ == "__main__":
    main()
