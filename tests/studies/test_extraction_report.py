"""The report of an extraction whose episodes are known."""

import pytest
from synthetic_extraction import results

from wmzoo.studies.extraction_report import words, write_report


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
