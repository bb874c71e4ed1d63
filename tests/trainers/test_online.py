"""The online trainer over environments whose every step can be computed by hand."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from composed import composed
from torch import Tensor

import wmzoo
from wmzoo.compute.rng import stream
from wmzoo.config.recipe import Recipe
from wmzoo.contracts.trainer import CLOCKS
from wmzoo.data.replay import Slices
from wmzoo.envs.base import Transition, VectorEnv
from wmzoo.errors import RunFailed
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.pwm.algorithm import PWM
from wmzoo.pwm.build import build_loss
from wmzoo.trainers.online import OnlineTrainer

NUM_ENVS, LENGTH, HORIZON = 3, 12, 4


class LinearEnvironments(VectorEnv):
    """s' = 0.9 s + 0.1 a, reward s'₀ − a²/10. Environment 1 terminates when 7 steps old, the others are truncated."""

    num_envs, obs_dim, act_dim, episode_length = NUM_ENVS, 2, 1, LENGTH
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.history: list[tuple[Tensor, Tensor, Tensor]] = []  # actions [N,1], rewards [N], done [N]
        self.seen: list[Tensor] = []  # every observation that was acted on, or will be [N,2]
        self.spoil: dict[int, Callable[[Transition], Any]] = {}  # what happens to the transition of a step

    def reset(self, seed: int, stagger: bool = False) -> Tensor:
        self.generator = torch.Generator().manual_seed(seed)
        self.state = torch.rand(NUM_ENVS, 2, generator=self.generator)
        self.age = torch.arange(NUM_ENVS) * LENGTH // NUM_ENVS if stagger else torch.zeros(NUM_ENVS, dtype=torch.long)
        self.seen.append(self.state.clone())
        return self.state.clone()

    def step(self, actions: Tensor) -> Transition:
        actions = actions.detach().clone()
        assert actions.shape == (NUM_ENVS, 1) and actions.abs().max() <= 1
        final = 0.9 * self.state + 0.1 * actions
        reward = final[:, 0] - actions[:, 0].square() / 10
        self.age += 1
        terminated = torch.zeros(NUM_ENVS, dtype=torch.bool)
        terminated[1] = self.age[1] == 7
        truncated = (self.age >= LENGTH) & ~terminated
        done = terminated | truncated
        fresh = torch.rand(NUM_ENVS, 2, generator=self.generator)
        self.state = torch.where(done.unsqueeze(1), fresh, final)
        self.age[done] = 0
        transition = Transition(self.state.clone(), reward, terminated, truncated, final, None, {})
        self.spoil.get(len(self.history), lambda transition: None)(transition)
        self.history.append((actions, reward, done))
        self.seen.append(self.state.clone())
        return transition

    @property
    def elapsed(self) -> Tensor:
        return self.age.clone()

    def render(self, index: int = 0, width: int = 480, height: int = 360) -> np.ndarray:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.state, "age": self.age, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state, self.age = state["state"].clone(), state["age"].clone()
        self.generator = torch.Generator()
        self.generator.set_state(state["generator"])


class Notes:
    """Keeps rows, how much the environments had done at each, and at every checkpoint the trainer's state as bytes."""

    def __init__(self) -> None:
        self.preparations: list[tuple[str, int, int]] = []
        self.rows: list[dict[str, Any]] = []
        self.steps: list[int] = []
        self.checkpoints: list[tuple[int, int]] = []
        self.evaluations: list[tuple[int, int, float]] = []
        self.states: list[bytes] = []
        self.trainer: OnlineTrainer

    def preparing(self, what: str, done: int, total: int) -> None:
        self.preparations.append((what, done, total))

    def log(self, row: Mapping[str, Any]) -> None:
        self.rows.append(dict(row))
        self.steps.append(len(self.trainer.env.history))

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        self.evaluations.append((iteration, env_steps, evaluation.mean))

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None:
        self.checkpoints.append((iteration, env_steps))
        file = io.BytesIO()
        torch.save(state, file)
        self.states.append(file.getvalue())

    def stop_requested(self) -> bool:
        return False

    def numbers(self) -> list[dict[str, Any]]:
        """The rows without their clocks."""
        return [{name: value for name, value in row.items() if name not in CLOCKS} for row in self.rows]


