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
