"""What was not finite in a training: noted where it is computed, told to the host when that asks."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from wmzoo.errors import RunFailed

MOST = 4096  # updates that are noted before they are looked at unasked
EVERYTHING = "all parameters together"  # each is finite, but their squares overflow
log = logging.getLogger("wmzoo")


class _Update(NamedTuple):
    """Of the update called `name`: what its loss came from, the parameters, and whether each of these was finite;
    the last flag says whether the update was made."""

    name: str
    suspects: Sequence[str]
    parameters: Sequence[str]
    finite: Tensor


class NonFinite:
    """Counts what was not finite, by name; with `policy="stop"` the first ends the run (RunFailed), else `skip`.

    An update leaves out by itself a step that is not finite and only notes here what was: a host that looked at once
    would wait for its GPU at every step.
    """

    def __init__(self, policy: str) -> None:
        self.policy, self.counts = policy, Counter[str]()
        self._noted: list[_Update] = []

    def note(
        self, update: str, made_of: Mapping[str, Tensor], parameters: Sequence[str], gradients: Tensor, made: Tensor
    ) -> None:
        """made_of: what the loss came from, in the order of its making, and whether that was finite (see `finite`).
        gradients: bool [P], whether each parameter's was.  made: bool, whether the update was."""
        flags = torch.cat([torch.stack(list(made_of.values())), gradients, made.unsqueeze(0)])
        self._noted.append(_Update(update, [*made_of], parameters, flags))
        if len(self._noted) >= MOST:
            self.settle()

    def settle(self) -> None:
        """Count, or stop the run over, what was noted since the last time; of an update the first suspect is named."""
        noted, self._noted = self._noted, []
        made = torch.stack([update.finite[-1] for update in noted]).tolist() if noted else []
        for update, fine in zip(noted, made, strict=True):
            if not fine:
                self._name(update)

    def _name(self, update: _Update) -> None:
        finite = update.finite.tolist()
        bad = [name for name, fine in zip(update.suspects, finite, strict=False) if not fine]
        if bad:
            self.found(bad[0], f"in the {update.name}'s update")
            return
        gradients = zip(update.parameters, finite[len(update.suspects) :], strict=False)
        where = [name for name, fine in gradients if not fine]
        self.found("gradient", f"of {[*where, EVERYTHING][0]} in the {update.name}'s update")

    def found(self, what: str, where: str) -> None:
        """Count something that was not finite, and end the run over it unless the policy is `skip`."""
        if self.policy == "stop":
            raise RunFailed(f"the {what} {where} is not finite")
        if not self.counts[what]:
            log.warning("the %s %s is not finite: skipped, and from now on counted as `nonfinite`", what, where)
        self.counts[what] += 1


def finite(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By name, whether all of a tensor is finite: where its least and its largest number are, which NaN would be both.

    On a CPU that takes a twentieth of the time of asking each number.
    """
    return {name: torch.stack(tensor.detach().aminmax()).isfinite().all() for name, tensor in tensors.items()}