def training(*overrides: str, **settings: Any) -> Notes:
    cfg = composed("size=tiny", "dynamics=mlp", *overrides)
    agent = wmzoo.build_agent(cfg, 2, 1)
    names = ("imagination", "minibatch", "exploration", "starts", "replay", "diagnostics", "tau")
    streams = {name: stream(cfg.seed, name) for name in names}
    pwm = PWM(agent, build_loss(cfg, streams), Recipe.of(cfg.recipe), streams, cfg.on_nonfinite)
    notes, given = Notes(), {"evaluations": 0}

    def evaluate() -> Evaluation:
        given["evaluations"] += 1
        return Evaluation((float(given["evaluations"]),), (1,), None)

    defaults: dict[str, Any] = {
        "eval_every": 2,
        "save_every": 2,
        "iterations": 3,
        "horizon": HORIZON,
        "batch_size": 8,
        "buffer_size": 600,
        "warmup_steps": 60,
        "pretrain_updates": 1,
        "model_updates": 2,
        "act_on": "observations",
        "actor_updates": 2,
        "rollouts": 5,
        "stagger": False,
    }
    notes.trainer = OnlineTrainer(
        agent=agent,
        pwm=pwm,
        env=LinearEnvironments(),
        recorder=notes,
        evaluate=evaluate,
        streams=streams,
        seed=7,
        **{**defaults, **settings},
    )
    return notes


def run(*overrides: str, **settings: Any) -> Notes:
    notes = training(*overrides, **settings)
    notes.trainer.run()
    return notes


ACT_ON = pytest.mark.parametrize("act_on", ["observations", "imagination"])


@ACT_ON
def test_every_iteration_takes_horizon_steps_of_every_environment(act_on: str) -> None:
    notes = run(act_on=act_on)
    assert [row["iteration"] for row in notes.rows] == [1, 2, 3]
    assert [row["env_steps"] for row in notes.rows] == [60 + 12 * i for i in (1, 2, 3)]
    assert [steps * NUM_ENVS for steps in notes.steps] == [row["env_steps"] for row in notes.rows]


def test_the_paper_starts_with_one_episode_everywhere_and_as_many_updates_as_it_has_steps() -> None:
    notes = training(warmup_steps=None, pretrain_updates=None, iterations=0)
    batches: list[int] = []
    sample = notes.trainer.replay.sample
    notes.trainer.replay.sample = lambda *given: batches.append(len(batches)) or sample(*given)
    notes.trainer.run()
    assert notes.trainer.env_steps == LENGTH * NUM_ENVS and len(batches) == LENGTH


def test_it_tells_how_far_the_warm_up_and_the_first_updates_are() -> None:
    told = run(warmup_steps=60, pretrain_updates=5, model_updates=2, iterations=0).preparations
    steps = [("random steps", done, 60) for done in range(0, 60, NUM_ENVS)]
    assert told == [*steps, *(("first model updates", done, 5) for done in (0, 2, 4))]


def test_a_model_that_is_not_updated_later_can_still_be_pretrained() -> None:
    told = run(warmup_steps=60, pretrain_updates=2, model_updates=0, iterations=1).preparations
    assert told[-2:] == [("first model updates", 0, 2), ("first model updates", 1, 2)]


def test_the_warm_up_acts_uniformly_at_random() -> None:
    history = run(warmup_steps=1800, iterations=0).trainer.env.history
    actions = torch.cat([actions for actions, _, _ in history]).flatten()
    counts = torch.histc(actions, 10, -1, 1)
    assert len(actions) == 1800 and ((counts - 180).square() / 180).sum() < 27.9  # 99.9% of chi-square with 9 degrees


@ACT_ON
@pytest.mark.parametrize("stagger", [False, True])
def test_episode_returns_are_sums_of_their_rewards_without_staggered_beginnings(act_on: str, stagger: bool) -> None:
    notes = run(act_on=act_on, stagger=stagger, iterations=8)
    totals, lengths, seen_whole = [0.0] * NUM_ENVS, [0] * NUM_ENVS, [not stagger or i == 0 for i in range(NUM_ENVS)]
    finished: list[tuple[int, float, int]] = []
    for step, (_, rewards, done) in enumerate(notes.trainer.env.history):
        for i in range(NUM_ENVS):
            totals[i] += rewards[i].item()
            lengths[i] += 1
            if done[i]:
                if seen_whole[i]:
                    finished.append((step, totals[i], lengths[i]))
                totals[i], lengths[i], seen_whole[i] = 0.0, 0, True
    for begin, end, row in zip([0, *notes.steps], notes.steps, notes.rows, strict=False):
        mine = [(total, length) for step, total, length in finished if begin <= step < end]
        if not mine:
            assert row["rewards"] is None and row["episode_length"] is None
            continue
        assert row["rewards"] == pytest.approx(np.mean([total for total, _ in mine]), abs=1e-9)
        assert row["episode_length"] == pytest.approx(np.mean([length for _, length in mine]))
    assert any(row["rewards"] is None for row in notes.rows) and len(finished) > 6


