"""Returns, lengths and successes of the episodes that training environments finish."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.envs.base import Transition
from wmzoo.storage.form import check_form

COLUMNS = ("rewards", "episode_length", "success", "success_any")


class EpisodeTracker:
    """Adds up rewards per environment, and counts the simulations that failed and began anew.

    An episode whose beginning was not seen (a staggered start) is left out.

    Args:
        elapsed: int64[B], the steps each running episode had already taken.
    """

    def __init__(self, elapsed: Tensor) -> None:
        self.whole = elapsed == 0
        self.returns = torch.zeros(len(elapsed), dtype=torch.float64)
        self.lengths = torch.zeros(len(elapsed), dtype=torch.long)
        self.succeeded = torch.zeros(len(elapsed), dtype=torch.bool)  # at any step so far
        self.finished: list[tuple[float, int, float | None, float | None]] = []
        self.recovered = 0

    def add(self, transition: Transition) -> None:
        """Take in one step of all environments."""
        self.returns += transition.reward.cpu().double()
        self.lengths += 1
        if transition.success is not None:
            self.succeeded |= transition.success.cpu() > 0
        self.recovered += transition.info.get("recovered", 0)
        done = (transition.terminated | transition.truncated).cpu()
        for env in (done & self.whole).nonzero().flatten().tolist():
            success = None if transition.success is None else float(transition.success[env])
            success_any = None if transition.success is None else float(self.succeeded[env])
            self.finished.append((float(self.returns[env]), int(self.lengths[env]), success, success_any))
        self.whole |= done
        self.returns[done], self.lengths[done], self.succeeded[done] = 0.0, 0, False

    def take(self) -> dict[str, float | None]:
        """Means over the episodes finished since the last call; None where there were none; and the count `recovered`.

        `success` is that of their last steps, `success_any` whether any step was one; None where the task knows none.
        """
        episodes, self.finished = self.finished, []
        columns = zip(*episodes, strict=True) if episodes else [(None,)] * len(COLUMNS)
        means = (None if column[0] is None else sum(column) / len(column) for column in columns)
        recovered, self.recovered = self.recovered, 0
        return {**dict(zip(COLUMNS, means, strict=True)), "recovered": recovered}

    def state_dict(self) -> dict[str, Tensor]:
        """What `load_state_dict` needs; taken between iterations, when no finished episode is pending."""
        running = {"whole": self.whole, "returns": self.returns, "lengths": self.lengths}
        return running | {"succeeded": self.succeeded}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken. ValueError for that of other environments."""
        check_form({"succeeded": self.succeeded, **state}, self.state_dict(), "episodes")
        self.whole, self.returns, self.lengths = (state[name].clone() for name in ("whole", "returns", "lengths"))
        self.succeeded = state.get("succeeded", torch.zeros_like(self.whole)).clone()  # older states have none
