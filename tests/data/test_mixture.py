"""What `--policy` can say, and what a collection then notes."""

from __future__ import annotations

from pathlib import Path

import pytest

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.data.collect import Disturbed, SampledPolicy, uniform
from wmzoo.data.mixture import Player, mixture, read_player
from wmzoo.envs.task_sets import find
from wmzoo.errors import WmzooError


def test_a_policy_is_read_with_its_part_its_noise_and_its_share_of_random_actions() -> None:
    assert read_player("random") == Player("random")
    assert read_player("runs/a,random=0.1,weight=3,noise=0.2") == Player("runs/a", 3.0, 0.2, 0.1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("runs/a,nois=1", "unknown setting 'nois': did you mean noise"),
        ("runs/a,noise=loud", "could not convert string to float: 'loud'"),
        ("runs/a,weight=0", "weight is above 0"),
        ("runs/a,weight=nan", "weight is above 0"),
        ("runs/a,random=1.5", "random a share from 0 to 1"),
    ],
)
def test_another_form_is_refused(text: str, says: str) -> None:
    with pytest.raises(WmzooError, match=f"--policy {text}: .*{says}"):
        read_player(text)


def test_a_mixture_is_what_each_policy_plays_and_says_which_weights_that_were(tmp_path: Path) -> None:
    build_agent(wmzoo.compose(["size=tiny"]), 3, 1).save(tmp_path / "agent")
    players = [Player("random"), Player(str(tmp_path / "agent"), weight=2.0, noise=0.1), Player("random", 1e-6)]
    made = mixture(players, 9, [find("pendulum-swingup")])
    (first, random), (second, noisy) = made.played
    assert (first, second) == (3, 6) and random is uniform and isinstance(noisy, Disturbed) and noisy.std == 0.1
    assert isinstance(noisy.policy, SampledPolicy) and made.cfg is noisy.policy.agent.cfg
    assert [facts["episodes"] for facts in made.facts] == [3, 6, 0]
    assert made.facts[1]["noise"] == 0.1 and len(made.facts[1]["sha256"]) == 64 and "sha256" not in made.facts[0]