def test_reward_moments_are_those_of_all_rewards_and_the_buffer_holds_all_steps_and_starts() -> None:
    notes = run()
    rewards = np.concatenate([rewards.double().numpy() for _, rewards, _ in notes.trainer.env.history])
    assert notes.trainer.pwm.rewards.mean.item() == pytest.approx(rewards.mean(), abs=1e-9)
    assert notes.trainer.pwm.rewards.var.item() == pytest.approx(rewards.var(), abs=1e-9)
    episodes = NUM_ENVS + sum(int(done.sum()) for _, _, done in notes.trainer.env.history)
    assert notes.rows[-1]["buffer_size"] == len(rewards) + episodes


@ACT_ON
def test_the_model_normalises_observations_by_the_moments_of_all_it_acted_on(act_on: str) -> None:
    trainer = run(act_on=act_on).trainer
    seen = torch.cat(trainer.env.seen).double()
    model = trainer.agent.world_model
    assert torch.allclose(model.observation_moments.mean, seen.mean(0), atol=1e-9)
    assert torch.allclose(model.observation_moments.var, seen.var(0, correction=0), atol=1e-9)
    obs = torch.tensor([[0.3, -0.2]])
    normalised = (obs - seen.mean(0)) / (seen.var(0, correction=0) + 1e-5).sqrt()
    assert torch.allclose(model.encode(obs), model.encoder(normalised.float()), atol=1e-6)


def test_without_normalise_obs_the_encoder_sees_observations_as_they_are() -> None:
    model = run("recipe.normalise_obs=false").trainer.agent.world_model
    obs = torch.tensor([[0.3, -0.2]])
    assert model.observation_moments is None and torch.equal(model.encode(obs), model.encoder(obs))


@ACT_ON
def test_sampled_slices_follow_the_environments_own_law(act_on: str) -> None:
    slices = run(act_on=act_on).trainer.replay.sample(64, HORIZON)
    assert torch.allclose(slices.obs[1:], 0.9 * slices.obs[:-1] + 0.1 * slices.actions, atol=1e-6)
    reward = slices.obs[1:, :, 0] - slices.actions[:, :, 0].square() / 10
    assert torch.allclose(slices.rewards, reward, atol=1e-6)


def test_evaluations_and_checkpoints_come_in_turn_and_at_the_end() -> None:
    notes = run(iterations=5, eval_every=2, save_every=3)
    assert [row.get("eval_return") for row in notes.rows] == [None, 1.0, None, 2.0, 3.0]
    assert notes.evaluations == [(2, 60 + 24, 1.0), (4, 60 + 48, 2.0), (5, 60 + 60, 3.0)]
    assert notes.checkpoints == [(3, 60 + 36), (5, 60 + 60)]


@pytest.mark.parametrize(
    ("decay", "iterations", "rates"),
    [
        ("run", 4, [4e-3, 3e-3, 2e-3, 1e-3]),
        ("none", 2, [4e-3, 4e-3]),
        (120, 2, [2e-3, 1.6e-3]),  # 60 agent steps of the warm-up, 12 an iteration
        (120, 4, [2e-3, 1.6e-3, 1.2e-3, 0.8e-3]),
    ],
)
def test_learning_rates_decay_over_the_run_or_over_steps(decay: str | int, iterations: int, rates: list[float]) -> None:
    rows = run("recipe.model_lr=4e-3", "recipe.final_lr=0.0", f"recipe.lr_decay={decay}", iterations=iterations).rows
    assert [row["lr"] for row in rows] == pytest.approx(rates)


def test_a_short_run_is_the_beginning_of_a_long_one() -> None:
    short, long = (run(iterations=count, eval_every=100, save_every=100) for count in (2, 4))
    figures = [{k: v for k, v in row.items() if k[:4] != "eval" and k[:9] != "open_loop"} for row in long.numbers()]
    assert short.numbers()[0] == figures[0]
    assert {k: v for k, v in short.numbers()[1].items() if k in figures[1]} == figures[1]


# ── horizons and starts ──


