"""Chunks for tests, and the files that tensordict writes of them, as the public code does: torch.save(TensorDict)."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from wmzoo.data.chunks import Chunk, write_chunk

# Of known_chunk(), by tensordict 0.2.1, the generation of the published files: python tests/chunk_files.py FILE
OLD_FILE = Path(__file__).parent / "data" / "files" / "tensordict-0.2.1.pt"
NAN = float("nan")


def known_chunk() -> Chunk:
    """4 episodes of 3 steps; obs [4,4,3] and action [4,4,2] count up, rewards are multiples of an eighth."""
    obs = torch.arange(48).view(4, 4, 3) / 4
    action, reward = torch.arange(32).view(4, 4, 2) / 32, torch.arange(16).view(4, 4) / 8
    action[:, 0], reward[:, 0] = NAN, NAN
    return Chunk(obs, action, reward, torch.tensor([0, 0, 1, 1], dtype=torch.int32)[:, None].repeat(1, 4))


def told_chunk(tasks: list[int], steps: int, widths: tuple[int, int] = (4, 2), first: int = 0) -> Chunk:
    """Episodes whose numbers tell where they are from: obs = (task, episode, t, 0…), action = (10 t + episode, 0…),
    reward = 1000 episode + t. Episodes are counted from `first`; row 0 has garbage, not NaN, as the first release does.
    """
    task = torch.tensor(tasks, dtype=torch.int32)[:, None].repeat(1, steps + 1)
    episode = (first + torch.arange(len(tasks)))[:, None].expand_as(task).float()
    t = torch.arange(steps + 1).expand_as(task).float()
    obs, action = torch.zeros(*task.shape, widths[0]), torch.zeros(*task.shape, widths[1])
    for column, values in enumerate((task, episode, t)):
        obs[..., column] = values
    action[..., 0] = 10 * t + episode
    reward = 1000 * episode + t
    action[:, 0], reward[:, 0] = -7e30, -9e30
    return Chunk(obs, action, reward, task)


def write_chunks(folder: Path, *chunks: Chunk) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, chunk in enumerate(chunks):
        write_chunk(folder / f"chunk_{number}.pt", chunk)
    return folder


def same(one: Chunk, other: Chunk) -> bool:
    return all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    from tensordict import TensorDict

    chunk = known_chunk()
    torch.save(TensorDict(chunk._asdict(), batch_size=chunk.reward.shape), sys.argv[1])
