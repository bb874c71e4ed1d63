"""The public PWM code, from a checkout that the caller names, timed in a process of its own between the other turns.

It is used as it is, through its own training loop; see public_code.py for the stand-ins that let it run on a CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from omegaconf import DictConfig
from public_code import order

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).parent / "public_turns.py"


class PublicCode:
    """One iteration per call: seconds of the whole, and of its environment, actor, critic and (one) model parts.

    SystemExit with the reason in one line where the checkout or its Python is not fit.
    """

    def __init__(self, checkout: Path, python: str, cfg: DictConfig, threads: int) -> None:
        if not (checkout / "src" / "pwm").is_dir():
            raise SystemExit(f"{Path(sys.argv[0]).name}: --pwm: {checkout} is no checkout of it: src/pwm is not there")
        task = {"env": str(cfg.env.task), "num_envs": int(cfg.env.num_envs), "threads": threads}
        path = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [python, str(CHILD), str(checkout), json.dumps(order(cfg) | task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"},
        )
        self._answer()  # ready

    def __call__(self) -> dict[str, float]:
        self._pipe(self.process.stdin).write("turn\n")
        self._pipe(self.process.stdin).flush()
        return self._answer()

    def close(self) -> None:
        """Ends its process."""
        self.process.kill()
        self.process.wait()

    def _answer(self) -> dict[str, float]:
        line = self._pipe(self.process.stdout).readline()
        answer: dict[str, float] | str = json.loads(line) if line else "its process ended"
        if isinstance(answer, str):
            self.close()
            raise SystemExit(f"{Path(sys.argv[0]).name}: --pwm: {answer}")
        return answer

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
