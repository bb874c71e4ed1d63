"""Whether a saved state of an optimiser, or of a random stream, can take the place of the present one."""

from __future__ import annotations

from typing import Any

import torch

from wmzoo.storage.form import check_form


def check_moments(optimiser: torch.optim.Optimizer, found: Any, where: str) -> None:
    """ValueError unless `found` has, of any of the parameters, a step count and two moments of its shape and type."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    if not isinstance(found, dict) or not isinstance(found.get("state"), dict):
        raise ValueError(f"{where} is no state of an optimiser")
    for number, moments in found["state"].items():
        place = f"{where}/{number}"
        if type(number) is not int or not 0 <= number < len(parameters):
            raise ValueError(f"{place}: there are {len(parameters)} parameters")
        like = parameters[number].detach()
        check_form(moments, {"step": torch.tensor(0.0), "exp_avg": like, "exp_avg_sq": like}, place)


def load_moments(optimiser: torch.optim.Optimizer, found: dict[str, Any]) -> None:
    """Take the moments; the settings stay the config's own, and the schedule sets the learning rate."""
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": found["state"], "param_groups": groups})


def check_stream(generator: torch.Generator, found: Any, where: str) -> None:
    """ValueError for what the generator would not go on from."""
    check_form(found, generator.get_state(), where)
    try:
        torch.Generator(generator.device).set_state(found)
    except RuntimeError as error:
        raise ValueError(f"{where} is no state of a random stream") from error
