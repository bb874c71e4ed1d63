"""docs/tutorial.md is run from top to bottom and what it prints compared; its variants do what it claims of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import Forked
from torch import Tensor

import wmzoo
from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.mlp import MLPDynamics
from wmzoo.losses.mse import MSELoss
from wmzoo.registry import plugins
from wmzoo.runs.metrics import read_metrics

ROOT = Path(__file__).parent.parent
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
FILES = {
    name: "\n\n".join(text for kind, text in BLOCKS if kind == "python" and text.startswith(f"# {name}"))
    for name in ("my_dynamics.py", "disagreement.py")
}
SHORT = ["size=tiny", "trainer.iterations=2", "trainer.horizon=4", "env.num_envs=4", "env.episode_length=10"]
SHORT += ["eval.episodes=2", "save.every=1", "recipe.warmup_steps=80", "recipe.pretrain_updates=1", "device=cpu"]
SHORT += ["recipe.model_updates=1", "recipe.actor_updates=1"]
SHORT += ["recipe.model_horizon=null", "recipe.imagination_horizon=null"]  # the trainer's
SIZES: dict[str, Any] = {"latent_dim": 16, "action_dim": 2, "units": [12], "activation": "silu", "simnorm_dim": 8}


def patched(text: str, diff: str) -> str:
    """`text` with every line -old of `diff` replaced by the line +new below it."""
    for old, new in re.findall(r"^-(.*\n)\+(.*\n)", diff, re.MULTILINE):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def install(site: Path, toml: str) -> None:
    """What pip makes of `my-package 1.0` with this in its pyproject.toml."""
    info = site / "my_package-1.0.dist-info"
    for folder in (info, site / "my_package"):
        folder.mkdir(parents=True)
    (site / "my_package" / "dynamics.py").write_text(FILES["my_dynamics.py"])
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(toml.replace("project.entry-points.", "").replace('"', ""))


def pattern(quoted: str) -> str:
    """… is anything, on a line of its own any lines; decimal numbers count by their form, not their digits."""
    parts = re.split(r"(^…\n|…|-?\d+\.\d+)", quoted, flags=re.MULTILINE)  # every second one is what was split at
    anything = {"…": ".*", "…\n": "(?:.*\n)*"}
    return "".join(anything.get(p, r"-?\d+\.\d+") if i % 2 else re.escape(p) for i, p in enumerate(parts))


def run(command: str, quoted: str, folder: Path) -> None:
    """It prints what is quoted, and fails where an error is quoted and only there."""
    words = command.split()
    words += SHORT if {"train", "bench"} & {*words} else []
    log, path = folder / "log", str(folder / "site")
    log.unlink(missing_ok=True)
    code, printed = Forked(words, log, cwd=folder, env={"PYTHONPATH": path}).wait(600), log.read_text()
    assert (code != 0) == ("wmzoo: " in quoted), f"{command}: exit code {code}\n{printed}"
    assert not quoted or re.fullmatch(pattern(quoted), printed), f"{command} printed\n{printed}and not\n{quoted}"


@pytest.mark.slow
def test_every_command_does_and_prints_what_is_shown(tmp_path: Path) -> None:
    change = ""
    for kind, text in BLOCKS:
        if kind == "toml":
            install(tmp_path / "site", text)
        change = text if kind == "diff" else change
        if kind != "console":
            continue
        for name, code in FILES.items():
            (tmp_path / name).write_text(patched(code, change) if name == "my_dynamics.py" else code)
        for command, quoted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            if command.startswith("wmzoo resume"):  # as if the run had been cut after its first iteration
                shutil.rmtree(tmp_path / "runs" / "committee" / "checkpoints" / "00000002")
            run(command, quoted, tmp_path)
        change = ""
    assert len(list(tmp_path.glob("runs/sweeps/*/*/metrics.csv"))) == 9
    rows = read_metrics(tmp_path / "runs" / "committee")
    assert [row["iteration"] for row in rows] == [1, 2] and all(row["spread"] > 0 for row in rows)


@pytest.fixture
def loaded(tmp_path: Path, own_registry: None) -> None:
    (tmp_path / "my_dynamics.py").write_text(FILES["my_dynamics.py"])
    plugins.load_file(tmp_path / "my_dynamics.py")


def ensemble(**params: int) -> tuple[Any, Tensor, Tensor]:
    """One with weights of ordinary size, in float64, and z[B,D], a[B,A] for it."""
    made = wmzoo.build("dynamics", "committee", **SIZES, **params).double()
    return enliven(made), simplices(5, 16), noise(5, 2, seed=1)


def by_hand(weights: dict[str, Tensor], z: Tensor, a: Tensor) -> Tensor:
    """The tutorial's formula with two blocks."""
    y = z.log()
    for k in (0, 1):
        w, b, scale, shift = (weights[f"blocks.{k}.0.{n}"] for n in ("weight", "bias", "norm.weight", "norm.bias"))
        x = torch.cat([y.view(-1, 2, 8).softmax(-1).flatten(1), a], 1) @ w.T + b
        x = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt() * scale + shift
        y = y + (x * x.sigmoid()) @ weights[f"blocks.{k}.1.weight"].T + weights[f"blocks.{k}.1.bias"]
    return y.view(-1, 2, 8).softmax(-1).flatten(1)


