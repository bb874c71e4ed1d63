"""`wmzoo check FILE` on good and broken plugin files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wmzoo.cli.main import main

pytestmark = pytest.mark.usefixtures("own_registry")
HEAD = "import torch, wmzoo\nfrom torch import nn\nfrom wmzoo.dynamics import Dynamics, LogitCoordinates\n"
DYNAMICS = (
    HEAD
    + """
@wmzoo.register("dynamics", "shift", default_loss="mse")
class Shift(Dynamics):
    def __init__(self, *, latent_dim, action_dim, task_dim=0):
        super().__init__()
        self.net, self.chart = nn.Linear(latent_dim + action_dim + task_dim, latent_dim), LogitCoordinates()

    def forward(self, z, a, task_emb=None):
        inputs = [z, a] if task_emb is None else [z, a, task_emb]
        return self.chart.land(self.chart.chart(z) + self.net(torch.cat(inputs, -1)))
"""
)
INTEGRATOR = """
import wmzoo
from wmzoo.integrators import ExplicitRungeKutta

@wmzoo.register("integrator", "third_order", order=3, nfe_per_step=2)
class Ralston(ExplicitRungeKutta):
    def __init__(self):
        super().__init__(a=((), (2 / 3,)), b=(1 / 4, 3 / 4), c=(0.0, 2 / 3), order=2)
"""


def check(folder: Path, text: str, *words: str) -> int:
    (folder / "mine.py").write_text(text)
    return main(["check", *words, str(folder / "mine.py")])


def test_a_good_dynamics_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, DYNAMICS, "--verbose") == 0
    out = capsys.readouterr().out
    assert out.startswith("dynamics shift\n") and "fails" not in out
    assert re.search(r"(\d+) of \1 checks hold, 4 do not apply", out)
    assert re.search(r"skipped  shift: velocity: .*\n +it has no velocity\n", out)
    assert "holds    shift: simplex: The next latent lies on the simplices" in out


def test_what_does_not_hold_is_told_in_words_with_the_law(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, DYNAMICS.replace("return self.chart.land(", "return (")) == 1
    captured = capsys.readouterr()
    assert "fails    shift: simplex: The next latent lies on the simplices" in captured.out
    assert re.fullmatch(r"wmzoo: .*mine\.py: \d+ checks do not hold\n", captured.err)


def test_an_error_of_the_entry_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        check(tmp_path, DYNAMICS.replace("inputs = [z, a] if task_emb is None else [z, a, task_emb]", "inputs = [z]"))
        == 1
    )
    line = DYNAMICS.splitlines().index(
        "        return self.chart.land(self.chart.chart(z) + self.net(torch.cat(inputs, -1)))"
    )
    assert "raised RuntimeError: " in (out := capsys.readouterr().out) and f"(mine.py, line {line + 1})" in out


def test_a_card_that_promises_another_order_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, INTEGRATOR) == 1
    assert "order is 3 on the card, 2 in code" in capsys.readouterr().out
    assert check(tmp_path, INTEGRATOR.replace("order=3", "order=2")) == 0


def test_a_file_that_registers_nothing_or_does_not_load_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, "x = 1\n") == 2
    assert check(tmp_path, "x = 1 / 0\n") == 2
    assert main(["check", str(tmp_path / "absent.py")]) == 2
    nothing, broken, absent = capsys.readouterr().err.splitlines()
    assert "registers nothing" in nothing and "ZeroDivisionError" in broken and "no such file" in absent


PARTS = (
    DYNAMICS.replace('default_loss="mse"', 'default_loss="of_parts", provides="parts"')
    + """
from wmzoo.losses.base import DynamicsLoss, LatentRollout, discounted_sum

@wmzoo.register("loss", "of_parts", requires="parts")
class OfParts(DynamicsLoss):
    def rollout(self, dynamics, z0, actions, targets, discount, task_emb=None):
        if not isinstance(dynamics, Shift):
            raise TypeError("this loss needs parts")
        zs = [z0]
        for a in actions:
            zs.append(dynamics(zs[-1], a, task_emb))
        errors = (torch.stack(zs[1:]) - targets).square()
        return LatentRollout(torch.stack(zs), discounted_sum(errors, discount), {})
"""
)


@pytest.mark.slow
def test_a_loss_with_a_capability_of_its_own_is_checked_on_a_dynamics_that_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, PARTS, "--verbose") == 0
    out = capsys.readouterr().out
    assert "holds    of_parts: discount" in out and "holds    of_parts: missing capability" in out
    assert check(tmp_path, PARTS.replace("errors, discount)", "errors, 1.0)")) == 1
    assert "fails    of_parts: discount" in capsys.readouterr().out


def test_a_default_loss_that_does_not_exist_is_told_with_its_near_matches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, DYNAMICS.replace('"shift"', '"swift"').replace('"mse"', '"rectifiedflow"')) == 2
    said = f"dynamics 'swift' ({tmp_path}/mine.py): unknown default_loss 'rectifiedflow': did you mean rectified_flow?"
    assert said in capsys.readouterr().err
