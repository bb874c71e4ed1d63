"""Scores on MT30 and MT80 that have been published, to print beside one's own. Source: PWM (arXiv 2407.02466)."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """mean and iqm over tasks, from 0 to 100; note: what else to know."""

    name: str
    mean: float
    iqm: float
    note: str = ""


PUBLISHED = {
    "mt30": (
        Published("PWM 48M", 76.8, 86.4),
        Published("PWM 48M, world model trained at horizon 3", 72.2, 79.9, "29 tasks"),
        Published("TD-MPC2 48M", 59.8, 68.1),
    ),
    "mt80": (
        Published("PWM 48M", 81.8, 91.3),
        Published("PWM 48M, world model trained at horizon 3", 76.5, 86.9, "77 tasks"),
        Published("TD-MPC2 48M", 67.8, 84.7),
    ),
}
CAVEATS = (
    "published scores are of one run per task, with no spread over seeds, by models of 48M parameters on all the data",
    "Meta-World's success is that of an episode's last step, here of version 3, whose dynamics are not v2's",
)
