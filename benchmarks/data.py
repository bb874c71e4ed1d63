"""What do converting chunks and sampling from the shards cost?

    python benchmarks/data.py [--gigabytes 5] [--tasks 30] [--folder DIR]

Generates a set of chunks like MT30's in a temporary folder (twice its size is needed there), converts it with
`wmzoo data convert` in a process of its own, whose anonymous resident memory is looked at every 20 ms, and then draws
512 slices of 17 rows again and again, in turn with plain indexing of the same mapped tensors at the same rows. Results:
benchmarks/results/data/data.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmzoo.data.chunks import Chunk, write_chunk
from wmzoo.data.sampler import SliceSampler
from wmzoo.data.shards import Shards
from wmzoo.envs.task_sets import MT30, Task

RESULTS = Path(__file__).parent / "results" / "data"
ROWS, BATCH, HORIZON, DRAWS = 501, 512, 16, 300
CHUNK_BYTES = 500_000_000  # of each file generated
MB = 1e6


def generate(folder: Path, size: int, tasks: tuple[Task, ...]) -> None:
    """Chunks of `size` bytes in all, of random numbers, in contiguous blocks of tasks."""
    generator = torch.Generator().manual_seed(0)
    widths = max(task.obs_dim for task in tasks), max(task.act_dim for task in tasks)
    files = max(1, round(size / CHUNK_BYTES))
    episodes = max(len(tasks), size // files // (4 * ROWS * (sum(widths) + 2)))
    for number in range(files):
        task = (torch.arange(episodes) + number * episodes) * len(tasks) // (episodes * files)
        obs = torch.randn(episodes, ROWS, widths[0], generator=generator)
        action = torch.rand(episodes, ROWS, widths[1], generator=generator)
        for place, one in enumerate(tasks):
            obs[task == place, :, one.obs_dim :] = 0.0
        reward = torch.rand(episodes, ROWS, generator=generator)
        action[:, 0], reward[:, 0] = float("nan"), float("nan")
        numbers = task.int()[:, None].expand(episodes, ROWS).contiguous()
        write_chunk(folder / f"chunk_{number}.pt", Chunk(obs, action, reward, numbers))


def anonymous(pid: int) -> int:
    """Anonymous resident bytes of a process (Linux); 0 when it has ended."""
    try:
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found.group(1)) if found else 0


def watched(command: list[str]) -> tuple[float, int]:
    """Seconds that a command took, and the most anonymous memory it had."""
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            peak = max(peak, anonymous(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return time.monotonic() - began, peak


def sampling(data: Shards, tasks: list[str] | None) -> dict[str, float]:
    """Medians in milliseconds of drawing a batch, and of plainly indexing the mapped tensors at as many random rows."""
    sampler = SliceSampler(data, torch.Generator().manual_seed(1), tasks)
    generator = torch.Generator().manual_seed(2)
    share = torch.tensor([float(shard.index.rows) for shard in sampler.shards])

    def rows() -> list[Tensor]:
        """[H+1, b] of each task: its share of a batch."""
        counts = torch.multinomial(share, BATCH, replacement=True, generator=generator).bincount(minlength=len(share))
        return [
            torch.randint(shard.index.rows - HORIZON, (int(count),), generator=generator)
            + torch.arange(HORIZON + 1).unsqueeze(1)
            for shard, count in zip(sampler.shards, counts, strict=True)
        ]

    def plain(chosen: list[Tensor]) -> list[tuple[Tensor, Tensor, Tensor]]:
        return [(s.obs[r], s.action[r[:-1]], s.reward[r[:-1]]) for s, r in zip(sampler.shards, chosen, strict=True)]

    drawn, indexed = [], []
    for _ in range(DRAWS):
        chosen = rows()
        indexed.append(seconds(lambda chosen=chosen: plain(chosen)))
        drawn.append(seconds(lambda: sampler.sample(BATCH, HORIZON)))
    ours, theirs = 1000 * statistics.median(drawn), 1000 * statistics.median(indexed)
    return {"sample_ms": round(ours, 3), "plain_indexing_ms": round(theirs, 3), "ratio": round(ours / theirs, 3)}


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--tasks", type=int, default=30, help="how many of MT30's")
    parser.add_argument("--folder", type=Path, help="where the temporary one is made")
    parser.add_argument("--out", type=Path, default=RESULTS / "data.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tasks = MT30[: args.tasks]
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        source, shards = Path(name) / "chunks", Path(name) / "shards"
        source.mkdir()
        generate(source, int(1e9 * args.gigabytes), tasks)
        wmzoo = [sys.executable, "-m", "wmzoo", "data"]
        named = ["--tasks", ",".join(task.name for task in tasks)]
        took, peak = watched([*wmzoo, "convert", str(source), str(shards), *named])
        inspecting, inspecting_peak = watched([*wmzoo, "inspect", str(shards)])
        data = Shards(shards)
        result = {
            "command": f"python benchmarks/data.py --gigabytes {args.gigabytes:g} --tasks {len(tasks)}",
            "torch": torch.__version__,
            "cores": os.cpu_count(),
            "tasks": len(tasks),
            "source_mb": round(bytes_in(source) / MB),
            "shards_mb": round(bytes_in(shards) / MB),
            "convert_seconds": round(took, 1),
            "convert_mb_per_second": round(bytes_in(source) / MB / took),
            "convert_peak_rss_anon_mb": round(peak / MB),
            "inspect_seconds": round(inspecting, 1),
            "inspect_peak_rss_anon_mb": round(inspecting_peak / MB),
            "sampling": {
                "batch": BATCH,
                "rows_per_slice": HORIZON + 1,
                "draws": DRAWS,
                "one_task": sampling(data, [data.index.tasks[0].name]),
                "all_tasks": sampling(data, None),
            },
        }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
