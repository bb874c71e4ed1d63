"""The replay ring against a plain list of episodes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from chronicle import LONGEST, NUM_ENVS, Chronicle, replay_of
from hypothesis import given, settings
from hypothesis import strategies as st

from wmzoo.data.replay import ReplayBuffer


def columns(replay: ReplayBuffer, batch: int, horizon: int) -> list[tuple[float, ...]]:
    slices = replay.sample(batch, horizon)
    assert slices.obs.shape == (horizon + 1, batch, 1)
    assert slices.actions.shape == (horizon, batch, 1) and slices.rewards.shape == (horizon, batch)
    together = torch.cat([slices.obs.squeeze(-1), slices.actions.squeeze(-1), slices.rewards])
    return [tuple(column) for column in together.T.tolist()]


ENDS = st.lists(st.sampled_from([0, 0, 0, 0, 1, 2]), min_size=NUM_ENVS, max_size=NUM_ENVS)
STEPS = st.lists(ENDS, max_size=60)


@settings(max_examples=150)
@given(steps=STEPS, horizon=st.integers(1, 5), rows=st.integers(LONGEST + 2, 24))
def test_every_slice_is_a_piece_of_one_episode_and_all_recent_ones_are_found(
    steps: list[list[int]], horizon: int, rows: int
) -> None:
    chronicle = Chronicle(replay_of(rows))
    for ends in steps:
        chronicle.step(ends)
    possible = chronicle.slices(horizon)
    latest = {  # each environment's latest rows are certainly still there
        piece for piece in possible if max(piece) > chronicle.number - 3 * NUM_ENVS and horizon < LONGEST - 1
    }
    if not possible:
        with pytest.raises(ValueError, match=f"no episode in the replay has {horizon} steps"):
            chronicle.replay.sample(4, horizon)
        return
    try:
        sampled = set(columns(chronicle.replay, 400, horizon))
    except ValueError:  # what there was has been overwritten by shorter episodes
        assert not latest
        return
    assert sampled <= possible
    assert latest <= sampled


SPOILT = st.lists(st.sampled_from([None] * 6 + ["reward", "obs"]), min_size=NUM_ENVS, max_size=NUM_ENVS)


@given(steps=st.lists(st.tuples(ENDS, SPOILT), min_size=4, max_size=40))
def test_no_slice_holds_a_step_that_is_not_finite(steps: list[tuple[list[int], list[str | None]]]) -> None:
    chronicle = Chronicle(replay_of(60))
    for ends, spoilt in steps:
        chronicle.step(ends, spoilt)
    finite = {piece for piece in chronicle.slices(2) if all(map(math.isfinite, piece))}
    before = {piece for piece in chronicle.slices(3) if all(map(math.isfinite, piece))}
    try:
        sampled = set(columns(chronicle.replay, 400, 2))
    except ValueError:
        assert not before
        return
    assert sampled <= finite
    # What is lost beside is the step after a spoilt reward: every other piece of a longer finite one is there.
    assert {(*piece[1:4], *piece[5:7], *piece[8:]) for piece in before} <= sampled


def test_a_ring_barely_longer_than_an_episode_gives_no_slice_across_its_seam() -> None:
    chronicle = Chronicle(replay_of(LONGEST + 2))
    for _ in range(LONGEST):
        chronicle.step([0] * NUM_ENVS)
    sampled = columns(chronicle.replay, 200, 2)
    assert set(sampled) <= chronicle.slices(2)
    assert len(set(sampled)) == NUM_ENVS * (LONGEST - 1)


def test_slices_are_drawn_uniformly() -> None:
    chronicle = Chronicle(replay_of(40))
    torch.manual_seed(0)
    for _ in range(60):
        chronicle.step((torch.rand(NUM_ENVS) < 0.2).int().tolist())
    drawn = columns(chronicle.replay, 20_000, 3)
    counts = {piece: drawn.count(piece) for piece in set(drawn)}
    expected = len(drawn) / len(counts)
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    degrees = len(counts) - 1
    assert len(counts) > 15
    assert abs(chi_square - degrees) < 4 * math.sqrt(2 * degrees)


@pytest.mark.parametrize("steps", [25, 73], ids=["filling", "full, over its seam"])
def test_recent_rows_are_drawn_in_proportion_to_their_rank(steps: int) -> None:
    """κ = 3: of N rows the one of rank r, the oldest first, with probability ((r+1)³ − r³)/N³."""
    chronicle = Chronicle(replay_of(30, recency=3.0))
    for step in range(steps):
        chronicle.step([2 * (step % 5 == 4)] * NUM_ENVS)
    replay = chronicle.replay
    drawn = torch.tensor([column[0] for column in columns(replay, 30_000, 1)])
    rows = replay.filled
    counts, expected = [], []
    for env in range(NUM_ENVS):
        for age in range(1, rows):
            row = (replay.head[env] - age) % replay.rows
            if replay.episode[row, env] == replay.episode[(row + 1) % replay.rows, env] != -1:
                counts.append(int((drawn == replay.obs[row, env, 0]).sum()))
                expected.append((rows - age) ** 3 - (rows - 1 - age) ** 3)
    total = sum(expected)
    wanted = [len(drawn) * each / total for each in expected]
    chi_square = sum((count - want) ** 2 / want for count, want in zip(counts, wanted, strict=True) if want > 5)
    degrees = sum(want > 5 for want in wanted) - 1
    assert sum(counts) == len(drawn) and degrees > 20
    assert chi_square - degrees < 4 * math.sqrt(2 * degrees)


def test_rare_recent_slices_are_drawn_by_rank_too() -> None:
    """Two whole slices of 5 steps per environment, the first ever written and one in the middle: 1 and 1.5³ … apart."""
    chronicle = Chronicle(replay_of(700, recency=2.0))
    for length in (LONGEST - 1, 1, 1, 1) * 2:
        for step in range(length):
            chronicle.step([int(step == length - 1)] * NUM_ENVS)
    for _ in range(300):
        chronicle.step([1] * NUM_ENVS)
    replay = chronicle.replay
    drawn = columns(replay, 8_000, 5)
    wanted = {}
    for piece in chronicle.slices(5):
        row, env = (replay.obs[..., 0] == piece[0]).nonzero()[0].tolist()
        rank = replay.filled - 1 - (int(replay.head[env]) - row)
        wanted[piece] = (rank + 1) ** 2 - rank**2
    assert len(wanted) == 2 * NUM_ENVS and set(drawn) <= set(wanted)
    for piece, weight in wanted.items():
        share = weight / sum(wanted.values())
        assert abs(drawn.count(piece) - 8_000 * share) < 4 * math.sqrt(8_000 * share)


def test_where_tasks_end_by_themselves_slices_say_at_which_step() -> None:
    chronicle = Chronicle(replay_of(60, terminates=True))
    for ends in ([0, 0], [0, 0], [1, 2], [0, 0], [0, 1], [2, 0], [0, 0]):
        chronicle.step(ends)
    slices = chronicle.replay.sample(300, 2)
    assert slices.terminated is not None and slices.terminated.shape == (2, 300)
    assert not slices.terminated[0].any()
    ended = {float(obs) for obs, end in zip(slices.obs[-1, :, 0], slices.terminated[-1], strict=True) if end}
    last = [chronicle.episodes[number]["obs"][-1] for number in (0, 3)]  # the episodes that did not end by their length
    assert ended == set(last)
    assert chronicle.replay.state_dict()["terminated"].sum() == 2


def test_rare_whole_slices_are_drawn_uniformly_too() -> None:
    chronicle = Chronicle(replay_of(700))
    for _ in range(LONGEST):
        chronicle.step([0] * NUM_ENVS)
    for _ in range(300):
        chronicle.step([1] * NUM_ENVS)
    drawn = columns(chronicle.replay, 4_000, 5)
    counts = [drawn.count(piece) for piece in chronicle.slices(5)]
    assert len(counts) == 2 * NUM_ENVS and sum(counts) == 4_000
    assert max(abs(count - 1000) for count in counts) < 4 * math.sqrt(1000 * 0.75)


def test_a_slice_that_starts_in_the_rings_last_row_is_found() -> None:
    chronicle = Chronicle(replay_of(LONGEST + 2))
    chronicle.step([1, 1])
    for step in range(LONGEST - 2):
        chronicle.step([2 * (step == LONGEST - 3)] * NUM_ENVS)
    assert chronicle.replay.head.tolist() == [LONGEST + 1] * NUM_ENVS
    for _ in range(3):  # the running episodes began in the last row
        chronicle.step([0] * NUM_ENVS)
    assert chronicle.replay.filled == LONGEST + 2
    drawn = set(columns(chronicle.replay, 200, 2))
    assert {piece for piece in drawn if piece[0] in [chronicle.episodes[e]["obs"][0] for e in chronicle.running]}


def test_old_rows_are_overwritten_and_the_ring_fills_up() -> None:
    chronicle = Chronicle(replay_of(LONGEST + 4))
    assert len(chronicle.replay) == NUM_ENVS
    for _ in range(100):
        chronicle.step([0] * NUM_ENVS)
    assert len(chronicle.replay) == NUM_ENVS * (LONGEST + 4)
    oldest = chronicle.number - 3 * NUM_ENVS * (LONGEST + 5)
    assert min(min(piece) for piece in columns(chronicle.replay, 200, 2)) > oldest


def test_only_short_episodes_raise_and_say_so() -> None:
    chronicle = Chronicle(replay_of(20))
    for _ in range(8):
        chronicle.step([1] * NUM_ENVS)
    assert columns(chronicle.replay, 3, 1)
    with pytest.raises(ValueError, match="no episode in the replay has 2 steps yet"):
        chronicle.replay.sample(3, 2)


def test_a_ring_shorter_than_an_episode_is_refused_with_the_size_it_needs() -> None:
    with pytest.raises(ValueError, match=r"set the capacity to at least 16"):
        replay_of(LONGEST + 1)


@pytest.mark.parametrize("kind", [{}, {"recency": 2.0, "terminates": True}], ids=["uniform", "recent, with ends"])
def test_a_saved_replay_goes_on_exactly(kind: dict[str, Any]) -> None:
    one = Chronicle(replay_of(12, **kind))
    for i in range(20):
        one.step([0, int(i % 5 == 0)])
    other = replay_of(12, seed=99, **kind)
    state = {name: value.clone() for name, value in one.replay.state_dict().items()}
    other.load_state_dict(state)
    expected = columns(one.replay, 50, 2)
    assert columns(other, 50, 2) == expected
    assert len(other) == len(one.replay)
    one.replay, before = other, one.slices(2)
    one.step([0, 0])
    assert any(piece not in before for piece in columns(other, 400, 2))


def test_sampled_slices_are_copies() -> None:
    chronicle = Chronicle(replay_of(12))
    for _ in range(5):
        chronicle.step([0] * NUM_ENVS)
    slices = chronicle.replay.sample(8, 2)
    before = slices.obs.clone()
    for _ in range(30):
        chronicle.step([0] * NUM_ENVS)
    assert torch.equal(slices.obs, before)


@pytest.mark.parametrize(("obs_dim", "act_dim"), [(5, 1), (17, 6)])
def test_a_million_steps_take_at_most_a_fifth_more_than_their_numbers(obs_dim: int, act_dim: int) -> None:
    """With an extra row per episode, too."""
    envs, steps, episode = 50, 1_000_000, 500
    with torch.device("meta"):
        replay = ReplayBuffer(steps + steps // episode, envs, obs_dim, act_dim, episode, torch.Generator())
    held = sum(tensor.nbytes for tensor in vars(replay).values() if isinstance(tensor, torch.Tensor))
    assert held <= 1.2 * 4 * steps * (obs_dim + act_dim + 1)
