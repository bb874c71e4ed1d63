"""The optimisers of an agent's parts: a step of one of them, their learning rates over a run, and their state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from wmzoo.agent.world_model import WorldModel
from wmzoo.compute.distributed import World
from wmzoo.config.recipe import Recipe
from wmzoo.pwm.disagreement import RATE
from wmzoo.pwm.esnr import RunningESNR
from wmzoo.pwm.nonfinite import NonFinite
from wmzoo.pwm.saved import check_moments, load_moments


class Optimisation:
    """Adam for the world model, whose encoder has a rate of its own, and for what else of actor, critics and
    disagreement there is.

    On a GPU no step makes the host wait: one that is not finite is left out by the optimiser itself, and `nonfinite`
    takes note of it.

    Args:
        parts: what else learns, of `actor`, `critic` and `disagreement`; None for what is not there.
        nonfinite: is told of every step. esnr: takes the actor's gradients, before clipping.
        world: the processes whose steps are left out together.
    """

    def __init__(
        self,
        model: WorldModel,
        parts: Mapping[str, nn.Module | None],
        recipe: Recipe,
        nonfinite: NonFinite,
        esnr: RunningESNR,
        world: World,
    ) -> None:
        self.recipe, self.nonfinite, self.esnr, self.world = recipe, nonfinite, esnr, world
        s = recipe
        others = [p for name, p in model.named_parameters() if not name.startswith("encoder.")]
        groups: list[dict[str, Any]] = [
            {"params": others, "scale": 1.0},
            {"params": [*model.encoder.parameters()], "scale": s.encoder_lr_scale},
        ]
        self.rates = {"model": s.model_lr}  # at first
        self.optimisers: dict[str, torch.optim.Optimizer] = {"model": _adam(groups, s.model_lr, s.model_betas)}
        betas = s.actor_critic_betas
        how = {"actor": (s.actor_lr, betas), "critic": (s.critic_lr, betas), "disagreement": (RATE, (0.9, 0.999))}
        for name, part in parts.items():
            if part is not None:
                self.rates[name] = how[name][0]
                self.optimisers[name] = _adam(part.parameters(), *how[name])
        self.schedule(0.0)

    def descend(self, name: str, loss: Tensor, module: nn.Module, clip: float, made_of: Mapping[str, Tensor]) -> Tensor:
        """One step with the gradient's norm clipped; gives the norm before clipping.

        made_of: what the loss came from, in the order of its making, and whether that was finite: the first that was
        not is named.
        """
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = {part: p.grad for part, p in module.named_parameters() if p.grad is not None}
        norms = torch.stack(torch._foreach_norm(list(gradients.values())))
        norm: Tensor = norms.norm()
        fine = self.world.every(norm.isfinite() & loss.isfinite())
        self.nonfinite.note(name, {**made_of, "loss": loss.isfinite()}, [*gradients], norms.isfinite(), fine)
        if name == "actor":
            self.esnr.add(gradients.values(), where=fine)
        # The fused optimiser divides the gradients by one and looks at the other, as torch.amp.GradScaler asks it to:
        # clipping takes no pass of its own, and a step can be left out without telling the host.
        optimiser.grad_scale = ((norm + 1e-6) / clip).clamp(min=1.0).float()  # type: ignore[attr-defined]
        optimiser.found_inf = (~fine).float()  # type: ignore[attr-defined]
        optimiser.step()
        return norm

    def decayed(self, iteration: int, iterations: int, steps: int) -> float:
        """How far the learning rates have come after so many of the run's iterations, and so many steps: 0 to 1."""
        over = self.recipe.lr_decay
        return {"run": iteration / iterations, "none": 0.0}[over] if isinstance(over, str) else min(steps / over, 1.0)

    def schedule(self, progress: float) -> float:
        """Linear decay: at progress 0 the initial learning rates, at 1 `final_lr` where they were above. Gives the
        model's."""
        far, last = min(max(progress, 0.0), 1.0), self.recipe.final_lr
        rates = {name: rate - max(rate - last, 0.0) * far for name, rate in self.rates.items()}
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = rates[name] * group.get("scale", 1.0)
        return rates["model"]

    def state_dict(self) -> dict[str, Any]:
        return {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}

    def check_state(self, state: Mapping[str, Any], where: str) -> None:
        """ValueError, naming the place, for a state that does not have the form of the present one."""
        for name, optimiser in self.optimisers.items():
            check_moments(optimiser, state[name], f"{where}/{name}")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        for name, optimiser in self.optimisers.items():
            load_moments(optimiser, state[name])


def _adam(parameters: Any, rate: float, betas: Iterable[float]) -> torch.optim.Optimizer:
    first, second = betas
    return torch.optim.Adam(parameters, rate, (first, second), fused=True)
