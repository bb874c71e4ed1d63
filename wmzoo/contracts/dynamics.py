"""What every latent dynamics must keep.

Each check takes `make`: make(task_dim) gives a new dynamics with latents of 16 in simplices of 8 and 2 actions. `width`
and `units` are those of contracts/common.py: small enough that gradients are held against finite differences.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from wmzoo.agent.build import MATCH, integrators, with_matched_units
from wmzoo.checkpoints.find import WEIGHTS
from wmzoo.checkpoints.weights import check_savable, load_weights
from wmzoo.contracts.common import (
    ACTIONS,
    BATCH,
    TASK_DIM,
    Case,
    DoesNotApply,
    cases,
    enliven,
    expect,
    expect_close,
    gradcheck,
    noise,
    simplices,
    tiny_config,
    variants,
)
from wmzoo.dynamics.base import AverageVelocityDynamics, Dynamics, StochasticDynamics, VelocityDynamics
from wmzoo.errors import one_line
from wmzoo.nets.simnorm import group
from wmzoo.registry import build_from
from wmzoo.storage.tensors import write_tensors

Make = Callable[[int], Dynamics]
LATENTS, SIMPLEX = 16, 8


def factories(name: str) -> dict[str, Make]:
    """By test id: the entry as its card has it, and with the settings of the card's `checked_with`."""
    return {variant.id: _factory(variant.overrides) for variant in variants("dynamics", name)}


