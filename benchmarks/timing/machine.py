"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

LIBRARIES = ("torch", "numpy", "mujoco", "dm_control", "gymnasium")


def machine() -> dict[str, Any]:
    """Processor, cores and caches (Linux), the load before the first measurement, and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    capability = torch.backends.cpu.get_cpu_capability()
    return {
        "processor": facts.get("model name", "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "cache": facts.get("cache size", "unknown"),
        "vectors": capability,
        "bf16_instructions": "avx512_bf16" in facts.get("flags", ""),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "load_at_start": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }
