"""Does a run's resident memory stay flat?

    python benchmarks/memory.py [--minutes 30] [OVERRIDE…]     train, and look at the process every five seconds
    python benchmarks/memory.py --plot                         the slope and the picture from the committed figures

The run is that of `wmzoo train` with these overrides, evaluations and checkpoints included, ended by Ctrl-C. Results:
benchmarks/results/memory/ (memory.csv, memory.png, run.json with the command and the slope).
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from wmzoo.reports.canvas import panels, save

RESULTS = Path(__file__).parent / "results" / "memory"
EVERY = 5.0  # seconds
SETTLED = 0.5  # of the run, after which the slope is taken: by then the allocator has met every size it needs
MIB = 2**20


def resident(pid: int) -> int:
    """Resident bytes of a process (Linux)."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def measure(overrides: list[str], minutes: float) -> None:
    """Train for so long and write memory.csv."""
    folder = Path(tempfile.mkdtemp()) / "run"
    command = ["train", *overrides, "trainer.iterations=1000000"]
    training = subprocess.Popen(
        [sys.executable, "-m", "wmzoo", *command, f"run_dir={folder}"], stdout=subprocess.DEVNULL
    )
    began, rows = time.monotonic(), []
    while time.monotonic() - began < 60 * minutes:
        time.sleep(EVERY)
        if training.poll() is not None:
            raise SystemExit(f"the run ended with exit code {training.returncode}")
        rows.append((round((time.monotonic() - began) / 60, 3), round(resident(training.pid) / MIB, 2)))
    training.send_signal(signal.SIGINT)
    training.wait()
    RESULTS.mkdir(parents=True, exist_ok=True)
    with open(RESULTS / "memory.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("minutes", "resident_mib"), *rows])
    facts = json.loads((folder / "run.json").read_text())
    kept = {name: facts[name] for name in ("commit", "device", "threads", "versions", "resumed") if name in facts}
    iterations = (folder / "metrics.jsonl").read_text().count("\n")
    write_facts({"command": " ".join(["wmzoo", *command]), "iterations": iterations} | kept)
    shutil.rmtree(folder.parent)


def write_facts(facts: dict[str, object]) -> None:
    """run.json, with the slope of the settled part."""
    minutes, mib = np.loadtxt(RESULTS / "memory.csv", delimiter=",", skiprows=1, unpack=True)
    settled = minutes >= SETTLED * minutes[-1]
    slope = float(np.polyfit(minutes[settled], mib[settled], 1)[0]) if settled.sum() > 1 else 0.0
    facts |= {"slope_mib_per_hour": round(60 * slope, 2), "from_minute": round(minutes[settled][0], 1)}
    facts |= {"first_minute_mib": mib[minutes >= 1][0], "last_mib": mib[-1], "max_mib": mib.max()}
    (RESULTS / "run.json").write_text(json.dumps(facts, indent=2) + "\n")


def plot() -> None:
    """memory.png from memory.csv and run.json."""
    minutes, mib = np.loadtxt(RESULTS / "memory.csv", delimiter=",", skiprows=1, unpack=True)
    facts = json.loads((RESULTS / "run.json").read_text())
    figure, (axes,) = panels(1, 1, 3.5, width=7)
    axes.plot(minutes, mib, linewidth=1.5)
    axes.set(xlabel="minutes", ylabel="resident memory (MiB)", xlim=(0, minutes[-1]), ylim=(0, 1.15 * mib.max()))
    axes.set_title(
        f"{facts['command'].removesuffix(' trainer.iterations=1000000')}: {facts['iterations']} iterations\n"
        f"{facts['slope_mib_per_hour']:+.1f} MiB per hour after minute {facts['from_minute']:.0f}",
        fontsize=10,
    )
    save(figure, RESULTS / "memory.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", default=[])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--plot", action="store_true")
    args = parser.parse_args()
    if args.plot:
        write_facts(json.loads((RESULTS / "run.json").read_text()))
    else:
        measure(args.overrides, args.minutes)
    plot()
