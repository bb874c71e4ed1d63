"""A card's metadata are what huggingface_hub itself reads and writes, and tell a result only where one was measured."""

from __future__ import annotations

from typing import Any

import pytest
from hub_stub import Hub

import wmzoo
from wmzoo.checkpoints.card import model_card
from wmzoo.registry import get, list_entries

huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: wmzoo[hub]")
NAMES = list_entries("checkpoint")


def card(name: str, licence: str = "apache-2.0") -> Any:
    return huggingface_hub.ModelCard(model_card(wmzoo.load(name), f"hf:me/{name}", licence))


@pytest.mark.parametrize("name", NAMES[:2])
def test_the_library_reads_from_it_what_was_measured(name: str) -> None:
    found, result = card(name).data, get("checkpoint", name).facts["result"]
    assert (found.library_name, found.pipeline_tag, found.license) == ("wmzoo", "reinforcement-learning", "apache-2.0")
    assert {"reinforcement-learning", "world-model", name.rpartition("-")[2], "cartpole-swingup"} <= set(found.tags)
    assert found.model_name == f"me/{name}"
    (measured,) = found.eval_results
    assert measured == huggingface_hub.EvalResult(
        task_type="reinforcement-learning",
        task_name="reinforcement-learning",
        dataset_type="cartpole-swingup",
        dataset_name="cartpole-swingup",
        metric_type="mean_reward",
        metric_name="mean return of the deterministic policy",
        metric_value=result["mean"],
        metric_args={
            "std": result["std"],
            "episodes": 10,
            "evaluation_seed": result["seed"],
            "training_seed": 0,
            "agent_steps": 100_352,
        },
    )


def test_the_library_would_write_the_same(hub: Hub) -> None:
    """Its own metadata, made of its own results, are those of the card; and the hub validates it."""
    made = card(NAMES[0])
    assert huggingface_hub.ModelCardData(**made.data.to_dict()).to_dict() == made.data.to_dict()
    again = huggingface_hub.ModelCardData(model_name=made.data.model_name, eval_results=made.data.eval_results)
    assert again.to_dict()["model-index"] == made.data.to_dict()["model-index"]
    made.validate()
    with pytest.raises(ValueError, match="must be one of"):
        card(NAMES[0], "my own").validate()


def test_without_a_measurement_there_is_no_result_and_without_a_licence_none_is_claimed() -> None:
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", "dynamics=gaussian"]), obs_dim=5, act_dim=1)
    found = huggingface_hub.ModelCard(model_card(agent, "mine")).data
    assert found.eval_results is None and found.license == "unknown" and "gaussian" in found.tags