class Asked:
    """What the algorithm is given: starts, and lengths of rollouts and slices."""

    def __init__(self, notes: Notes) -> None:
        self.starts: list[Tensor] = []
        self.rollouts: list[int] = []
        self.slices: list[int] = []
        pwm = notes.trainer.pwm
        actor, model = pwm.update_actor, pwm.update_model

        def update_actor(obs: Tensor, horizon: int, *rest: Any, **more: Any) -> Any:
            self.starts.append(obs)
            self.rollouts.append(horizon)
            return actor(obs, horizon, *rest, **more)

        def update_model(slices: Slices, task: Tensor | None = None) -> Any:
            self.slices.append(len(slices.actions))
            return model(slices, task)

        pwm.update_actor, pwm.update_model = update_actor, update_model
        notes.trainer.run()


def test_slices_and_imagined_rollouts_have_lengths_of_their_own() -> None:
    notes = training(model_horizon=3, imagination_horizon=6, pretrain_updates=0)
    asked = Asked(notes)
    assert set(asked.slices) == {3} and set(asked.rollouts) == {6}
    assert notes.rows[-1]["env_steps"] == 60 + 3 * HORIZON * NUM_ENVS


def test_without_lengths_of_their_own_they_are_as_long_as_what_is_acted() -> None:
    asked = Asked(training(pretrain_updates=0))
    assert set(asked.slices) == set(asked.rollouts) == {HORIZON}


@pytest.mark.parametrize("key", ["trainer.horizon", "recipe.model_horizon"])
def test_a_slice_longer_than_an_episode_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}=13 is longer than an episode, 12 agent steps"):
        training(**{key.partition(".")[2]: 13})


def test_imagined_rollouts_start_from_all_that_the_replay_has_or_from_what_was_just_visited() -> None:
    for starts in ("replay", "visited"):
        notes = training(starts=starts, rollouts=11, iterations=1)
        asked, env = Asked(notes), notes.trainer.env
        visited = torch.cat(env.seen[-HORIZON - 1 : -1])
        recent = [bool((visited == row).all(1).any()) for row in torch.cat(asked.starts)]
        every = torch.cat(env.seen)
        assert all(bool((every == row).all(1).any()) for row in torch.cat(asked.starts))
        assert all(recent) if starts == "visited" else not all(recent)


def test_no_imagined_rollout_starts_where_an_episode_ended() -> None:
    notes = training(starts="replay", rollouts=400, iterations=1)
    asked, replay = Asked(notes), notes.trainer.replay
    final = [
        replay.obs[row, env]
        for env in range(NUM_ENVS)
        for row in range(int(replay.head[env]))
        if replay.episode[row, env] != replay.episode[row + 1, env]
    ]
    assert len(final) > 4
    assert not any(bool((torch.cat(asked.starts) == row).all(1).any()) for row in final)


# ── resume ──


@ACT_ON
@pytest.mark.parametrize("dynamics", ["mlp", "flow"])
def test_a_saved_training_goes_on_bit_for_bit_in_a_new_trainer(act_on: str, dynamics: str) -> None:
    settings = {"act_on": act_on, "stagger": True, "eval_every": 100}
    whole = run(f"dynamics={dynamics}", iterations=4, **settings)
    resumed = training(
        f"dynamics={dynamics}", "seed=5", iterations=4, **settings
    )  # another seed: nothing is left of it
    resumed.trainer.load_state_dict(torch.load(io.BytesIO(whole.states[0]), weights_only=True))
    resumed.trainer.run()
    without_evaluation = [{k: v for k, v in row.items() if k[:4] != "eval"} for row in whole.numbers()[2:]]
    assert [{k: v for k, v in row.items() if k[:4] != "eval"} for row in resumed.numbers()] == without_evaluation
    theirs = whole.trainer.agent.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in resumed.trainer.agent.state_dict().items())


@ACT_ON
def test_one_seed_gives_the_same_numbers_and_another_seed_others(act_on: str) -> None:
    first, again, other = run(act_on=act_on), run(act_on=act_on), run("seed=1", act_on=act_on)
    assert first.numbers() == again.numbers()
    assert first.numbers() != other.numbers()


def test_the_global_random_state_does_not_matter() -> None:
    torch.manual_seed(1)
    first = run("dynamics=flow").numbers()
    torch.manual_seed(2)
    assert run("dynamics=flow").numbers() == first


def test_looking_at_the_model_does_not_change_the_training() -> None:
    often, seldom = run(eval_every=1).numbers(), run(eval_every=3).numbers()
    assert [row["wm_loss"] for row in often] == [row["wm_loss"] for row in seldom]


