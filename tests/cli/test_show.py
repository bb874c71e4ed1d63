"""`wmzoo show`: an entry's facts and parameters, as they are typed."""

from __future__ import annotations

import pytest

from wmzoo.cli.main import main


def test_show_prints_facts_and_parameters_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "dynamics", "flow"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "default_loss rectified_flow" in out
    assert "dynamics.condition_on_source false" in out
    assert "dynamics.substeps 2" in out
    assert "dynamics.units [256,256] as model.units" in out
    assert "dynamics.coordinates logit latent | logit | sphere; as recipe.coordinates" in out
    assert "dynamics.train_integrator euler" in out and "${" not in out


def test_show_says_how_a_loss_is_typed_that_is_only_added_to_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "jacobian"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("loss.add=[{name: jacobian, weight: 0.1}]") and " rows 0.25" in out and "loss.rows" not in out


def test_show_knows_the_named_tasks_that_list_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "env", "walker_walk"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("env=walker_walk env=dmc env.task=walker-walk") and "env.task walker-walk" in out


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("flow", "dynamics"),
        ("heun", "integrator"),
        ("rectified_flow", "loss"),
        ("online", "trainer"),
        ("dmc", "env"),
        ("walker_walk", "env"),
        ("fish-swim", "env"),
        ("cheetah_run-flow", "checkpoint"),
    ],
)
def test_show_finds_an_entry_whose_name_one_kind_alone_has(
    name: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", name]) == 0
    short = capsys.readouterr().out
    assert short.startswith(f"{kind}={name} ")
    assert main(["show", kind, name]) == 0
    assert capsys.readouterr().out == short


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mean_flow", "mean_flow is a dynamics and a loss: wmzoo show dynamics mean_flow or wmzoo show loss mean_flow"),
        ("dynamics", "which dynamics? `wmzoo list dynamics` has the names: wmzoo show dynamics ENTRY"),
        ("hen", "unknown entry 'hen': did you mean heun? `wmzoo list` and `wmzoo list tasks` have all"),
    ],
)
def test_a_name_that_is_no_entry_s_or_several_says_what_to_type(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", name]) == 2
    assert capsys.readouterr().err == f"wmzoo: {says}\n"


def test_show_of_a_task_has_its_suite_s_facts_and_the_list_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "cup_spin"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("env=cup_spin env=dmc env.task=ball_in_cup-spin target") and "env.num_envs 64" in out
    assert "tasks `wmzoo list tasks dmc`" in out and "spellings" not in out
