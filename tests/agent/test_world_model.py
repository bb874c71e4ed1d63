"""The world model's parts: tasks, action masks, shapes, first outputs and sizes."""

from __future__ import annotations

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

import wmzoo
from wmzoo.agent.world_model import TaskEmbedding, WorldModel
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.nets import ScalarCode, SimNorm, TwoHotCode, mlp

OBS, ACT, LATENT, TASKS, TASK_DIM = 5, 3, 8, 4, 6
MASKS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])


def world_model(tasks: bool = False, bins: int = 1) -> WorldModel:
    torch.manual_seed(0)
    extra = TASK_DIM if tasks else 0
    code = ScalarCode() if bins == 1 else TwoHotCode(bins)
    return WorldModel(
        encoder=mlp(OBS + extra, [16], LATENT, "mish", last=SimNorm(4)),
        dynamics=MLPDynamics(
            latent_dim=LATENT, action_dim=ACT, task_dim=extra, units=[16], residual="none", simnorm_dim=4
        ),
        reward_head=mlp(LATENT + ACT + extra, [16], code.width, "mish"),
        reward_code=code,
        task_embedding=TaskEmbedding(TASKS, TASK_DIM) if tasks else None,
        action_masks=MASKS if tasks else None,
    )


def with_noise(model: WorldModel) -> WorldModel:
    """Nothing at zero any more."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def on_simplices(z: Tensor) -> bool:
    return bool((z >= 0).all()) and z.unflatten(-1, (-1, 4)).sum(-1).allclose(torch.ones(()))


def test_task_vectors_start_uniform_within_two_hundredths() -> None:
    torch.manual_seed(0)
    table = TaskEmbedding(200, 50).table.weight.detach()
    assert table.abs().max() <= 0.02
    assert table.mean().item() == pytest.approx(0, abs=5e-4)
    assert table.std().item() == pytest.approx(0.04 / 12**0.5, rel=0.03)


def test_a_task_vector_is_never_longer_than_one() -> None:
    embedding = TaskEmbedding(3, 4)
    with torch.no_grad():
        embedding.table.weight.copy_(torch.tensor([[3.0, 0, 0, 4], [0.3, 0, 0, 0.4], [0, 0, 0, 0]]))
    out = embedding(torch.tensor([0, 1, 2]))
    assert out.norm(dim=1).tolist() == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)
    assert out[0].tolist() == pytest.approx([0.6, 0, 0, 0.8], abs=1e-6)


def test_a_task_vector_and_its_gradient_are_those_of_pytorchs_own_limited_embedding() -> None:
    embedding, own = TaskEmbedding(5, 4), torch.nn.Embedding(5, 4, max_norm=1.0)
    with torch.no_grad():
        for table in (embedding.table, own):
            table.weight.copy_(torch.linspace(-2, 2, 20).view(5, 4))
    task = torch.tensor([4, 0, 2, 4])
    for table in (embedding, own):
        table(task).square().sum().backward()
    assert torch.equal(embedding.table.weight[task], own.weight[task])
    assert torch.equal(embedding.table.weight.grad, own.weight.grad)  # type: ignore[arg-type]


@pytest.mark.parametrize("leading", [(7,), (2, 7)])
@pytest.mark.parametrize(("tasks", "bins"), [(False, 1), (True, 1), (True, 11)])
def test_encode_and_reward_take_batches_and_sequences_of_them(leading: tuple[int, ...], tasks: bool, bins: int) -> None:
    model = with_noise(world_model(tasks, bins))
    task = torch.arange(7) % TASKS if tasks else None
    z = model.encode(torch.randn(*leading, OBS), task)
    assert z.shape == (*leading, LATENT) and on_simplices(z)
    raw = model.reward(z, torch.randn(*leading, ACT), task)
    assert raw.shape == (*leading, bins)
    assert model.reward_code.decode(raw).shape == leading


@pytest.mark.parametrize("tasks", [False, True])
def test_a_sequence_is_encoded_and_rewarded_as_its_rows_one_by_one(tasks: bool) -> None:
    model = with_noise(world_model(tasks))
    task = torch.tensor([1, 3]) if tasks else None
    obs, a = torch.randn(3, 2, OBS), torch.randn(3, 2, ACT)
    z = model.encode(obs, task)
    raw = model.reward(z, a, task)
    for t in range(3):
        for b in range(2):
            one = None if task is None else task[b : b + 1]
            assert model.encode(obs[t, b : b + 1], one).allclose(z[t, b : b + 1], atol=1e-6)
            assert model.reward(z[t, b : b + 1], a[t, b : b + 1], one).allclose(raw[t, b : b + 1], atol=1e-5)


@pytest.mark.parametrize(("tasks", "bins"), [(False, 1), (True, 11)])
def test_a_step_is_the_next_latent_and_the_decoded_reward(tasks: bool, bins: int) -> None:
    model = with_noise(world_model(tasks, bins))
    task = torch.tensor([0, 2]) if tasks else None
    z, a = model.encode(torch.randn(2, OBS), task), torch.randn(2, ACT)
    z_next, reward = model.step(z, a, task)
    assert z_next.shape == (2, LATENT) and on_simplices(z_next) and reward.shape == (2,)
    assert torch.equal(z_next, model.next(z, a, task))
    assert torch.equal(reward, model.reward_code.decode(model.reward(z, a, task)))


@pytest.mark.parametrize("bins", [1, 101])
def test_the_first_reward_predicted_is_zero(bins: int) -> None:
    model = world_model(bins=bins)
    _, reward = model.step(model.encode(torch.randn(4, OBS)), torch.randn(4, ACT))
    assert reward.tolist() == pytest.approx([0.0] * 4, abs=1e-5)


def test_actions_a_task_lacks_change_nothing() -> None:
    model, task = with_noise(world_model(tasks=True)), torch.tensor([1, 2])
    z = model.encode(torch.randn(2, OBS), task)
    a, other = torch.randn(2, ACT), torch.randn(2, ACT)
    other[0, 0], other[1, :2] = a[0, 0], a[1, :2]
    for ours, theirs in zip(model.step(z, a, task), model.step(z, other, task), strict=True):
        assert torch.equal(ours, theirs)
    assert model.mask(a, task).tolist() == [[a[0, 0].item(), 0, 0], [*a[1, :2].tolist(), 0]]
    assert model.mask(torch.ones(5, 2, ACT), task).shape == (5, 2, ACT)


def test_no_gradient_reaches_an_action_the_task_lacks() -> None:
    model, task = with_noise(world_model(tasks=True)), torch.tensor([1])
    a = torch.randn(1, ACT, requires_grad=True)
    z_next, reward = model.step(model.encode(torch.randn(1, OBS), task), a, task)
    (z_next[0, 0] + reward.sum()).backward()
    assert a.grad is not None and a.grad[0, 0] != 0 and a.grad[0, 1:].tolist() == [0, 0]


def test_the_task_changes_what_is_encoded_and_predicted() -> None:
    model, obs = with_noise(world_model(tasks=True)), torch.randn(1, OBS)
    one, other = (model.encode(obs, torch.tensor([i])) for i in (0, 3))
    assert not torch.equal(one, other)
    a = torch.randn(1, ACT)
    assert not torch.equal(model.next(one, a, torch.tensor([0])), model.next(one, a, torch.tensor([3])))


def test_a_model_of_several_tasks_asks_which() -> None:
    with pytest.raises(ValueError, match="several tasks: say which"):
        world_model(tasks=True).encode(torch.randn(1, OBS))


def count(cfg: DictConfig, obs_dim: int, act_dim: int) -> int:
    with torch.device("meta"):  # counted, not allocated
        agent = wmzoo.build_agent(cfg, obs_dim, act_dim)
    return sum(p.numel() for p in agent.world_model.parameters())


@pytest.mark.parametrize(
    ("size", "mt30", "mt80"),
    [
        ("1M", 0.632, 0.641),
        ("5M", 1.600, 1.650),
        ("19M", 5.60, 6.77),
        ("48M", 18.98, 19.19),
        ("317M", 108.28, 108.35),
    ],
)
def test_the_sizes_of_td_mpc2_have_its_parameter_counts_in_millions(size: str, mt30: float, mt80: float) -> None:
    cfg = wmzoo.compose([f"size={size}", "recipe=paper", "dynamics=mlp", "model.num_tasks=80"])
    tolerance = 0.0006 if mt30 < 5 else 0.006  # rounding of the published figures
    assert count(cfg, 39, 6) / 1e6 == pytest.approx(mt80, abs=tolerance)
    cfg.model.num_tasks = 30
    if size == "19M":
        cfg.model.latent_dim = 512
    if size in ("5M", "19M", "48M"):
        cfg.model.task_dim = 64
    assert count(cfg, 24, 6) / 1e6 == pytest.approx(mt30, abs=tolerance)


def test_the_counts_by_part_add_up_to_all_parameters() -> None:
    agent = wmzoo.build_agent(wmzoo.compose(["size=tiny", "model.num_tasks=3", "model.task_dim=4"]), 5, 2)
    counts = agent.parameter_counts()
    assert counts["total"] == sum(p.numel() for p in agent.parameters())
    assert counts["task_embedding"] == 12
    heads = {"reward_head", "termination_head"}
    assert set(counts) == {"encoder", "dynamics", *heads, "task_embedding", "actor", "critic", "total"}
