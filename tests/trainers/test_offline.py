"""A policy out of data learns as one that acts does, and says how far it leaves the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from chunk_files import write_chunks

from wmzoo.agent.build import build_agent
from wmzoo.compute.rng import stream
from wmzoo.config.composition import compose
from wmzoo.data.chunks import Chunk
from wmzoo.data.convert import convert
from wmzoo.envs.task_sets import Task
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_pwm
from wmzoo.trainers.base import Trainer
from wmzoo.trainers.build import STREAMS, build_trainer, check_given
from wmzoo.trainers.offline import OfflineTrainer

SETTINGS = ["trainer=offline", "size=tiny", "dynamics=mlp", "env=cartpole_swingup", "eval.episodes=2", "device=cpu"]
SETTINGS += ["env.episode_length=20", "trainer.batch_size=16", "model.batch_size=16"]


class Quiet:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: False


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Where data and a model are: random numbers, and weights none of which is zero."""
    folder = tmp_path_factory.mktemp("given")
    chance = torch.Generator().manual_seed(0)
    obs, reward = torch.randn(6, 31, 5, generator=chance), torch.randn(6, 31, generator=chance)
    action = 2 * torch.rand(6, 31, 1, generator=chance) - 1
    chunks = write_chunks(folder / "chunks", Chunk(obs, action, reward, torch.zeros(6, 31, dtype=torch.int32)))
    convert([chunks], folder / "data", [Task("cartpole-swingup", 5, 1)])
    agent = build_agent(compose([*SETTINGS, "recipe.termination=false"]), 5, 1)
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=chance))
    agent.save(folder / "model")
    return [f"data.dir={folder / 'data'}", f"init_from={folder / 'model'}"]


def trainer_of(given: list[str], *more: str) -> tuple[OfflineTrainer, Any]:
    found, cfg = build_trainer(compose([*SETTINGS, *given, *more]), lambda agent: Quiet())  # type: ignore[arg-type,return-value]
    assert isinstance(found, OfflineTrainer)
    return found, cfg


def weights(pwm: PWM) -> dict[str, torch.Tensor]:
    found = {f"agent.{name}": value for name, value in pwm.agent.state_dict().items()}
    if pwm.target is not None:
        found |= {f"target.{name}": value for name, value in pwm.target.state_dict().items()}
    return found if pwm.entropy is None else found | {"log_coef": pwm.entropy.log_coef}


@pytest.mark.parametrize("more", [[], ["recipe.imagination_horizon=5", "recipe.samples=2"], ["recipe=first"]])
def test_its_policy_is_updated_as_that_of_an_online_run_is(given: list[str], more: list[str]) -> None:
    """From the same states, by the same recipe: entropy, target critics and horizons are those of trainer=online."""
    model = given[1].partition("=")[2]
    own = ["init_from_allow=[recipe,dynamics]", *more] if "recipe=first" in more else more
    if "recipe=first" in more:  # whose model has other activations and coordinates
        agent = build_agent(compose([*SETTINGS, *more]), 5, 1)
        agent.save(Path(f"{model}-first"))
        given = [given[0], f"init_from={model}-first"]
    trainer, _ = trainer_of(given, *own)
    online, _ = build_trainer(
        compose([*SETTINGS[1:], *own, *given[1:], "trainer=online", "env.num_envs=2", "trainer.buffer_size=200"]),
        lambda agent: Quiet(),  # type: ignore[arg-type,return-value]
    )
    seen: list[torch.Tensor] = []
    update = trainer.pwm.update_actor
    trainer.pwm.update_actor = lambda obs, *rest, **named: (seen.append(obs), update(obs, *rest, **named))[1]  # type: ignore[method-assign]
    for _ in range(3):
        trainer.learn()
    for obs in seen:  # as OnlineTrainer._policy_updates does
        rollout, _ = online.pwm.update_actor(obs, online.imagination_horizon)  # type: ignore[attr-defined]
        online.pwm.update_critic(rollout)  # type: ignore[attr-defined]
    mine, theirs = weights(trainer.pwm), weights(online.pwm)  # type: ignore[attr-defined]
    assert mine.keys() == theirs.keys() and len(seen) == 3
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
    assert ("log_coef" in mine) == ("target.layers.0.weight" in mine) == ("recipe=first" not in more)


def test_the_states_that_it_starts_from_are_the_data_s(given: list[str]) -> None:
    trainer, _ = trainer_of(given)
    trainer.learn()
    starts = trainer.last[0].slices.obs[0]
    known = trainer.data.shards[0].obs
    assert all((known == row).all(1).any() for row in starts) and len(starts.unique(dim=0)) > 8


def test_telling_where_the_data_end_changes_no_policy(given: list[str]) -> None:
    told, _ = trainer_of(given)
    untold, _ = trainer_of(given, "recipe.disagreement_heads=0")
    for trainer in (told, untold):
        for _ in range(2):
            trainer.learn()
    for name, tensor in weights(untold.pwm).items():
        assert torch.equal(tensor, weights(told.pwm)[name]), name
    row = told.assess()
    assert 0 <= row["off_data"] <= 1 and 0 <= row["off_data_imagined"] <= 1
    assert "off_data" not in untold.assess() and "disagreement" not in untold.pwm.state_dict()


def test_episodes_that_repeat_the_data_are_not_off_them_and_others_are(given: list[str]) -> None:
    trainer, _ = trainer_of(given)
    for _ in range(60):
        trainer.pwm.update_disagreement(trainer.data.sample(64, 8).slices)
    drawn = trainer.data.sample(16, 8).slices
    trainer.learn()

    def episodes(actions: torch.Tensor) -> float:
        def evaluate() -> Evaluation:
            with torch.no_grad():  # what `agent.act` does, with other actions
                for obs, action in zip(drawn.obs, actions, strict=False):
                    hooks = trainer.agent.actor._forward_hooks.values()
                    for hook in hooks:
                        hook(trainer.agent.actor, (trainer.agent.world_model.encode(obs),), action)
            return Evaluation((0.0,), (1,), None)

        trainer.evaluate = evaluate
        return float(trainer.assess()["off_data"])

    assert episodes(drawn.actions) < 0.2 < 0.5 < episodes(drawn.actions + 8)


@pytest.mark.parametrize("key", ["recipe.disagreement_penalty=0.5", "recipe.bc_alpha=2.5"])
def test_what_only_a_policy_from_data_follows_is_refused_where_one_acts(given: list[str], key: str) -> None:
    with pytest.raises(WmzooError, match=rf"{key.partition('=')[0]} is of policies learned from data: trainer=online"):
        check_given(compose(["size=tiny", key]))
    trainer, _ = trainer_of(given, key)
    row = trainer.learn()
    assert ("bc_loss" in row) == ("bc" in key)


def test_the_diagnostics_of_such_a_policy_ask_no_network_that_learned_nothing(given: list[str]) -> None:
    trainer, cfg = trainer_of(given, "recipe.disagreement_penalty=0.5")
    assert isinstance(trainer, Trainer)
    streams = {name: stream(0, name) for name in STREAMS}
    assert build_pwm(cfg, trainer.agent, streams).disagreement is None
