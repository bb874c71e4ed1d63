"""Scores of an extraction by arithmetic, and where it is better than its data."""

from synthetic_extraction import results

from wmzoo.envs.task_sets import MT30, MT80


def test_scores_are_those_of_the_episodes_and_data_are_beaten_by_their_return():
    found = results()
    assert found.score("mlp, frozen", MT30[12]) == 45 and found.score("mlp, frozen", MT80[65]) == 50
    assert found.data_score(MT30[12]) == 50 and found.data_score(MT80[65]) is None
    assert found.beaten("mlp, frozen") == (1, 2) and found.beaten("mlp, finetuned") == (1, 2)
