"""The world-model update against a NumPy loop written from the formulas; gradients against finite differences of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tiny import ACT, GROUP, OBS, TASKS, tiny_agent, tiny_pwm

from wmzoo.data.replay import Slices
from wmzoo.losses.base import DynamicsLoss
from wmzoo.losses.mse import MSELoss
from wmzoo.losses.rectified_flow import RectifiedFlowLoss
from wmzoo.pwm.algorithm import PWM

H, B, GAMMA = 3, 2, 0.9
Array = np.ndarray
Weights = dict[str, Array]


# ── the oracle: one sample at a time, from a dictionary of weights ──


def affine(w: Weights, name: str, x: Array) -> Array:
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def block(w: Weights, name: str, x: Array) -> Array:
    h = affine(w, name, x)
    h = (h - h.mean()) / np.sqrt(((h - h.mean()) ** 2).mean() + 1e-5)
    return h * w[f"{name}.norm.weight"] + w[f"{name}.norm.bias"]


def mish(x: Array) -> Array:
    return x * np.tanh(np.log1p(np.exp(x)))


def simnorm(y: Array) -> Array:
    parts = [np.exp(part) / np.exp(part).sum() for part in y.reshape(-1, GROUP)]
    return np.concatenate(parts)


def project(y: Array) -> Array:
    parts = []
    for part in y.reshape(-1, GROUP):
        low, high = part.min() - 1, part.max()
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if np.maximum(part - middle, 0).sum() > 1 else (low, middle)
        parts.append(np.maximum(part - low, 0))
    return np.concatenate(parts)


def network(w: Weights, name: str, x: Array) -> Array:
    return affine(w, f"{name}.1", mish(block(w, f"{name}.0", x)))


def encode(w: Weights, obs: Array, task: Array) -> Array:
    hidden = mish(block(w, "encoder.0", np.concatenate([obs, task])))
    return simnorm(block(w, "encoder.1", hidden))


def logits(z: Array) -> Array:
    return np.log(np.maximum(z, 1e-6))


def velocity(w: Weights, where: str, y: Array, a: Array, tau: float, task: Array) -> Array:
    z = y if where == "latent" else simnorm(y)
    return network(w, "dynamics.net", np.concatenate([z, a, [tau], task]))


def next_latent(w: Weights, dynamics: str, z: Array, a: Array, task: Array) -> Array:
    kind, where = dynamics.split("/")
    if kind == "flow":  # Heun, two sub-steps
        y, h = (z, 0.5) if where == "latent" else (logits(z), 0.5)
        for tau in (0.0, 0.5):
            first = velocity(w, where, y, a, tau, task)
            second = velocity(w, where, y + h * first, a, tau + h, task)
            y = y + h * (first + second) / 2
        return project(y) if where == "latent" else simnorm(y)
    x = np.concatenate([z, a, task])
    if where == "none":
        return simnorm(block(w, "dynamics.net.1", mish(block(w, "dynamics.net.0", x))))
    change = network(w, "dynamics.net", x)
    return project(z + change) if where == "latent" else simnorm(logits(z) + change)


def velocity_error(w: Weights, where: str, source: Array, target: Array, a: Array, tau: float, task: Array) -> Array:
    if where == "latent":
        at = (1 - tau) * source + tau * target
        return velocity(w, where, at, a, tau, task) - (target - source)
    start, end = logits(source), logits(target)
    at = (1 - tau) * start + tau * end
    delta = velocity(w, where, at, a, tau, task) - (end - start)
    z = simnorm(at)
    out = [p * (d - (p * d).sum()) for p, d in zip(z.reshape(-1, GROUP), delta.reshape(-1, GROUP), strict=True)]
    return np.concatenate(out)


class Case:
    """A batch, and the losses that the formulas give for it."""

    def __init__(
        self,
        dynamics: str,
        times: Array | None,
        tasks: bool,
        source: str = "predicted",
        reward_latents: str = "predicted",
    ) -> None:
        rng = np.random.default_rng(7)
        self.dynamics, self.times, self.source, self.reward_latents = dynamics, times, source, reward_latents
        self.obs = rng.normal(size=(H + 1, B, OBS))
        self.actions = rng.uniform(-1, 1, size=(H, B, ACT))
        self.rewards = rng.normal(size=(H, B))
        self.task = [2, 0] if tasks else None

    def slices(self) -> tuple[Slices, torch.Tensor | None]:
        task = None if self.task is None else torch.tensor(self.task)
        return Slices(*(torch.from_numpy(x) for x in (self.obs, self.actions, self.rewards))), task

    def embedding(self, w: Weights, b: int) -> Array:
        return np.zeros(0) if self.task is None else w["task_embedding.table.weight"][self.task[b]]

    def targets(self, w: Weights) -> Array:
        rows = [[encode(w, self.obs[t + 1, b], self.embedding(w, b)) for b in range(B)] for t in range(H)]
        return np.array(rows)

    def losses(self, w: Weights, targets: Array, scaled: Callable[[float], float] = float) -> dict[str, float]:
        dynamics_loss = reward_loss = 0.0
        for b in range(B):
            task = self.embedding(w, b)
            z = encode(w, self.obs[0, b], task)
            for t in range(H):
                a = self.actions[t, b]
                predicted = next_latent(w, self.dynamics, z, a, task)
                if self.times is None:
                    error = predicted - targets[t, b]
                else:
                    source = z if self.source == "predicted" or t == 0 else targets[t - 1, b]
                    where = self.dynamics.split("/")[1]
                    error = velocity_error(w, where, source, targets[t, b], a, float(self.times[t, b]), task)
                seen = z if self.reward_latents == "predicted" or t == 0 else targets[t - 1, b]
                reward = network(w, "reward_head", np.concatenate([seen, a, task]))[0]
                dynamics_loss += GAMMA**t * (error**2).mean() / B
                reward_loss += GAMMA**t * (reward - scaled(self.rewards[t, b])) ** 2 / B / H
                z = predicted
        total = (dynamics_loss + reward_loss) / H
        return {"wm_loss": total, "dynamics_loss": dynamics_loss, "reward_loss": reward_loss}


def weights_of(pwm: PWM) -> Weights:
    return {name: value.numpy().copy() for name, value in pwm.model.state_dict().items()}


MIDPOINT = np.full((H, B), 0.5)


def uniform_times() -> Array:
    return torch.rand(H * B, 1, generator=torch.Generator().manual_seed(11)).double().numpy().reshape(H, B)


CASES: dict[str, tuple[str, Any, Array | None]] = {
    "mlp": ("mlp/none", MSELoss, None),
    "mlp, residual in z": ("mlp/latent", MSELoss, None),
    "mlp, residual in logits": ("mlp/logit", MSELoss, None),
    "neural ODE": ("flow/logit", MSELoss, None),
    "neural ODE in z": ("flow/latent", MSELoss, None),
    "flow in z": ("flow/latent", lambda: RectifiedFlowLoss(tau="midpoint"), MIDPOINT),
    "flow in logits": ("flow/logit", lambda: RectifiedFlowLoss(tau="midpoint"), MIDPOINT),
    "flow, tau uniform": (
        "flow/logit",
        lambda: RectifiedFlowLoss(generator=torch.Generator().manual_seed(11)),
        uniform_times(),
    ),
}


@pytest.mark.parametrize("tasks", [False, True], ids=["one task", "several tasks"])
@pytest.mark.parametrize("name", CASES)
def test_losses_and_their_gradients_are_those_of_the_formulas(name: str, tasks: bool) -> None:
    dynamics, make, times = CASES[name]
    case, pwm = Case(dynamics, times, tasks), tiny_pwm(tiny_agent(dynamics, tasks), make())
    w = weights_of(pwm)
    targets = case.targets(w)
    figures = pwm.update_model(*case.slices())
    for loss, value in case.losses(w, targets).items():
        assert figures[loss] == pytest.approx(value, abs=1e-9)

    # The targets stand still while the weights are varied: no gradient goes into them, and it runs through the rollout.
    rng, h, squares = np.random.default_rng(1), 1e-6, 0.0
    for parameter_name, parameter in pwm.model.named_parameters():
        assert parameter.grad is not None, parameter_name
        gradient = parameter.grad.numpy()
        squares += (gradient**2).sum()
        for _ in range(2):
            place = tuple(rng.integers(n) for n in gradient.shape)
            if parameter_name.startswith("task_embedding"):
                place = (2, place[1])
            values = []
            for sign in (1, -1):
                moved = {**w, parameter_name: w[parameter_name].copy()}
                moved[parameter_name][place] += sign * h
                values.append(case.losses(moved, targets)["wm_loss"])
            assert gradient[place] == pytest.approx((values[0] - values[1]) / (2 * h), abs=2e-8), parameter_name
    assert figures["wm_grad_norm"] == pytest.approx(np.sqrt(squares), rel=1e-9)


def test_the_gradient_would_differ_if_it_went_into_the_targets() -> None:
    """The test above can tell: the finite difference with targets that move is another number."""
    case, pwm = Case("mlp/logit", None, tasks=False), tiny_pwm(tiny_agent("mlp/logit"))
    w, h = weights_of(pwm), 1e-6
    pwm.update_model(*case.slices())
    values = []
    for sign in (1, -1):
        moved = {**w, "encoder.1.bias": w["encoder.1.bias"].copy()}
        moved["encoder.1.bias"][0] += sign * h
        values.append(case.losses(moved, case.targets(moved))["wm_loss"])
    gradient = pwm.model.encoder[1].bias.grad[0].item()
    assert abs(gradient - (values[0] - values[1]) / (2 * h)) > 1e-5


def test_a_flow_may_start_from_the_encoded_observation_instead() -> None:
    case = Case("flow/logit", MIDPOINT, tasks=False, source="encoded")
    pwm = tiny_pwm(tiny_agent("flow/logit"), RectifiedFlowLoss(tau="midpoint", source="encoded"))
    w = weights_of(pwm)
    figures = pwm.update_model(*case.slices())
    for loss, value in case.losses(w, case.targets(w)).items():
        assert figures[loss] == pytest.approx(value, abs=1e-9)


def test_a_detached_source_changes_the_gradient_and_not_the_loss() -> None:
    gradients, losses = [], []
    for source_grad in (True, False):
        pwm = tiny_pwm(tiny_agent("flow/logit"), RectifiedFlowLoss(tau="midpoint", source_grad=source_grad))
        losses.append(pwm.update_model(*Case("flow/logit", MIDPOINT, tasks=False).slices())["wm_loss"])
        gradients.append(torch.cat([p.grad.flatten() for p in pwm.model.dynamics.parameters()]))
    assert losses[0] == losses[1]
    assert not torch.allclose(gradients[0], gradients[1], rtol=1e-3)


@pytest.mark.parametrize("scale", ["none", "std", "mean_std"])
@pytest.mark.parametrize("clip", [None, 0.4])
def test_rewards_are_learned_at_their_scale(scale: str, clip: float | None) -> None:
    case, seen = Case("mlp/logit", None, tasks=False), np.array([3.0, 5.0, 4.5, 1.0])
    pwm = tiny_pwm(tiny_agent(), reward_scale=scale, reward_clip=clip)
    pwm.rewards.update(torch.from_numpy(seen))

    def scaled(reward: float) -> float:
        if scale == "mean_std":
            reward = reward - seen.mean()
        if scale != "none":
            reward = reward / np.sqrt(seen.var() + 1e-5)
        return reward if clip is None else min(max(reward, -clip), clip)

    w = weights_of(pwm)
    figures = pwm.update_model(*case.slices())
    for loss, value in case.losses(w, case.targets(w), scaled).items():
        assert figures[loss] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("reward_latents", ["predicted", "encoded"])
def test_the_reward_head_learns_on_predicted_latents_or_on_encoded_ones(reward_latents: str) -> None:
    case = Case("mlp/logit", None, tasks=True, reward_latents=reward_latents)
    pwm = tiny_pwm(tiny_agent(tasks=True), reward_latents=reward_latents)
    w = weights_of(pwm)
    expected = case.losses(w, case.targets(w))
    figures = pwm.update_model(*case.slices())
    assert figures["reward_loss"] == pytest.approx(expected["reward_loss"], abs=1e-9)
    assert figures["wm_loss"] == pytest.approx(expected["wm_loss"], abs=1e-9)


def test_coefficients_stand_in_front_of_their_losses() -> None:
    case = Case("mlp/logit", None, tasks=False)
    figures = tiny_pwm(tiny_agent(), dynamics_coef=3.0, reward_coef=0.25).update_model(*case.slices())
    expected = (3 * figures["dynamics_loss"].item() + 0.25 * figures["reward_loss"].item()) / H
    assert figures["wm_loss"] == pytest.approx(expected, abs=1e-12)


def test_two_hot_rewards_are_learned_by_cross_entropy() -> None:
    case, agent = Case("mlp/logit", None, tasks=False), tiny_agent(bins=11)
    pwm = tiny_pwm(agent)
    w, expected = weights_of(pwm), 0.0
    bins = np.linspace(-2, 2, 11)
    for b in range(B):
        z = encode(w, case.obs[0, b], np.zeros(0))
        for t in range(H):
            raw = network(w, "reward_head", np.concatenate([z, case.actions[t, b]]))
            symlog = np.sign(case.rewards[t, b]) * np.log1p(abs(case.rewards[t, b]))
            hats = np.maximum(0, 1 - np.abs(bins - symlog) / 0.4)  # two-hot weights are hat functions of the bins
            expected += GAMMA**t * (hats * (np.log(np.exp(raw).sum()) - raw)).sum() / B / H
            z = next_latent(w, "mlp/logit", z, case.actions[t, b], np.zeros(0))
    assert pwm.update_model(*case.slices())["reward_loss"] == pytest.approx(expected, abs=1e-9)


def test_a_fresh_two_hot_head_starts_at_ln_of_its_bins() -> None:
    agent = tiny_agent(bins=101)
    torch.nn.init.zeros_(agent.world_model.reward_head[-1].weight)
    torch.nn.init.zeros_(agent.world_model.reward_head[-1].bias)
    loss = tiny_pwm(agent).update_model(*Case("mlp/logit", None, tasks=False).slices())["reward_loss"]
    assert loss == pytest.approx(np.log(101) * (1 + GAMMA + GAMMA**2) / H, abs=1e-9)


def test_the_optimiser_moves_every_part_of_the_model_the_task_embedding_included() -> None:
    pwm = tiny_pwm(tiny_agent(tasks=True))
    before = {name: value.clone() for name, value in pwm.model.named_parameters()}
    pwm.update_model(*Case("mlp/logit", None, tasks=True).slices())
    for name, value in pwm.model.named_parameters():
        assert not torch.equal(value, before[name]), name
    untouched = [task for task in range(TASKS) if task not in (2, 0)]
    table = "task_embedding.table.weight"
    after = dict(pwm.model.named_parameters())[table]
    assert torch.equal(after[untouched], before[table][untouched])


def test_the_encoder_moves_by_its_own_learning_rate() -> None:
    """Adam's first step is the learning rate, wherever there is a gradient."""
    pwm = tiny_pwm(tiny_agent(), model_lr=1e-3, encoder_lr_scale=0.1)
    pwm.optimisation.schedule(0.5)
    before = {name: value.clone() for name, value in pwm.model.named_parameters()}
    pwm.update_model(*Case("mlp/logit", None, tasks=False).slices())
    rate = (1e-3 + 1e-5) / 2
    for name, value in pwm.model.named_parameters():
        moved, expected = (value - before[name]).abs(), rate * (0.1 if name.startswith("encoder.") else 1.0)
        assert moved.max().item() == pytest.approx(expected, rel=1e-3), name


