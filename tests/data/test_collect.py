"""Collecting with small numbers: what is in a chunk can be played again, and an interruption changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tiny import tiny_agent
from torch import Tensor

import wmzoo
from wmzoo.agent.build import build_agent
from wmzoo.compute.rng import seed_of
from wmzoo.data import collect as module
from wmzoo.data.chunks import read_chunk
from wmzoo.data.collect import Collector, Disturbed, SampledPolicy, collect, divided, uniform
from wmzoo.envs.task_sets import Task, find
from wmzoo.errors import WmzooError

TWO = (find("pendulum-swingup"), find("cartpole-balance"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collected")
    collect(TWO, [(2, uniform)], folder, 3, {"policy": "random"})
    return folder


def test_a_chunk_has_the_layout_of_td_mpc2(collected: Path) -> None:
    for number, task in enumerate(TWO):
        chunk = read_chunk(collected / f"chunk_{number}.pt")
        assert chunk.obs.shape == (2, 501, 5) and chunk.action.shape == (2, 501, 1) and chunk.reward.shape == (2, 501)
        assert chunk.task.dtype == torch.int32 and (chunk.task == number).all()
        assert chunk.action[:, 0].isnan().all() and chunk.reward[:, 0].isnan().all()
        assert chunk.obs.isfinite().all() and (chunk.obs[..., task.obs_dim :] == 0).all()
        actions = chunk.action[:, 1:]
        assert actions.abs().max() <= 1 and actions.abs().mean() == pytest.approx(0.5, abs=0.05)
        assert not torch.equal(chunk.obs[0], chunk.obs[1])
    facts = json.loads((collected / "tasks.json").read_text())
    assert [task["name"] for task in facts["tasks"]] == ["pendulum-swingup", "cartpole-balance"]


def test_the_actions_played_again_give_the_same_observations_and_rewards(collected: Path) -> None:
    chunk = read_chunk(collected / "chunk_1.pt")
    env = wmzoo.build("env", "dmc", task="cartpole-balance", num_envs=2)
    obs = env.reset(seed_of(3, "collect/cartpole-balance/0"))
    for t in range(501):
        assert torch.equal(chunk.obs[:, t], obs)
        if t < 500:
            transition = env.step(chunk.action[:, t + 1])
            assert torch.equal(chunk.reward[:, t + 1], transition.reward)
            obs = transition.final_obs
    env.close()


def test_the_same_seed_collects_the_same_and_goes_on_where_it_was(
    collected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(task: str, done: int, total: int) -> None:
        if task == "cartpole-balance":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(TWO, [(2, uniform)], tmp_path, 3, {"policy": "random"}, interrupted)
    assert list(files(tmp_path)) == ["chunk_0.pt", "tasks.json"]
    monkeypatch.setattr(module, "uniform", None)
    written: list[str] = []
    real = module.write_chunk
    monkeypatch.setattr(module, "write_chunk", lambda file, chunk: (written.append(file.name), real(file, chunk)))
    collect(TWO, [(2, uniform)], tmp_path, 3, {"policy": "random"})
    assert written == ["chunk_1.pt"] and files(tmp_path) == files(collected)


def test_a_folder_of_another_collection_or_of_something_else_is_refused(collected: Path, tmp_path: Path) -> None:
    with pytest.raises(WmzooError, match="was begun with other tasks, episodes, policy or seed"):
        collect(TWO, [(2, uniform)], collected, 4, {"policy": "random"})
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(WmzooError, match="holds notes, which is not of a collection"):
        collect(TWO, [(2, uniform)], tmp_path, 3, {})


class Counting:
    """B environments of episodes of 2 steps; observations count steps since the reset, over the ends of episodes."""

    obs_dim, act_dim, episode_length = 3, 1, 2

    def __init__(self, num_envs: int, ends: int = 2) -> None:
        self.num_envs, self.ends, self.steps = num_envs, ends, 0

    def reset(self, seed: int) -> Tensor:
        return self.obs()

    def obs(self, more: float = 0.0) -> Tensor:
        return torch.full((self.num_envs, 3), self.steps + more)

    def step(self, actions: Tensor) -> wmzoo.envs.base.Transition:
        self.steps += 1
        done = torch.full((self.num_envs,), self.steps % self.ends == 0)
        return wmzoo.envs.base.Transition(
            self.obs(0.5 * bool(done[0])), torch.ones(self.num_envs), ~done & False, done, self.obs(), None, {}
        )

    def close(self) -> None:
        pass


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    options: dict[str, int] = {}
    monkeypatch.setattr(module, "build", lambda kind, suite, task, num_envs: Counting(num_envs, **options))
    monkeypatch.setattr(module, "MOST_ENVS", 2)
    monkeypatch.setattr(module, "CHUNK_EPISODES", 5)
    yield options


def test_more_episodes_than_environments_are_played_in_rounds_and_more_than_a_chunk_takes_in_files(
    counting: dict[str, int], tmp_path: Path
) -> None:
    collect([Task("pendulum-swingup", 3, 1)], [(8, uniform)], tmp_path, 0, {})
    one, other = (read_chunk(tmp_path / f"chunk_{n}.pt").obs[..., 0].tolist() for n in (0, 1))
    first, second, third = [0, 1, 2], [2.5, 3, 4], [4.5, 5, 6]  # a round begins with the reset observation
    assert one == [first, first, second, second, third] and other == [first, first, second]


def test_episodes_that_end_early_or_unequally_cannot_be_a_chunk(counting: dict[str, int], tmp_path: Path) -> None:
    for ends in (1, 3):
        counting["ends"] = ends
        with pytest.raises(WmzooError, match="pendulum-swingup: an episode has other than 2 steps"):
            collect([Task("pendulum-swingup", 3, 1)], [(2, uniform)], tmp_path, 0, {})


def test_several_policies_play_one_after_the_other_so_many_episodes_each(
    counting: dict[str, int], tmp_path: Path
) -> None:
    def always(value: float) -> Collector:
        return lambda obs, number, act_dim, noise: torch.full((len(obs), act_dim), value)

    collect([Task("pendulum-swingup", 3, 1)], [(6, always(0.25)), (3, always(-0.5))], tmp_path, 0, {})
    files = [read_chunk(tmp_path / f"chunk_{n}.pt").action[:, 1:, 0] for n in range(3)]
    assert [len(file) for file in files] == [5, 1, 3]
    assert torch.cat(files[:2]).eq(0.25).all() and files[2].eq(-0.5).all()


def test_episodes_are_divided_by_weights() -> None:
    assert divided(10, [1, 1]) == [5, 5] and divided(10, [1, 2]) == [3, 7] and divided(3, [1, 1, 1, 1]) == [1, 1, 1, 0]
    assert divided(60, [2.0, 1.0]) == [40, 20] and divided(1, [1e-9, 1]) == [0, 1]


def test_noise_has_its_std_and_a_share_of_the_actions_is_random() -> None:
    def still(obs: Tensor, number: int, act_dim: int, noise: torch.Generator) -> Tensor:
        return torch.full((len(obs), act_dim), 0.1)

    obs, rows = torch.zeros(20_000, 3), torch.Generator().manual_seed(0)
    noisy = Disturbed(still, std=0.2)(obs, 0, 2, rows)
    assert noisy.mean() == pytest.approx(0.1, abs=0.01) and noisy.std() == pytest.approx(0.2, rel=0.02)
    mixed = Disturbed(still, random=0.3)(obs, 0, 2, rows)
    replaced = (mixed != 0.1).any(1)
    assert replaced.float().mean() == pytest.approx(0.3, abs=0.01)
    assert mixed[replaced].std() == pytest.approx(3**-0.5, rel=0.02) and mixed.abs().max() <= 1
    assert Disturbed(still, std=9.0)(obs, 0, 2, rows).abs().max() == 1
    same = [Disturbed(still, 0.2, 0.3)(obs, 0, 2, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*same)


def test_a_policy_is_sampled_on_padded_observations_and_cut_actions() -> None:
    agent = tiny_agent(tasks=True).float()  # observations of 3 numbers, actions of 2, 3 tasks
    policy = SampledPolicy(agent, [Task("narrow", 2, 1), Task("other", 2, 2), Task("wide", 3, 2)])
    obs = torch.tensor([[0.1, 0.2]]).repeat(6, 1)
    actions = policy(obs, 2, 1, torch.Generator().manual_seed(0))
    padded = torch.cat([obs, torch.zeros(6, 1)], 1)
    wanted = agent.act(padded, torch.full((6,), 2), deterministic=False, generator=torch.Generator().manual_seed(0))
    assert torch.equal(actions, wanted[:, :1]) and len(actions.unique()) == 6
    assert not torch.equal(actions, policy(obs, 1, 1, torch.Generator().manual_seed(0)))


def test_a_policy_trained_on_a_set_knows_the_tasks_by_its_own_numbers() -> None:
    agent = tiny_agent(tasks=True).float()
    agent.cfg = OmegaConf.create({"env": {"set": ["cup-catch", "walker-walk", "pendulum-swingup"]}})
    assert SampledPolicy(agent, TWO[:1]).numbers == [2]
    with pytest.raises(WmzooError, match="was not trained on cartpole-balance, but on cup-catch, walker-walk"):
        SampledPolicy(agent, TWO)


def test_a_policy_that_cannot_play_a_task_is_refused() -> None:
    agent = build_agent(wmzoo.compose(["size=tiny"]), 5, 1)
    assert SampledPolicy(agent, TWO[1:])(torch.zeros(2, 5), 0, 1, torch.Generator()).shape == (2, 1)
    with pytest.raises(WmzooError, match="observations of 5 numbers and gives actions of 1, pendulum-swingup has 3"):
        SampledPolicy(agent, TWO)
    with pytest.raises(WmzooError, match="observations of 3 numbers and gives actions of 2, walker-walk has 24 and 6"):
        SampledPolicy(tiny_agent(tasks=True), [find("walker-walk")])
    agent.actor = None
    with pytest.raises(WmzooError, match="a world model alone, which does not act"):
        SampledPolicy(agent, TWO[1:])
