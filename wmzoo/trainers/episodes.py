"""Returns, lengths and successes of the episodes that training environments finish."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.envs.base import Transition
from wmzoo.storage.form import check_form

SUCCESS = ("success", "success_any")
COLUMNS = ("rewards", "episode_length", *SUCCESS)


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
        self.knows_success = False  # the task has told of success at some step
        self.finished: list[tuple[float, int, float, float]] = []
        self.recovered = 0

    def add(self, transition: Transition) -> None:
        """Take in one step of all environments."""
        self.returns += transition.reward.cpu().double()
        self.lengths += 1
        if transition.success is not None:
            self.knows_success = True
            self.succeeded |= transition.success.cpu() > 0
        self.recovered += transition.info.get("recovered", 0)
        done = (transition.terminated | transition.truncated).cpu()
        for env in (done & self.whole).nonzero().flatten().tolist():
            success = 0.0 if transition.success is None else float(transition.success[env])
            success_any = float(self.succeeded[env])
            self.finished.append((float(self.returns[env]), int(self.lengths[env]), success, success_any))
        self.restart(done)

    def restart(self, rows: Tensor) -> None:
        """The episodes of rows[B], bool, begin now."""
        self.whole |= rows
        self.returns[rows], self.lengths[rows], self.succeeded[rows] = 0.0, 0, False

    def take(self) -> dict[str, float | None]:
        """Means over the episodes finished since the last call; None where there were none; and the count `recovered`.

        `success` is that of their last steps, `success_any` whether any step was one; None until the task has told of
        one. A step at which it tells nothing is none.
        """
        episodes, self.finished = self.finished, []
        means: dict[str, float | None] = dict.fromkeys(COLUMNS)
        if episodes:
            means |= {name: sum(c) / len(c) for name, c in zip(COLUMNS, zip(*episodes, strict=True), strict=True)}
        if not self.knows_success:
            means |= dict.fromkeys(SUCCESS)
        recovered, self.recovered = self.recovered, 0
        return {**means, "recovered": recovered}

    def state_dict(self) -> dict[str, Tensor]:
        """What `load_state_dict` needs; episodes that ended and were not taken yet, in an unfinished warm-up, too."""
        running = {"whole": self.whole, "returns": self.returns, "lengths": self.lengths}
        success = {"succeeded": self.succeeded, "knows_success": torch.tensor(self.knows_success)}
        finished = torch.tensor(self.finished, dtype=torch.float64).view(-1, 4)
        return running | success | {"finished": finished, "recovered": torch.tensor(self.recovered)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken. ValueError for that of other environments."""
        new = EpisodeTracker(torch.zeros_like(self.lengths)).state_dict()
        older = ("succeeded", "knows_success", "finished", "recovered")  # states lack these, some or all
        state = {name: new[name] for name in older} | state
        finished = state["finished"]
        check_form(state, self.state_dict() | {"finished": torch.empty(len(finished), 4).double()}, "episodes")
        self.whole, self.returns, self.lengths = (state[name].clone() for name in ("whole", "returns", "lengths"))
        self.succeeded, self.knows_success = state["succeeded"].clone(), bool(state["knows_success"])
        self.finished = [(total, int(steps), *success) for total, steps, *success in finished.tolist()]
        self.recovered = int(state["recovered"])
