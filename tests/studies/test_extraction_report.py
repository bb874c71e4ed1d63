"""The report of an extraction whose episodes are known."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic_extraction import results

from wmzoo.envs.task_sets import MT30, find
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.evaluation.tasks import Played
from wmzoo.studies import extraction_report
from wmzoo.studies.extraction_report import modes, scores_by_task, words, write_report


@pytest.mark.usefixtures("no_drawing")
def test_the_words_and_the_page_tell_the_figures_and_those_published_for_the_set_alone(tmp_path):
    found = results()
    assert words(found)[1].startswith("mlp, finetuned: score 30.0 [30.0, 30.0]")
    page = write_report(found, tmp_path / "report", "A title", ["wmzoo mt30"], "mt30").read_text()
    assert "PWM 48M" in page and "76.8" in page and "mw-reach" in page
    assert "PWM 48M" not in write_report(found, tmp_path / "report", "A title", ["x"], "[cup-catch]").read_text()


@pytest.mark.usefixtures("no_drawing")
def test_an_extraction_cut_short_is_reported_as_far_as_it_is(tmp_path):
    found = results(arms={"mlp, frozen": results().arms["mlp, frozen"][:1]})
    assert write_report(found, tmp_path / "report", "A title", ["x"], "mt30").is_file()
    assert "of 1 tasks" in words(found)[0]


@pytest.mark.usefixtures("no_drawing")
def test_curves_of_two_points_are_a_table_and_errors_stand_task_by_task(tmp_path):
    rows = [{"iteration": 1, "eval_return": 5.0}, {"iteration": 2, "eval_return": 7.5}]
    errors = {"latent_error_first": 0.5, "reward_r2_last/cup-catch": 0.75, "reward_r2_last/mw-reach": None}
    found = results(curves={"mlp, frozen": {"cup-catch": rows}}, models={"mlp": ({"total": 10}, errors)})
    write_report(found, tmp_path / "report", "A title", ["x"], "mt30")
    tables = tmp_path / "report" / "tables"
    assert (tables / "learning.csv").read_text().splitlines() == [
        "arm,iteration 1,iteration 2",
        '"mlp, frozen",5.0,7.5',
    ]
    assert "cup-catch,,,0.75" in (tables / "model_errors.csv").read_text()
    assert not (tmp_path / "report" / "figures" / "learning_curves.png").exists()
    assert not (tables / "off_data.csv").exists()
    rows[-1]["off_data"] = 0.625
    write_report(found, tmp_path / "report", "A title", ["x"], "mt30")
    assert (tables / "off_data.csv").read_text().splitlines()[1:] == ["cup-catch,0.625,"]
    whole = results(curves={"mlp, frozen": {"cup-catch": [*rows, {"iteration": 3, "eval_return": 8.0}]}})
    write_report(whole, tmp_path / "report", "A title", ["x"], "mt30")
    assert not (tables / "learning.csv").exists() and not (tables / "model_errors.csv").exists()


@pytest.mark.usefixtures("no_drawing")
def test_scores_stand_beside_those_of_the_agents_that_the_data_are_of(tmp_path):
    write_report(results(agents={"cup-catch": 450.0}), tmp_path / "report", "A title", ["x"], "mt30")
    assert (tmp_path / "report" / "tables" / "scores.csv").read_text().splitlines() == [
        'task,data,agent,"mlp, frozen","mlp, finetuned"',
        "cup-catch,50.0,45.0,45.0,60.0",
        "mw-reach,,,50.0,0.0",
    ]


def played(names: Sequence[str], scores: Sequence[float]) -> list[Played]:
    """An episode of each task, of these scores."""
    return [
        Played(Path("run"), find(name), Evaluation((10 * score,), (1,)))
        for name, score in zip(names, scores, strict=True)
    ]


def drawn_by(draw: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Figure:
    """The figure, laid out."""
    found: list[Figure] = []
    finish = extraction_report.finish
    monkeypatch.setattr(
        extraction_report, "finish", lambda figure, *words: (found.append(figure), finish(figure, *words))
    )
    draw()
    return found[0]


MANY = [task.name for task in MT30]
FEW = ["cheetah-run", "cup-catch", "finger-spin", "walker-walk", "hopper-stand", "reacher-easy"]


@pytest.mark.parametrize(
    ("names", "frozen", "tuned"),
    [
        (FEW, [60.0, 64.0, 70.0, 10.0, 10.0, 0.0], [61.0, 61.5, 60.5, 90.0, 90.0, 1.0]),
        (MANY, [0.0] * 30, [float(n // 10) for n in range(30)]),
    ],
    ids=["six", "thirty"],
)
def test_every_task_s_point_has_a_name_of_its_own_that_lies_over_no_other(
    names: list[str], frozen: list[float], tuned: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = {"mlp, frozen": played(names, frozen), "mlp, finetuned": played(names, tuned)}
    data = dict.fromkeys(names, 300.0)
    found = results(tasks=tuple(map(find, names)), data=data, arms=arms)
    figure = drawn_by(lambda: modes(found), monkeypatch)
    (axes,) = figure.axes
    labels = {text.get_text(): text for text in axes.texts}
    assert {name: label.xy for name, label in labels.items()} == dict(
        zip(names, zip(frozen, tuned, strict=True), strict=True)
    )
    for label in labels.values():
        label.update_positions(figure.canvas.get_renderer())
    boxes = [Text.get_window_extent(label).padded(-0.5) for label in labels.values()]
    assert not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
    inside = axes.get_window_extent()
    assert all(box.x0 > inside.x1 and box.x1 < figure.bbox.x1 and box.y0 > 0 for box in boxes)  # beside the points


def test_the_picture_of_scores_has_a_mark_of_the_agent_that_the_data_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn_by(lambda: scores_by_task(results(agents={"cup-catch": 730.0})), monkeypatch)
    (axes,) = figure.axes
    assert [list(line.get_xdata()) for line in axes.lines if line.get_label() == "agent"] == [[73.0, 73.0]]
    assert axes.get_xlim()[1] > 73
