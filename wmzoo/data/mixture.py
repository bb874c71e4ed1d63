"""Which policies a collection is of, as `wmzoo data collect --policy runs/a,weight=2,noise=0.1,random=0.2` says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from omegaconf import DictConfig

from wmzoo.agent.load import load
from wmzoo.checkpoints.config import check_config
from wmzoo.checkpoints.find import WEIGHTS, locate
from wmzoo.data.collect import Collector, Disturbed, SampledPolicy, divided, uniform
from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError, unknown
from wmzoo.storage.files import file_sha256

RANDOM = "random"


@dataclass(frozen=True)
class Player:
    """A part of the episodes.

    policy: `random`, or what `locate` takes. weight: of the part, relative to the others. noise, random: see Disturbed.
    """

    policy: str
    weight: float = 1.0
    noise: float = 0.0
    random: float = 0.0


def read_player(text: str) -> Player:
    """WmzooError, in one line, for another form, and for numbers that make no sense."""
    policy, *words = text.split(",")
    pairs = [word.partition("=") for word in words]
    for key, _, _ in pairs:
        if key not in ("weight", "noise", "random"):
            raise WmzooError(f"--policy {text}: {unknown('setting', key, ['weight', 'noise', 'random'])}")
    try:
        player = Player(policy, **{key: float(value) for key, _, value in pairs})
    except ValueError as error:
        raise WmzooError(f"--policy {text}: {error}") from error
    if not (0 < player.weight < float("inf") and 0 <= player.noise < float("inf") and 0 <= player.random <= 1):
        raise WmzooError(f"--policy {text}: weight is above 0, noise 0 or more, random a share from 0 to 1")
    return player


class Mixture(NamedTuple):
    """played: what `collect` plays. facts: of each player, with its episodes of every task, and of its weights.
    cfg: of the first agent among them; None for random actions alone."""

    played: list[tuple[int, Collector]]
    facts: list[dict[str, Any]]
    cfg: DictConfig | None


def mixture(players: Sequence[Player], episodes: int, tasks: Sequence[Task]) -> Mixture:
    """Whole numbers of episodes by the players' weights. WmzooError for a policy that is not there or cannot play."""
    made = Mixture([], [], None)
    for player, count in zip(players, divided(episodes, [player.weight for player in players]), strict=True):
        policy: Collector = uniform
        facts = {**asdict(player), "episodes": count}
        if player.policy != RANDOM:
            bundle = locate(player.policy)
            agent = load(bundle)
            check_config(bundle, agent.cfg, ("threads", "model.latent_dim"))
            policy = SampledPolicy(agent, tasks)
            facts |= {"policy": str(bundle), "sha256": file_sha256(bundle / WEIGHTS)}
            made = made._replace(cfg=made.cfg or agent.cfg)
        if player.noise or player.random:
            policy = Disturbed(policy, player.noise, player.random)
        made.facts.append(facts)
        if count:
            made.played.append((count, policy))
    return made
