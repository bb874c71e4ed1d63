"""PWM's running statistics, which its files hold as pickled objects of a class of its own."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wmzoo.errors import WmzooError

PICKLED_AS = "pwm.utils.running_mean_std.RunningMeanStd"


class RunningStatistics:
    """Stands in for PWM's class while a file is read: it keeps what the file says of it, and computes nothing.

    `values`: the tensors `mean` and `var`, and `count`, a number; None for an object of which the file says nothing.
    Raises WmzooError, without the file's name, for anything that PWM's class does not save.
    """

    values: dict[str, Any] | None = None

    def __new__(cls, *arguments: Any) -> RunningStatistics:
        if arguments:
            raise WmzooError(f"it makes a {PICKLED_AS} out of arguments, which PWM's files never do")
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        mean, var, count = map(state.get, ("mean", "var", "count")) if isinstance(state, dict) else (None,) * 3
        if not (isinstance(mean, Tensor) and isinstance(var, Tensor) and isinstance(count, int | float)):
            raise WmzooError(f"its {PICKLED_AS} is none: it has no tensors mean and var with a number count")
        self.values = {"mean": mean, "var": var, "count": count}


STAND_INS = ((RunningStatistics, PICKLED_AS),)
