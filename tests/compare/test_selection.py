"""Which runs are compared, and what is said where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_runs import write_run, write_study

from wmzoo.compare.selection import select_runs
from wmzoo.errors import WmzooError


def arm(root: Path, dynamics: str, seeds: int = 2, task: str = "cheetah-run", **more: object) -> None:
    for seed in range(seeds):
        folder = root / task / dynamics / f"seed{seed}"
        write_run(folder, dynamics=dynamics, task=task, seed=seed, returns=[1, 2, 3], **more)  # type: ignore[arg-type]


def test_runs_are_found_below_a_folder_each_once_and_in_natural_order(tmp_path: Path) -> None:
    arm(tmp_path, "mlp", 11)
    arm(tmp_path, "flow", 1)
    runs, notes = select_runs([tmp_path / "cheetah-run" / "mlp", tmp_path], ["dynamics"])
    assert [run.seed for run in runs] == [*range(11), 0] and notes == []
    assert [run.arm for run in runs] == ["mlp"] * 11 + ["flow"]


def test_the_baseline_comes_first(tmp_path: Path) -> None:
    arm(tmp_path, "mlp")
    arm(tmp_path, "flow")
    assert [run.arm for run in select_runs([tmp_path], ["dynamics"])[0]] == ["flow"] * 2 + ["mlp"] * 2
    assert [run.arm for run in select_runs([tmp_path], ["dynamics"], "mlp")[0]] == ["mlp"] * 2 + ["flow"] * 2


@pytest.mark.parametrize(
    ("by", "arms"),
    [
        (["dynamics"], {"mlp", "flow"}),
        (["dynamics.name"], {"mlp", "flow"}),
        (["dynamics", "integrator"], {"mlp heun", "flow heun"}),
        (["folder"], {"mlp", "flow"}),
        (["dynamics.units"], {"units=[256,256]", "units=[250,250]"}),
        (["dynamics", "trainer.iterations"], {"mlp iterations=30", "flow iterations=30"}),
    ],
)
def test_any_key_or_several_tell_the_arms_apart(tmp_path: Path, by: list[str], arms: set[str]) -> None:
    arm(tmp_path, "mlp")
    arm(tmp_path, "flow")
    assert {run.arm for run in select_runs([tmp_path], by)[0]} == arms


def test_a_key_that_some_runs_lack_is_null_there(tmp_path: Path) -> None:
    arm(tmp_path, "mlp")
    arm(tmp_path, "flow", config={"dynamics": {"name": "flow", "substeps": 2}})
    assert {run.arm for run in select_runs([tmp_path], ["dynamics.substeps"])[0]} == {"substeps=null", "substeps=2"}


def test_committed_results_with_a_csv_alone_can_be_compared() -> None:
    results = Path(__file__).parents[2] / "benchmarks" / "results" / "learning" / "main"
    runs, _ = select_runs([results], ["dynamics"])
    assert len(runs) == 6 and all(run.returns.size == 10 and run.steps[-1] == 174080 for run in runs)


def test_failed_and_unfinished_runs_are_left_out_and_counted_by_arm(tmp_path: Path) -> None:
    arm(tmp_path, "mlp")
    arm(tmp_path, "flow")
    for seed, status in ((7, "failed"), (8, "failed"), (9, "running")):
        folder = tmp_path / "x" / f"seed{seed}"
        write_run(folder, dynamics="flow", task="cheetah-run", seed=seed, returns=[1], status=status)
    runs, notes = select_runs([tmp_path], ["dynamics"])
    assert len(runs) == 4
    x = tmp_path / "x"
    assert notes == [
        f"Left out: 2 runs of flow on cheetah-run, failed: {x}/seed7, {x}/seed8.",
        f"Left out: 1 run of flow on cheetah-run, running: {x}/seed9.",
    ]


@pytest.mark.parametrize(("other", "baseline"), [("mlp", None), ("heun", "flow"), ("heun", None)])
def test_where_runs_are_missing_those_that_were_left_out_are_named(
    tmp_path: Path, other: str, baseline: str | None
) -> None:
    arm(tmp_path, "mlp")
    arm(tmp_path, other, task="walker-walk")
    write_run(tmp_path / "x", dynamics="flow", task="walker-walk", seed=7, returns=[1], status="failed")
    with pytest.raises(WmzooError, match=r"Left out: 1 run of flow on walker-walk, failed: .*/x\.$"):
        select_runs([tmp_path], ["dynamics"], baseline)


def wrong(root: Path, what: str) -> tuple[list[Path], list[str], str | None]:
    """A mistake: paths, --by and --baseline."""
    paths, by, baseline = [root], ["dynamics"], None
    arm(root, "mlp")
    if what != "one arm":
        arm(root, "flow")
    if what == "missing folder":
        paths = [root / "nowhere"]
    if what == "empty folder":
        (root / "empty").mkdir()
        paths = [root / "empty"]
    if what == "no evaluations":
        paths = [root / "short"]
        for name in ("mlp", "flow"):
            write_run(root / "short" / name, dynamics=name, task="t", seed=0, returns=[])
    if what == "tasks":
        arm(root, "mlp", task="walker-walk")
    if what == "twice":
        write_run(root / "again", dynamics="mlp", task="cheetah-run", seed=1, returns=[1])
    if what == "key":
        by = ["dynamix"]
    if what == "group":
        by = ["groups"]
        for config in root.rglob("config.yaml"):
            config.write_text(config.read_text() + "groups: {a: 1}\n")
    if what == "baseline":
        baseline = "heun"
    if what == "config":
        next(root.rglob("config.yaml")).write_text("[")
    if what == "run.json":
        next(root.rglob("run.json")).write_text("{")
    return paths, by, baseline


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing folder", "nowhere: no such folder"),
        ("empty folder", "empty: no run in it"),
        ("no evaluations", "no finished run with evaluations to compare: .*mlp on t, without evaluations"),
        ("one arm", r"all 2 runs are one arm by dynamics \(mlp\): choose another --by, or add runs"),
        ("tasks", "arm flow has no finished run on walker-walk"),
        ("twice", "again.* and .*seed1.* are both mlp on cheetah-run with seed 1|seed1 and .*again are both mlp"),
        ("key", r"--by: unknown key 'dynamix': did you mean dynamics\?"),
        ("group", r"--by groups: a group of keys in .*; choose one of groups\.… \(a\)"),
        ("baseline", "--baseline heun: no such arm; there are flow, mlp"),
        ("config", "config.yaml: cannot read it"),
        ("run.json", "run.json: cannot read it"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, what: str, words: str) -> None:
    paths, by, baseline = wrong(tmp_path, what)
    with pytest.raises(WmzooError, match=words) as caught:
        select_runs(paths, by, baseline)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_a_study_s_grid_is_complete(tmp_path: Path) -> None:
    runs, _ = select_runs([write_study(tmp_path / "s", seeds=2, tasks=3, diagnostics=False)], ["dynamics"])
    assert len(runs) == 12


def test_runs_that_step_no_environment_are_compared_by_iterations(tmp_path: Path) -> None:
    arm(tmp_path, "mlp", acts=False)
    arm(tmp_path, "flow", acts=False)
    runs, notes = select_runs([tmp_path], ["dynamics"])
    assert notes == [] and {run.unit for run in runs} == {"iterations"}
    assert all(run.steps.tolist() == [10, 20, 30] and run.action_repeat == 1 for run in runs)


def test_runs_that_count_otherwise_than_the_baseline_are_left_out_and_named(tmp_path: Path) -> None:
    """An agent beside the policies that were learned from its replay."""
    arm(tmp_path, "mlp", acts=False)
    arm(tmp_path, "flow", acts=False)
    arm(tmp_path, "agent", seeds=1)
    runs, (note,) = select_runs([tmp_path], ["dynamics"], "mlp")
    assert {run.arm for run in runs} == {"mlp", "flow"}
    assert "1 run of agent on cheetah-run, counted in agent steps, not iterations" in note
    with pytest.raises(
        WmzooError, match=r"one arm by dynamics .agent.*2 runs of mlp .*counted in iterations, not agent st"
    ):
        select_runs([tmp_path], ["dynamics"])