def _factory(overrides: tuple[str, ...]) -> Make:
    def make(task_dim: int = 0) -> Dynamics:
        cfg = tiny_config(overrides)
        if cfg.dynamics.get("units") == MATCH:
            cfg = with_matched_units(cfg, ACTIONS)
        context: dict[str, Any] = {
            "latent_dim": LATENTS,
            "action_dim": ACTIONS,
            "task_dim": task_dim,
            **integrators(cfg),
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            dynamics = build_from("dynamics", cfg.dynamics, **context)
        expect(isinstance(dynamics, Dynamics), f"{type(dynamics).__name__} is not a wmzoo.dynamics.Dynamics")
        made: Dynamics = dynamics
        return made

    return make


def suite(name: str) -> Iterator[Case]:
    """Every check of entry `name`; `retract=none` is the one way to let a prediction off the simplices."""
    for id_, make in factories(name).items():
        exempt = {check_simplex: "retract=none lets predictions off the simplices"} if "retract=none" in id_ else {}
        yield from cases({id_: make}, CHECKS, exempt)


def check_shapes_and_dtypes(make: Make) -> None:
    """z[B,D], a[B,A], task_emb[B,E] or None -> [B,D], in the input's dtype."""
    for dtype in (torch.float32, torch.float64):
        for task_dim in (0, TASK_DIM):
            dynamics, inputs = _live(make, task_dim, dtype), _inputs(task_dim, dtype)
            for z_next in (step(*inputs) for step in _steps(dynamics)):
                expect(z_next.shape == (BATCH, LATENTS), f"z_next has shape {tuple(z_next.shape)}, not [B,D]")
                expect(z_next.dtype == dtype, f"from {dtype} the next latent is {z_next.dtype}")
                expect(bool(z_next.isfinite().all()), "the next latent is not finite")


def check_simplex(make: Make) -> None:
    """The next latent lies on the simplices, however large the weights."""
    for scale in (0.3, 3.0):
        dynamics = enliven(make(0).double(), scale)
        for step in _steps(dynamics):
            z_next = group(step(*_inputs(0)), SIMPLEX)
            expect(bool((z_next >= -1e-12).all()), f"z_next has an entry of {z_next.min().item():.3g}, below 0")
            sums = z_next.sum(-1)
            expect_close(sums, torch.ones_like(sums), "the sum over each simplex group of z_next", 1e-9)


def check_rows_are_independent(make: Make) -> None:
    """A row is predicted as if it were alone, even beside a row that is not finite."""
    for task_dim in (0, TASK_DIM):
        dynamics, inputs = _live(make, task_dim), _inputs(task_dim)
        together = dynamics(*inputs)
        alone = torch.cat([dynamics(*(_row(x, i) for x in inputs)) for i in range(BATCH)])
        expect_close(together, alone, "rows predicted together and alone", 1e-12)
        z = inputs[0].clone()
        z[0] = float("nan")
        expect_close(dynamics(z, *inputs[1:])[1:], together[1:], "the rows beside one that is NaN", 1e-12)


def check_determinism(make: Make) -> None:
    """Two calls agree bit for bit, in training mode too; one torch seed gives one set of initial weights."""
    dynamics, inputs = _live(make, 0), _inputs(0)
    first = dynamics.train()(*inputs)
    expect(torch.equal(first, dynamics(*inputs)), "two calls with one input differ")
    expect(torch.equal(first, dynamics.eval()(*inputs)), "train() and eval() predict differently")
    again = make(0).state_dict()
    for name, tensor in make(0).state_dict().items():
        expect(torch.equal(tensor, again[name]), f"built twice with one torch seed, {name} differs")


def check_inputs_matter(make: Make) -> None:
    """The prediction depends on the latent, on the action and on the task."""
    dynamics, inputs = _live(make, TASK_DIM), _inputs(TASK_DIM)
    z_next = dynamics(*inputs)
    for index, name in enumerate(("z", "a", "task_emb")):
        changed = list(inputs)
        changed[index] = inputs[index].flip(0)  # type: ignore[union-attr]
        expect(not torch.allclose(z_next, dynamics(*changed)), f"another {name} gives the same next latent")


def check_gradient(make: Make) -> None:
    """Gradients with respect to z, a and the task embedding are those of finite differences; all weights get one."""
    for task_dim in (0, TASK_DIM):
        dynamics = _live(make, task_dim)
        inputs = [x for x in _inputs(task_dim) if x is not None]
        for step in _steps(dynamics):
            gradcheck(step, inputs, "the gradient of z_next")
            total: Tensor = (step(*inputs) * noise(BATCH, LATENTS, seed=9)).sum()
            total.backward()  # type: ignore[no-untyped-call]
        for name, parameter in dynamics.named_parameters():
            reached = parameter.grad is not None and bool((parameter.grad != 0).any())
            expect(reached or not parameter.requires_grad, f"no gradient reaches the parameter {name}")


def check_save_and_load(make: Make) -> None:
    """Weights through a file into a new one give the same predictions bit for bit."""
    dynamics, inputs = _live(make, 0), _inputs(0)
    other = make(0).double()
    check_savable(dynamics)
    with TemporaryDirectory() as folder:
        file = Path(folder) / WEIGHTS
        write_tensors(file, dynamics.state_dict())
        load_weights(other, file)
    expect(torch.equal(dynamics(*inputs), other(*inputs)), "after saving and loading, predictions differ")


def check_copy(make: Make) -> None:
    """copy.deepcopy gives an equal dynamics with weights of its own."""
    dynamics, inputs = _live(make, 0), _inputs(0)
    before = dynamics(*inputs)
    twin = copy.deepcopy(dynamics)
    expect(torch.equal(before, twin(*inputs)), "a copy predicts differently")
    enliven(twin)
    expect(torch.equal(before, dynamics(*inputs)), "changing a copy's weights changes the original")


def check_velocity(make: Make) -> None:
    """A velocity is [B,D] in the input's dtype and takes τ[B,1] row by row."""
    for dtype in (torch.float32, torch.float64):
        for task_dim in (0, TASK_DIM):
            dynamics = _live(make, task_dim, dtype)
            if not isinstance(dynamics, VelocityDynamics):
                raise DoesNotApply("it has no velocity")
            z, a, task_emb = _inputs(task_dim, dtype)
            source = simplices(BATCH, LATENTS, seed=5, dtype=dtype)
            tau = torch.tensor([[0.0], [0.3], [1.0]], dtype=dtype)
            v = dynamics.velocity(z, a, tau, task_emb, source=source)
            expect(v.shape == z.shape, f"the velocity has shape {tuple(v.shape)}, not [B,D] = {tuple(z.shape)}")
            expect(v.dtype == dtype, f"from {dtype} the velocity is {v.dtype}")
            rows = []
            for i in range(BATCH):
                row = slice(i, i + 1)
                rows.append(dynamics.velocity(z[row], a[row], tau[row], _row(task_emb, i), source=source[row]))
            expect_close(torch.cat(rows), v, "velocities of rows alone and together", 1e-5)


def check_average_velocity(make: Make) -> None:
    """An average velocity is [B,D] in the input's dtype and takes its times [B,1] row by row."""
    for dtype in (torch.float32, torch.float64):
        for task_dim in (0, TASK_DIM):
            dynamics = _live(make, task_dim, dtype)
            if not isinstance(dynamics, AverageVelocityDynamics):
                raise DoesNotApply("it has no average velocity")
            z, a, task_emb = _inputs(task_dim, dtype)
            start, end = torch.tensor([[0.0], [0.3], [0.5]], dtype=dtype), torch.tensor([[1.0], [0.3], [0.7]]).to(dtype)
            u = dynamics.average_velocity(z, a, start, end, task_emb)
            expect(u.shape == z.shape, f"the average velocity has shape {tuple(u.shape)}, not [B,D]")
            expect(u.dtype == dtype, f"from {dtype} the average velocity is {u.dtype}")
            rows = []
            for i in range(BATCH):
                row = slice(i, i + 1)
                rows.append(dynamics.average_velocity(z[row], a[row], start[row], end[row], _row(task_emb, i)))
            expect_close(torch.cat(rows), u, "average velocities of rows alone and together", 1e-5)


def check_samples(make: Make) -> None:
    """A sample is a function of its noise, row by row; other noise is another future; without noise there is one."""
    for task_dim in (0, TASK_DIM):
        dynamics, (z, a, task_emb) = _live(make, task_dim), _inputs(task_dim)
        if not isinstance(dynamics, StochasticDynamics) or not dynamics.noise_dim:
            raise DoesNotApply("it is not stochastic")
        eps = noise(BATCH, dynamics.noise_dim, seed=11)
        sample = dynamics.sample(z, a, eps, task_emb)
        for step in (dynamics, dynamics.rollout_step):
            expect(torch.equal(step(z, a, task_emb, noise=eps), sample), "with one noise, two samples differ")
            mean = dynamics.mean_step(z, a, task_emb)
            expect(torch.equal(step(z, a, task_emb), mean), "without noise it is not `mean_step`")
        rows = [dynamics.sample(z[i : i + 1], a[i : i + 1], eps[i : i + 1], _row(task_emb, i)) for i in range(BATCH)]
        expect_close(torch.cat(rows), sample, "samples of rows alone and together", 1e-12)
        others = [
            dynamics.sample(z, a, noise(BATCH, dynamics.noise_dim, seed=seed), task_emb) for seed in range(12, 20)
        ]
        apart = (torch.stack(others) - sample).abs().amax((0, -1))
        expect(bool((apart > 1e-6).all()), "other noise gives the same sample")


def check_unroll(make: Make) -> None:
    """A rollout along known actions is the one step by step, starts with its z0, and its first step is that of
    `rollout_step`."""
    for task_dim in (0, TASK_DIM):
        dynamics, (z, a, task_emb) = _live(make, task_dim), _inputs(task_dim)
        actions = torch.stack([a, a.flip(0), -a])
        chance = noise(len(actions), BATCH, dynamics.noise_dim, seed=11) if dynamics.noise_dim else None
        zs, state = [z], dynamics.begin(z, task_emb)
        for step, action in enumerate(actions):
            z_next, state = dynamics.advance(state, action, task_emb, None if chance is None else chance[step])
            zs.append(z_next)
        expect_close(dynamics.unroll(z, actions, task_emb, chance), torch.stack(zs), "the rollout at once and by steps")
        first = dynamics.rollout_step(z, a, task_emb, None if chance is None else chance[0])
        expect_close(zs[1], first, "the first step of a rollout and `rollout_step`")


def check_compile(make: Make, backend: str = "eager") -> None:
    """torch.compile takes the forward pass as one graph and changes neither predictions nor gradients."""
    dynamics, inputs = _live(make, TASK_DIM), _inputs(TASK_DIM)
    torch.compiler.reset()
    compiled = torch.compile(dynamics, backend=backend, fullgraph=True)
    results: list[tuple[Tensor, Tensor]] = []
    for function in (dynamics, compiled):
        z = inputs[0].clone().requires_grad_()
        try:
            z_next: Tensor = function(z, *inputs[1:])
        except TorchDynamoException as error:
            raise AssertionError(f"torch.compile does not take it as one graph: {one_line(error)}") from error
        (z_next * noise(BATCH, LATENTS, seed=9)).sum().backward()  # type: ignore[no-untyped-call]
        assert z.grad is not None
        results.append((z_next.detach(), z.grad))
    expect_close(results[1][0], results[0][0], "the compiled prediction", 1e-9)
    expect_close(results[1][1], results[0][1], "the compiled gradient", 1e-9)


def check_gpu(make: Make) -> None:
    """On a GPU predictions are the CPU's up to rounding."""
    if not torch.cuda.is_available():
        raise DoesNotApply("there is no GPU here")
    dynamics, inputs = _live(make, TASK_DIM), _inputs(TASK_DIM)
    expected = dynamics(*inputs)
    got = dynamics.cuda()(*(None if x is None else x.cuda() for x in inputs))
    expect_close(got.cpu(), expected, "the prediction on the GPU", 1e-9)


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_shapes_and_dtypes,
    check_simplex,
    check_rows_are_independent,
    check_determinism,
    check_inputs_matter,
    check_gradient,
    check_save_and_load,
    check_copy,
    check_velocity,
    check_average_velocity,
    check_samples,
    check_unroll,
    check_compile,
    check_gpu,
)


def _steps(dynamics: Dynamics) -> list[Callable[..., Tensor]]:
    """Every way (z, a, task_emb) -> z_next of it; samples with one noise."""
    ways: list[Callable[..., Tensor]] = [dynamics, dynamics.rollout_step]
    if dynamics.noise_dim:
        dtype = next(dynamics.parameters()).dtype
        ways.append(partial(dynamics, noise=noise(BATCH, dynamics.noise_dim, seed=11, dtype=dtype)))
    return ways


def _live(make: Make, task_dim: int, dtype: torch.dtype = torch.float64) -> Dynamics:
    return enliven(make(task_dim).to(dtype))


def _inputs(task_dim: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor | None]:
    """z[B,D] on the simplices, a[B,A] in (−1, 1), task_emb[B,E] or None."""
    z, a = simplices(BATCH, LATENTS, dtype=dtype), noise(BATCH, ACTIONS, seed=1, dtype=dtype).tanh()
    return z, a, noise(BATCH, task_dim, seed=2, dtype=dtype) if task_dim else None


def _row(x: Tensor | None, index: int) -> Tensor | None:
    return None if x is None else x[index : index + 1]