def test_variants_with_one_seed_start_from_the_same_experience() -> None:
    mlp, flow = run("dynamics=mlp", iterations=0), run("dynamics=flow", iterations=0)
    for ours, theirs in zip(mlp.trainer.env.history, flow.trainer.env.history, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


SPOILERS: dict[str, Any] = {
    "reward": lambda transition, bad: transition.reward[2:].fill_(bad),
    "observation": lambda transition, bad: [transition.obs[2].fill_(bad), transition.final_obs[2].fill_(bad)],
}
ACTING = ["observations", "imagination"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("what", SPOILERS)
@pytest.mark.parametrize("act_on", ACTING)
def test_what_an_environment_gives_that_is_not_finite_stops_the_training_and_is_named(
    act_on: str, what: str, bad: float
) -> None:
    notes = training(act_on=act_on)
    notes.trainer.env.spoil = {23: lambda transition: SPOILERS[what](transition, bad)}
    with pytest.raises(RunFailed, match=f"the {what} of environment 2 after 69 environment steps is not finite"):
        notes.trainer.run()


@pytest.mark.slow
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("what", SPOILERS)
@pytest.mark.parametrize("act_on", ACTING)
def test_with_skip_it_is_counted_and_reaches_no_slice_no_weight_and_no_scale(
    act_on: str, what: str, bad: float
) -> None:
    notes = training("on_nonfinite=skip", iterations=4, act_on=act_on)
    trainer = notes.trainer
    # in the warm-up, twice running, in the middle of an episode, and at its end (environment 2 ends every 12th step)
    trainer.env.spoil = dict.fromkeys((4, 5, 22, 23, 29), lambda transition: SPOILERS[what](transition, bad))
    trainer.run()
    assert trainer.pwm.nonfinite.counts == {what: 5} and notes.rows[-1]["nonfinite"] == 5
    assert len(notes.rows) == 4 and all(notes.rows[-1][loss] is not None for loss in ("wm_loss", "policy_loss"))
    assert all(math.isfinite(row[loss]) for row in notes.rows for loss in ("wm_loss", "policy_loss", "value_loss"))
    assert all(value.isfinite().all() for value in trainer.agent.state_dict().values())
    assert trainer.pwm.rewards.std.isfinite() and trainer.obs.isfinite().all()
    for _ in range(20):
        assert all(part.isfinite().all() for part in trainer.replay.sample(64, HORIZON))


@pytest.mark.parametrize("act_on", ACTING)
def test_an_action_that_is_not_finite_is_named_and_with_skip_becomes_the_middle_of_its_range(act_on: str) -> None:
    def spoil(_module: object, _inputs: object, action: Tensor) -> Tensor:
        return torch.where(torch.arange(len(action)).unsqueeze(1) == 1, float("nan"), action)

    notes = training(act_on=act_on)
    notes.trainer.pwm.actor.mean.register_forward_hook(spoil)
    with pytest.raises(RunFailed, match="the action of environment 1 after 60 environment steps is not finite"):
        notes.trainer.run()
    notes = training("on_nonfinite=skip", act_on=act_on)
    notes.trainer.pwm.actor.mean.register_forward_hook(spoil)
    notes.trainer.run()
    acted = [actions for actions, _, _ in notes.trainer.env.history[20:]]
    assert all(actions[1] == 0 for actions in acted) and any(actions[0] != 0 for actions in acted)
    assert notes.trainer.pwm.nonfinite.counts["action"] >= len(acted)


def test_random_steps_of_which_no_episode_is_as_long_as_a_slice_are_told_with_what_mends_it() -> None:
    """Two steps of each environment; slices have four."""
    words = "no episode in the replay has 4 steps yet, after 6 environment steps: a shorter recipe.model_horizon than 4"
    with pytest.raises(RunFailed, match=words):
        training(warmup_steps=6).trainer.run()
    training(warmup_steps=6, pretrain_updates=0, iterations=1).trainer.run()  # there are more before the first update


def test_a_first_observation_that_is_not_finite_ends_the_run_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = training("on_nonfinite=skip")
    monkeypatch.setattr(notes.trainer.env, "reset", lambda seed, stagger: torch.full((NUM_ENVS, 2), float("nan")))
    with pytest.raises(RunFailed, match="the first observation is not finite"):
        notes.trainer.run()


def test_an_unknown_way_to_act_is_refused() -> None:
    with pytest.raises(ValueError, match="observations or imagination, not 'dreams'"):
        training(act_on="dreams")