def test_an_ensemble_predicts_the_mean_of_what_the_formula_gives_for_its_members(loaded: None) -> None:
    made, z, a = ensemble(members=3)
    first, second, third = (by_hand(member.state_dict(), z, a) for member in made.members)
    torch.testing.assert_close(made.predictions(z, a), torch.stack([first, second, third]))
    torch.testing.assert_close(made(z, a), (first + second + third) / 3)


def test_one_block_is_the_mlp_with_a_residual_in_logits(loaded: None) -> None:
    made, z, a = ensemble(members=1, blocks=1)
    mlp = MLPDynamics(**SIZES, residual="logit").double()
    mlp.net.load_state_dict(made.members[0].blocks[0].state_dict())
    torch.testing.assert_close(made(z, a), mlp(z, a))


def test_the_spread_is_half_the_distance_of_two_members_and_zero_for_equal_and_untrained_ones(loaded: None) -> None:
    made, z, a = ensemble(members=2)
    first, second = made.predictions(z, a)
    torch.testing.assert_close(made.spread(z, a), (first - second).norm(dim=1) / 2 / 16**0.5)
    made.members[1].load_state_dict(made.members[0].state_dict())
    untrained = wmzoo.build("dynamics", "committee", **SIZES).double()
    torch.testing.assert_close(untrained(z, a), z)
    assert torch.cat([made.spread(z, a), untrained.spread(z, a)]).max() < 1e-9


def test_each_member_s_own_error_is_the_mean_s_and_the_spread(loaded: None) -> None:
    made, z, _ = ensemble(members=3)
    actions, targets = noise(4, 5, 2, seed=2), simplices(4, 5, 16, seed=3)
    zs, loss, figures = wmzoo.build("loss", "each_member").rollout(made, z, actions, targets, 0.9)
    mean = MSELoss().rollout(made, z, actions, targets, 0.9)
    spreads = torch.stack([made.spread(zs[t], actions[t]).square().mean() for t in range(4)])
    torch.testing.assert_close(zs, mean.zs)
    torch.testing.assert_close(loss, mean.loss + (0.9 ** torch.arange(4) * spreads).sum())
    torch.testing.assert_close(figures["spread"], spreads.sqrt().mean().detach())


def test_the_variants_follow_size_and_name_their_loss(loaded: None) -> None:
    cfg = wmzoo.compose(["dynamics=committee", "size=tiny", "dynamics.members=3"])
    assert (cfg.loss.name, cfg.dynamics.units, cfg.dynamics.members) == ("each_member", [64, 64], 3)
