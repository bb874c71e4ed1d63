import json

import numpy as np
import pytest

from wmzoo.runs import learning_curve
from wmzoo.runs.learning_curve import plot_comparison, plot_learning_curve


def write(path, points):
    path.write_text("".join(json.dumps({"env_steps": x, "eval_return": y}) + "\n" for x, y in points))
    return path


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the last picture, kept where `_save` sees them."""
    seen = {}
    save = learning_curve._save

    def spy(figure, axes, out):
        seen["axes"] = axes
        save(figure, axes, out)

    monkeypatch.setattr(learning_curve, "_save", spy)
    return seen


def test_the_curve_shows_training_returns_and_the_evaluations_band(tmp_path, drawn):
    rows = [
        {"env_steps": 10, "rewards": 1.0, "eval_return": 5.0, "eval_return_std": 2.0},
        {"env_steps": 20, "rewards": None, "eval_return": None, "eval_return_std": None},
        {"env_steps": 30, "rewards": 3.0, "eval_return": 9.0, "eval_return_std": 1.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plot_learning_curve(tmp_path, tmp_path / "curve.png", "a title")
    training, evaluation = drawn["axes"].lines
    assert training.get_xydata().tolist() == [[10, 1], [30, 3]]
    assert evaluation.get_xydata().tolist() == [[10, 5], [30, 9]]
    band = drawn["axes"].collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band.tolist()} >= {(10, 3), (10, 7), (30, 8), (30, 10)}
    assert drawn["axes"].get_xlabel() == "agent steps" and drawn["axes"].get_ylabel() == "return"
    assert (tmp_path / "curve.png").stat().st_size > 5000


def test_a_comparison_draws_each_variants_mean_between_minimum_and_maximum(tmp_path, drawn):
    one = write(tmp_path / "1.jsonl", [(0, 0.0), (100, 10.0)])
    two = write(tmp_path / "2.jsonl", [(0, 4.0), (50, 7.0), (100, 30.0)])
    plot_comparison([("flow", [one, two]), ("mlp", [one])], tmp_path / "c.png")
    flow, mlp = drawn["axes"].lines
    assert flow.get_xydata().tolist() == [[0, 2], [50, 6], [100, 20]]
    assert mlp.get_xydata().tolist() == [[0, 0], [100, 10]]
    band = drawn["axes"].collections[0].get_paths()[0].vertices
    edges = {(0, 0), (0, 4), (50, 5), (50, 7), (100, 10), (100, 30)}
    assert {tuple(point) for point in band.tolist()} >= edges
    assert flow.get_color() != mlp.get_color() and flow.get_marker() != mlp.get_marker()


def test_seeds_are_compared_only_where_all_of_them_have_been(tmp_path, drawn):
    short = write(tmp_path / "1.jsonl", [(10, 0.0), (20, 10.0)])
    long = write(tmp_path / "2.jsonl", [(0, 0.0), (100, 100.0)])
    plot_comparison([("flow", [short, long])], tmp_path / "c.png")
    assert np.array(drawn["axes"].lines[0].get_xdata()).tolist() == [10, 20]


def test_a_run_without_evaluations_or_episodes_still_gives_a_picture(tmp_path):
    path = write(tmp_path / "m.jsonl", [])
    plot_learning_curve(path, tmp_path / "a.png")
    plot_comparison([("flow", [path])], tmp_path / "b.png")
    assert (tmp_path / "a.png").is_file() and (tmp_path / "b.png").is_file()