def test_actions_a_task_lacks_do_not_enter_the_loss() -> None:
    case, losses = Case("mlp/logit", None, tasks=True), []
    for shift in (0.0, 0.7):
        agent = tiny_agent(tasks=True)
        agent.world_model.action_masks = torch.tensor([[1.0, 0.0]] * TASKS, dtype=torch.float64)
        slices, task = case.slices()
        slices.actions[..., 1] += shift
        losses.append(tiny_pwm(agent).update_model(slices, task)["wm_loss"])
    assert losses[0] == losses[1]


def test_the_gradient_is_clipped_by_its_norm() -> None:
    """Adam does not show it after one step; the gradients left behind do."""
    pwm = tiny_pwm(tiny_agent(), model_grad_clip=0.01)
    norm = pwm.update_model(*Case("mlp/logit", None, tasks=False).slices())["wm_grad_norm"]
    left = torch.cat([p.grad.flatten() for p in pwm.model.parameters()]).norm().item()
    assert norm > 0.02 and left == pytest.approx(0.01, rel=1e-3)


def test_a_loss_that_needs_a_velocity_refuses_other_dynamics() -> None:
    loss: DynamicsLoss = RectifiedFlowLoss()
    with pytest.raises(TypeError, match="needs velocity, which MLPDynamics does not have"):
        tiny_pwm(tiny_agent("mlp/none"), loss).update_model(*Case("mlp/none", None, tasks=False).slices())
