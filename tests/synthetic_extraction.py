"""What an extraction came to, with figures known beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wmzoo.envs.task_sets import MT30, MT80, Task
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.evaluation.tasks import Played
from wmzoo.studies.extraction_results import Results


def results(**changed: Any) -> Results:
    """Two tasks, two arms, of known returns."""

    def played(task: Task, returns: tuple[float, ...], successes: tuple[bool, ...] | None = None) -> Played:
        return Played(Path("run"), task, Evaluation(returns, (1,) * len(returns), successes))

    given = {
        "tasks": (MT30[12], MT80[65]),
        "data": {"cup-catch": 500.0, "mw-reach": 300.0},
        "agents": {},
        "arms": {
            "mlp, frozen": [played(MT30[12], (400, 500)), played(MT80[65], (900, 700), (True, False))],
            "mlp, finetuned": [played(MT30[12], (600, 600)), played(MT80[65], (100, 100), (False, False))],
        },
        "models": {"mlp": ({"total": 10, "dynamics": 4}, {"latent_error_first": 0.5})},
        "curves": {"mlp, frozen": {"cup-catch": [{"iteration": 1, "eval_return": 5.0}]}},
    }
    return Results(**{**given, **changed})
