"""TD-MPC2's files: what comes of them computes what they computed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import foreign
import pytest
import torch
from torch import Tensor

import wmzoo
from wmzoo.agent.init_from import init_from
from wmzoo.checkpoints.config import load_config
from wmzoo.errors import WmzooError
from wmzoo.importers.convert import convert
from wmzoo.importers.tdmpc2 import read_tdmpc2
from wmzoo.storage.files import file_sha256

MASKS = torch.tensor([[1.0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
SIZES = {  # of the page: encoder width and layers, units, latent, task vectors and world model in millions: MT30, MT80
    "1M": (256, 2, 384, 128, (96, 0.632), (96, 0.641)),
    "5M": (256, 2, 512, 512, (64, 1.600), (96, 1.650)),
    "19M": (1024, 3, 1024, 768, (64, 5.60), (96, 6.77)),
    "48M": (1792, 4, 1792, 768, (64, 18.98), (96, 19.19)),
    "317M": (4096, 5, 4096, 1376, (96, 108.28), (96, 108.35)),
}


def old(model: foreign.State) -> dict[str, Any]:
    return {"model": model | foreign.unused_by_pwm(model)}


def present(model: foreign.State) -> dict[str, Any]:
    more = foreign.unused_by_pwm_since_november_2024(model)
    return {"model": model | more | ({"_action_masks": MASKS} if "_task_emb.weight" in model else {})}


def bare(model: foreign.State) -> dict[str, Any]:
    return model


def compiled_with_moments(model: foreign.State) -> dict[str, Any]:
    moments = {"state": {0: {"step": torch.tensor(7.0), "exp_avg": torch.randn(3, 4)}}, "param_groups": [{"lr": 3e-4}]}
    return {"model": {f"_orig_mod.{key}": value for key, value in old(model)["model"].items()}, "optim": moments}


def converted(content: dict[str, Any], folder: Path, *overrides: str) -> tuple[Any, list[str]]:
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "mt.pt")
    lines = convert(folder / "mt.pt", folder / "out", overrides)
    return wmzoo.load(folder / "out"), lines


def assert_equal(model: Any, source: foreign.Foreign, tasks: int, rtol: float, masks: Tensor | None = None) -> None:
    """encode, next, reward and the decoded reward, for batches and for sequences of them."""
    dtype = next(iter(source.state.values())).dtype
    obs_dim = source.state[f"{source.encoder}.0.weight"].shape[1]
    latent, inputs = len(source.state["_dynamics.2.bias"]), source.state["_dynamics.0.weight"].shape[1]
    extra = source.state["_task_emb.weight"].shape[1] if tasks else 0
    task = torch.arange(8) % tasks if tasks else None
    generator = torch.Generator().manual_seed(3)

    def close(ours: Tensor, theirs: Tensor) -> None:
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol * theirs.abs().max().item())

    obs = torch.randn(8, obs_dim - extra, generator=generator, dtype=dtype)
    a = torch.rand(8, inputs - latent - extra, generator=generator, dtype=dtype) * 2 - 1
    a = a if masks is None else a * masks[task].to(dtype)
    z = source.encode(obs, task)
    close(model.encode(obs, task), z)
    close(model.next(z, a, task), source.next(z, a, task))
    logits = source.reward(z, a, task)
    close(model.reward(z, a, task), logits)
    close(model.reward_code.decode(model.reward(z, a, task)), foreign.symexp(foreign.two_hot_mean(logits)))


@pytest.mark.slow
@pytest.mark.parametrize("layout", [old, present, bare, compiled_with_moments])
@pytest.mark.parametrize("shape", [{}, {"tasks": 0}, {"encoder": (20, 12, 20), "units": (24, 16)}])
def test_what_is_converted_computes_what_the_file_computed(tmp_path: Path, layout: Any, shape: dict[str, Any]) -> None:
    state = foreign.world_model(**shape)
    tasks = shape.get("tasks", 4)
    agent, _ = converted(layout(state), tmp_path)
    masks = MASKS if layout is present and tasks else None
    assert_equal(agent.world_model, foreign.Foreign(state), tasks, 1e-5, masks)
    agent.world_model.double().reward_code.centred = agent.world_model.reward_code.centred.double()
    rtol = 1e-6 if tasks else 1e-12  # PyTorch divides a long task vector by its length + 1e-7
    assert_equal(agent.world_model, foreign.Foreign(state, torch.float64), tasks, rtol, masks)


def test_a_file_of_the_published_5m_shapes_is_converted(tmp_path: Path) -> None:
    shapes = {"_task_emb.weight": [30, 64], "_encoder.state.0.weight": [256, 88], "_encoder.state.1.weight": [512, 256]}
    shapes |= {f"_{part}.0.weight": [512, 582] for part in ("dynamics", "reward")}
    shapes |= {f"_{part}.1.weight": [512, 512] for part in ("dynamics", "reward")}
    shapes |= {"_dynamics.2.weight": [512, 512], "_reward.2.weight": [101, 512]}
    state = foreign.world_model(24, 6, 30, 64, [256], 512, [512, 512])
    assert {key: list(value.shape) for key, value in state.items() if value.ndim == 2} == shapes
    agent, lines = converted({"model": state}, tmp_path)
    assert lines[0].startswith("TD-MPC2, layout until November 2024: 30 tasks, observations of 24, actions of 6")
    masks = agent.world_model.action_masks
    assert masks.sum(1).tolist() == [6, 6, 6, 6, 2, 2, *[1] * 6, 2, 2, 2, 2, 5, 4, 4, *[6] * 6, 4, 3, 3, 2, 1]
    assert_equal(agent.world_model, foreign.Foreign(state), 30, 1e-5, masks)


@pytest.mark.parametrize("tasks", [30, 80])
@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_each_published_size_is_the_net_that_size_builds(size: str, tasks: int) -> None:
    width, layers, units, latent, *sets = SIZES[size]
    task_dim, millions = sets[tasks == 80]
    latent = 512 if (size, tasks) == ("19M", 30) else latent
    with torch.device("meta"):
        obs, hidden = 24 if tasks == 30 else 39, (layers - 1) * [width]
        state = foreign.world_model(obs, 6, tasks, task_dim, hidden, latent, [units, units])
        words = [f"size={size}", "recipe=paper", "dynamics=mlp", f"model.num_tasks={tasks}"]
        words += [f"model.task_dim={task_dim}", f"model.latent_dim={latent}"]
        agent = wmzoo.build_agent(wmzoo.compose(words), obs, 6)
    assert sum(t.numel() for t in state.values()) / 1e6 == pytest.approx(millions, abs=6e-4 if millions < 5 else 6e-3)
    found = read_tdmpc2({"model": state})
    ours = {key: value.shape for key, value in agent.state_dict().items() if key.startswith("world_model.")}
    theirs = {key: value.shape for key, value in found.weights.items()}
    assert theirs == {key: shape for key, shape in ours.items() if "moments" not in key}
    cfg = wmzoo.compose([*words[1:3], *found.overrides])
    assert len(cfg.model.action_dims) == tasks and cfg.model.action_dims[29] == 1
    assert all(cfg.model[key] == agent.cfg.model[key] for key in ("latent_dim", "encoder_units", "units", "num_bins"))


def test_the_checkpoint_is_a_normal_one_that_tells_where_it_comes_from(tmp_path: Path) -> None:
    state = foreign.world_model()
    agent, lines = converted(old(state), tmp_path, "model.action_dims=[3,1,2,3]", "seed=5")
    digest = file_sha256(tmp_path / "mt.pt")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "converted from TD-MPC2, layout until November 2024." in card and "`mt.pt` (TD-MPC2, " in card
    assert digest in card and "| command | `wmzoo convert mt.pt out 'model.action_dims=[3,1,2,3]' seed=5` |" in card
    assert "z = agent.world_model.encode(obs, task)  # obs [B, 5], task int64 [B] below 4" in card
    cfg = load_config(tmp_path / "out")
    assert cfg.checkpoint.origin.source.sha256 == digest and "env" not in cfg and cfg.seed == 5
    assert agent.actor is None and agent.critic is None and torch.equal(agent.world_model.action_masks, MASKS)
    assert "not used: _Qs, _pi, _target_Qs" in lines
    agent.save(tmp_path / "again")
    assert digest in (tmp_path / "again" / "README.md").read_text()


def test_a_training_starts_with_every_part_of_a_converted_model(tmp_path: Path) -> None:
    converted(old(foreign.world_model()), tmp_path)
    lines = convert(tmp_path / "mt.pt", tmp_path / "two")
    words = shlex.split(lines[-1])
    settings = words[words.index(f"init_from={tmp_path / 'two'}") + 1 :]
    agent = wmzoo.build_agent(wmzoo.compose(settings), 5, 3)
    line = init_from(agent, tmp_path / "out")
    assert "took over encoder, dynamics, reward_head, task_embedding, reward_moments;" in line
    source = wmzoo.load(tmp_path / "out").world_model.state_dict()
    assert all(torch.equal(value, source[key]) for key, value in agent.world_model.state_dict().items())


def test_what_the_file_does_not_tell_is_said(tmp_path: Path) -> None:
    state = foreign.world_model(bins=1) | foreign.layers("_termination", [22, 24, 1], plain_last=True)
    agent, lines = converted({"model": state}, tmp_path)
    said = "\n".join(lines)
    assert "no action masks" in said and "_termination, which predicts the ends of episodes" in said
    assert "one output for the reward" in said and agent.world_model.reward_code.width == 1


def test_half_precision_and_masks_that_are_none_are_told_apart(tmp_path: Path) -> None:
    state = {key: value.half() for key, value in foreign.world_model().items()}
    agent, _ = converted({"model": state}, tmp_path)
    assert_equal(agent.world_model, foreign.Foreign(state), 4, 1e-5)
    with pytest.raises(WmzooError, match="_action_masks is not, for each task, ones and then zeros"):
        read_tdmpc2({"model": foreign.world_model() | {"_action_masks": MASKS.flip(1)}})


def test_latents_without_whole_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WmzooError, match=r"mt.pt: model.latent_dim=12 is no multiple of model.simnorm_dim=8"):
        converted({"model": foreign.world_model(latent=12)}, tmp_path)
    agent, _ = converted({"model": foreign.world_model(latent=12)}, tmp_path, "model.simnorm_dim=4")
    assert agent.world_model.dynamics.net[-1].act.size == 4
