"""Success at the last step and at any step, of simulators whose success flickers."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from flicker import FLICKER, NO_SUCCESS, environments

from wmzoo.evaluation.episodes import Evaluation, evaluate


def evaluation(successes: list[str] | list[None]) -> Evaluation:
    still = SimpleNamespace(act=lambda obs, task, deterministic: torch.zeros(len(obs), 1))
    return evaluate(still, environments(successes), seed=0)


def test_an_evaluation_reports_both() -> None:
    result = evaluation(FLICKER)
    assert result.successes == (False, True, False, True) and result.successes_any == (True, True, False, True)
    assert (result.row()["eval_success"], result.row()["eval_success_any"]) == (0.5, 0.75)


def test_a_task_without_success_reports_neither() -> None:
    result = evaluation(NO_SUCCESS)
    assert result.successes is result.successes_any is None
    assert result.row()["eval_success"] is result.row()["eval_success_any"] is None
