"""What a run says at its end."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from wmzoo.runs.metrics import MetricsWriter
from wmzoo.runs.outcome import outcome

CFG = OmegaConf.create({"trainer": {"iterations": 4}})


def run(folder: Path, *returns: float | None, steps: int = 100) -> Path:
    writer = MetricsWriter(folder / "metrics.jsonl")
    for number, value in enumerate(returns, 1):
        row = {"iteration": number, "env_steps": steps * number, "wall_clock": 20.0 * number}
        writer.write(row | {"eval_return": value, "eval_return_std": None if value is None else value / 10})
    writer.close()
    return folder


def test_it_says_what_was_reached_from_where_and_what_to_type_next(tmp_path: Path) -> None:
    first, *files, more, on = outcome(run(tmp_path, None, 12.5, None, 1234.0), CFG)
    assert first == "reached: return 1,234 ± 123 at 400 agent steps, in 0:01:20 (12.5 at 200)"
    assert files == [f"learning curve: {tmp_path}/learning_curve.png", f"metrics: {tmp_path}/metrics.csv"]
    assert more == f"next, more episodes: wmzoo evaluate {tmp_path} --episodes 20"
    assert on == f"next, train on: wmzoo resume {tmp_path} trainer.iterations=8"


def test_one_evaluation_has_nothing_beside_it_and_without_steps_iterations_are_counted(tmp_path: Path) -> None:
    first = outcome(run(tmp_path, None, 3.0, steps=0), CFG)[0]
    assert first == "reached: return 3.00 ± 0.300 at 2 iterations, in 0:00:40"


def test_a_model_alone_has_no_return_and_nothing_to_evaluate(tmp_path: Path) -> None:
    lines = outcome(run(tmp_path, None, None), CFG)
    assert [line.partition(":")[0] for line in lines] == ["learning curve", "metrics", "next, train on"]
