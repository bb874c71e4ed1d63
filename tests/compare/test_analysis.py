"""Returns at equal steps and at equal seconds, areas and times to a threshold, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_runs import two_arms

from wmzoo.compare.analysis import compare
from wmzoo.compare.selection import select_runs
from wmzoo.compare.tasks import Settings


def test_values_by_hand(tmp_path: Path) -> None:
    """Evaluations at 1,024 · 10, 20, 30, 40 steps after 20,480; the mlp takes 1 s an iteration, the flow 2 s."""
    curves = [100.0, 400.0, 700.0, 700.0], [100.0, 400.0, 700.0, 1000.0], [100.0, 400.0, 700.0, 850.0]
    two_arms(tmp_path / "a", {"mlp": list(curves)}, seconds=1.0, start=0.0)
    two_arms(tmp_path / "a", {"flow": [[0.0, 0.0, 300.0, 600.0]] * 3}, seconds=2.0, start=0.0)
    comparison = compare(select_runs([tmp_path / "a"], ["dynamics"], "mlp")[0], Settings(last=3))
    (task,) = comparison.tasks
    assert task.end == {"steps": 20480 + 40960, "seconds": 40.0} and task.natural
    assert comparison.returns("steps", "mlp", task).tolist() == pytest.approx([600, 700, 650])
    assert comparison.returns("steps", "flow", task).tolist() == pytest.approx([300] * 3)
    assert comparison.returns("seconds", "flow", task).tolist() == pytest.approx([0] * 3)  # its second evaluation
    assert comparison.task_difference("steps", "flow", task).value == pytest.approx(-350)
    assert comparison.improvement("steps", "flow").value == 0
    assert comparison.aggregate("IQM", "steps", "mlp").value == pytest.approx(0.65)
    assert task.threshold == pytest.approx(0.8 * 650)
    mlp, flow = (comparison.reach("steps", arm, task) for arm in ("mlp", "flow"))
    assert mlp.median.value == pytest.approx(20480 + 10240 * (2 + 120 / 300)) and mlp.missed == 0
    assert flow.median.value == pytest.approx(20480 + 10240 * (3 + 220 / 300))
    assert comparison.reach("seconds", "flow", task).median.value == pytest.approx(60 + 20 * 220 / 300)
    assert comparison.area("steps", "flow", task).value == pytest.approx((0 + 150 + 450) / 3)
    by_area = compare(select_runs([tmp_path / "a"], ["dynamics"], "mlp")[0], Settings(score="area"))
    assert by_area.returns("steps", "flow", task).tolist() == pytest.approx([200] * 3)
    assert by_area.returns("steps", "mlp", task).tolist() == pytest.approx([1500 / 3, 1650 / 3, 1575 / 3])
    assert comparison.area("seconds", "mlp", task).value == pytest.approx(
        ((400 + 700) / 2 + (700 + (700 + 1000 + 850) / 3) / 2) / 2  # from the flow's first evaluation, at 20 s, to 40 s
    )
