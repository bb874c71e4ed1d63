"""The recipe: every choice of how PWM trains, declared once. No torch here.

A key is a field of `Recipe` with its values in `recipe=default`, `recipe=paper` and `recipe=first`, the rule that it
keeps and its words. From here come the options of the config group `recipe`, the rules (rules.py), what the algorithm
is given, and the table in docs/recipe.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from wmzoo.config.values import (
    BETAS,
    BOOLEAN,
    CORRELATION,
    COUNT,
    DECAY,
    MANY,
    TEXT,
    UNITS,
    Rule,
    integer,
    number,
    one_of,
    optional,
    positive,
)

T = TypeVar("T")
SAME, NEW = object(), object()
PAPER_ACTOR, PAPER_CRITIC = (400, 200, 100), (400, 200)
LENGTH = integer(1, 2**12)  # of a slice or a rollout, in steps
PART = Rule("a number above 0, up to 1", lambda value: number(0, 1).holds(value) and value > 0)


def key(default: T, rule: Rule, words: str, paper: Any = SAME, before: Any = NEW, first: Any = SAME) -> T:
    """A field of `Recipe`.

    Args:
        paper: its value in `recipe=paper`, where that is another one.
        before: what was done before there was this key, for the configs of older versions; left out by the keys that
            were always there.
        first: its value in `recipe=first`, where that is another one than the default's, or than `before`.
    """
    earlier = default if before is NEW else before
    others = {"paper": default if paper is SAME else paper, "first": earlier if first is SAME else first}
    return field(default=default, metadata={"rule": rule, "words": words, "before": before, **others})


@dataclass(frozen=True)
class Recipe:
    """`recipe=default`: an online recipe that learns from scratch; what each part contributes is in docs/findings.md.

    `recipe=paper` is PWM's own settings (arXiv 2407.02466 and its public code's single-task configuration), faults
    mended. `recipe=first` is the default of the zoo's first version, of which the results up to then are.

    ValueError for a value that breaks its rule.
    """

    # the world model
    activation: str = key("silu", TEXT, "of all networks of the model", "mish")
    residual: str = key("logit", TEXT, "of mlp: none, latent, sphere, or logit, z' = SimNorm(log z + f)", "none")
    coordinates: str = key("logit", TEXT, "of flow: straight paths between latents, logits, or on the sphere", "latent")
    flow_train_integrator: str | None = key(
        "euler", optional(TEXT), "of flow, in the rollouts of training and imagination; null: integrator", None, None
    )
    flow_train_substeps: int | None = key(
        1, optional(integer(1, 1024)), "sub-steps of it; null: dynamics.substeps", None, None
    )
    flow_metric: str = key(
        "landed", TEXT, "of rectified_flow: an error counts at the path's point, its end, or landed", "path", "path"
    )
    flow_rollout_weight: float = key(0.5, number(0), "of the rollout's own error, in the loss of flows", 0.0, 0.0)
    flow_path_weight: float = key(0.5, number(0), "of the errors on straight paths", 1.0, 1.0)
    flow_tau_zero: float = key(0.5, number(0, 1), "share of these at the start of the path", 0.0, 0.0)
    flow_encoded: float = key(1.0, number(0, 1), "share of these from encoded observations", 0.0, 0.0)
    flow_rows: float = key(0.25, number(0, 1), "share of the batch on which they are measured", 1.0, 1.0)
    normalise_obs: bool = key(True, BOOLEAN, "observations by their running mean and std", False)
    task_moments: bool = key(
        True, BOOLEAN, "moments of observations and rewards are of each task, where a model has several", False, False
    )
    task_balance: float = key(
        0.5,
        number(0, 1),
        "p: where a model has several tasks, the dynamics loss of each counts by the size of its latent steps to −p",
        0.0,
        0.0,
    )
    dynamics_coef: float = key(20.0, number(0), "of the dynamics loss", 1.0)
    reward_coef: float = key(0.2, number(0), "of the reward loss", 1.0)
    reward_latents: str = key(
        "predicted",
        one_of("predicted", "encoded"),
        "the reward head learns on a slice's predicted latents, or on those of its observations",
        before="predicted",
    )
    reward_scale: str = key(
        "std", one_of("none", "std", "mean_std"), "rewards by their running std, less their mean or not", "mean_std"
    )
    reward_clip: float | None = key(None, optional(positive()), "of the scaled rewards, ±", 5.0)
    model_lr: float = key(1.0e-3, number(0, 1e6), "learning rate of the world model", 3.0e-4)
    encoder_lr_scale: float = key(0.1, number(0, 1e6), "the encoder's learning rate, relative to the model's", 1.0)
    model_betas: Sequence[float] = key((0.9, 0.999), BETAS, "of the model's Adam")
    model_grad_clip: float = key(20.0, positive(), "of the norm of the model's gradient")
    model_updates: int = key(24, integer(0, MANY), "of the model an iteration", 8, first=8)
    model_horizon: int | None = key(
        8, optional(LENGTH), "steps of the slices that the model learns from; null: trainer.horizon", None, None
    )
    termination: bool = key(
        True,
        BOOLEAN,
        "the ends of episodes are learned, and discount what is imagined beyond",
        False,
        False,
    )
    termination_coef: float = key(1.0, number(0), "of the termination loss", before=1.0)
    # experience
    recency: float = key(
        2.0, number(1, 100), "κ: rows of the replay are drawn with density ∝ rank^(κ−1), the newest first", 1.0, 1.0
    )
    warmup_steps: int | None = key(
        8192,
        optional(integer(0, MANY)),
        "uniformly random steps before the policy acts; null: an episode in every environment",
        None,
        first=20480,
    )
    noise_correlation: float | Sequence[float] = key(
        (0.0, 0.97),
        CORRELATION,
        "ρ of exploration noise, from one step of an environment to the next; two: of the first and the last one",
        0.0,
        0.0,
    )
    pretrain_updates: int | None = key(
        300, optional(integer(0, MANY)), "of the model on them; null: as many as an episode has steps", None
    )
    act_on: str = key(
        "observations",
        one_of("observations", "imagination"),
        "actions from encoded observations, or those of the imagined rollout drive the environments",
        "imagination",
    )
    stagger: bool = key(True, BOOLEAN, "the first episodes' lengths are spread", False)
    # policy and values
    gamma: float = key(0.99, number(0, 1), "discount γ a step")
    td_lambda: float = key(0.95, number(0, 1), "λ of the critics' targets")
    actor_updates: int = key(24, integer(1, MANY), "of actor and critics an iteration", 1, first=8)
    rollouts: int = key(128, integer(1, 2**20), "imagined ones an actor update", 64, first=64)
    samples: int = key(
        1, integer(1, 2**12), "of the rollouts that share a start: futures of a stochastic model", before=1
    )
    imagination_horizon: int | None = key(
        8, optional(LENGTH), "steps of imagined rollouts; null: trainer.horizon", None, None
    )
    starts: str = key(
        "replay",
        one_of("replay", "visited"),
        "of imagined rollouts: states of the replay, or those visited in the iteration",
        "visited",
        "visited",
    )
    policy_std: str = key(
        "state", one_of("state", "parameter"), "the policy's σ: of the latent, or one for all", "parameter", "parameter"
    )
    entropy: str = key(
        "auto",
        one_of("none", "fixed", "auto"),
        "a bonus for the policy's, its weight α fixed or adapted",
        "none",
        "none",
    )
    entropy_coef: float = key(0.1, positive(), "α, at first", before=0.1)
    entropy_target: float = key(-0.5, number(-20, 20), "h̄ per action, which α is adapted to", before=-0.5)
    entropy_lr: float = key(0.02, number(0, 1), "of log α", before=0.02)
    actor_units: Sequence[int] = key(
        (256, 256), UNITS, "widths of the actor's hidden layers (but for size=tiny)", PAPER_ACTOR, PAPER_ACTOR
    )
    critic_units: Sequence[int] = key(
        (256, 256), UNITS, "widths of the critics' hidden layers (but for size=tiny)", PAPER_CRITIC, PAPER_CRITIC
    )
    disagreement_heads: int = key(
        4,
        Rule("0 or an integer from 2 to 64", lambda value: integer(0, 64).holds(value) and value != 1),
        "small networks that learn the data's steps beside a policy from data, to say when it leaves them",
        0,
        0,
    )
    disagreement_penalty: float = key(
        0.0, number(0), "λ, of policies from data: imagined rewards are less λ times the disagreement", before=0.0
    )
    bc_alpha: float | None = key(
        None,
        optional(positive()),
        "α, of policies from data: their return weighs α / mean |J| beside behaviour cloning; null: none",
        before=None,
    )
    policy_tau: float | None = key(
        0.02,
        optional(PART),
        "part of the way that the policy that is evaluated and saved goes, after an update, to the one that learns and "
        "explores; null: they are one",
        None,
        None,
    )
    detach: bool = key(True, BOOLEAN, "the actor's gradient does not run through the latents that it acts on")
    return_scale: bool = key(True, BOOLEAN, "imagined returns by their running std")
    actor_lr: float = key(1.5e-3, number(0, 1e6), "learning rate of the actor", 5.0e-4, first=5.0e-4)
    critic_lr: float = key(1.0e-3, number(0, 1e6), "learning rate of the critics", 5.0e-4, first=5.0e-4)
    actor_critic_betas: Sequence[float] = key((0.7, 0.95), BETAS, "of their Adam")
    actor_grad_clip: float = key(1.0, positive(), "of the norm of the actor's gradient")
    critic_grad_clip: float = key(100.0, positive(), "of the norm of the critics' gradient")
    critics: int = key(2, integer(1, 2**10), "value functions, the least of which counts", 3, 3)
    critic_zero_init: bool = key(True, BOOLEAN, "all values are zero at first", False, False)
    target_tau: float | None = key(
        0.02,
        optional(PART),
        "part of the way that target critics, of the critics' targets, go after an update; null: no target critics",
        None,
        None,
    )
    critic_passes: int = key(1, COUNT, "over a rollout", 8)
    critic_minibatches: int = key(2, COUNT, "in a pass", 4, first=4)
    lr_decay: str | int = key(
        250_000,
        DECAY,
        "of all learning rates, linearly: over the run, over so many agent steps (iterations, of trainers from data), "
        "or none",
        "run",
        "run",
    )
    final_lr: float = key(1.0e-4, number(0, 1e6), "where they end", 1.0e-5, first=1.0e-5)

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> Recipe:
        """The recipe of a composed config, `cfg.recipe`."""
        return cls(**{each.name: node[each.name] for each in fields(cls)})

    def __post_init__(self) -> None:
        for name, rule in rules().items():
            value = getattr(self, name)
            listed = isinstance(value, Sequence) and not isinstance(value, str)
            if not rule.holds([*value] if listed else value):
                raise ValueError(f"recipe.{name} is {rule.words}, not {value!r}")
        if self.rollouts % self.samples or (self.samples > 1 and self.act_on == "imagination"):
            raise ValueError(
                f"recipe.samples={self.samples} has to divide recipe.rollouts={self.rollouts}, and is 1 where "
                f"recipe.act_on=imagination"
            )
        if self.disagreement_penalty and not self.disagreement_heads:
            raise ValueError(
                f"recipe.disagreement_penalty={self.disagreement_penalty} needs recipe.disagreement_heads of 2 or more"
            )


def rules() -> dict[str, Rule]:
    """The rule of each key."""
    return {each.name: each.metadata["rule"] for each in fields(Recipe)}


def options() -> dict[str, dict[str, Any]]:
    """What can be chosen with `recipe=`: its node of a config, by name."""
    found: dict[str, dict[str, Any]] = {"default": {}, "paper": {}, "first": {}}
    for option, node in found.items():
        node["name"] = option
        for each in fields(Recipe):
            value = each.default if option == "default" else each.metadata[option]
            node[each.name] = _listed(value)
    return found


def added() -> dict[str, Any]:
    """The keys that configs of older versions lack, with what was done before there were any."""
    known = ((each.name, each.metadata["before"]) for each in fields(Recipe))
    return {name: _listed(before) for name, before in known if before is not NEW}


def _listed(value: Any) -> Any:
    """As a config has it."""
    return [*value] if isinstance(value, tuple) else value
