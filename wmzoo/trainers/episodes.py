"""Returns and lengths of the episodes that training environments finish."""

from __future__ import annotations

import torch
from torch import Tensor

from wmzoo.envs.base import Transition


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
        self.finished: list[tuple[float, int, float | None]] = []
        self.recovered = 0

    def add(self, transition: Transition) -> None:
        """Take in one step of all environments."""
        self.returns += transition.reward.cpu().double()
        self.lengths += 1
        self.recovered += transition.info.get("recovered", 0)
        done = (transition.terminated | transition.truncated).cpu()
        for env in (done & self.whole).nonzero().flatten().tolist():
            success = None if transition.success is None else float(transition.success[env])
            self.finished.append((float(self.returns[env]), int(self.lengths[env]), success))
        self.whole |= done
        self.returns[done], self.lengths[done] = 0.0, 0

    def take(self) -> dict[str, float | None]:
        """Means over the episodes finished since the last call, None where there were none; and `recovered`."""
        episodes, self.finished = self.finished, []
        recovered, self.recovered = self.recovered, 0
        if not episodes:
            return {"rewards": None, "episode_length": None, "success": None, "recovered": recovered}
        returns, lengths, successes = zip(*episodes, strict=True)
        return {
            "recovered": recovered,
            "rewards": sum(returns) / len(returns),
            "episode_length": sum(lengths) / len(lengths),
            "success": None if successes[0] is None else sum(successes) / len(successes),
        }

    def state_dict(self) -> dict[str, Tensor]:
        """What `load_state_dict` needs; taken between iterations, when no finished episode is pending."""
        return {"whole": self.whole, "returns": self.returns, "lengths": self.lengths}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken."""
        self.whole, self.returns, self.lengths = (state[name].clone() for name in ("whole", "returns", "lengths"))
