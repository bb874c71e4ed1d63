"""What an extraction trains and where, without training it."""

import pytest

from wmzoo.cli.main import main
from wmzoo.data.shards import Index, TaskIndex
from wmzoo.envs.task_sets import MT30, MT80
from wmzoo.errors import WmzooError
from wmzoo.studies.extraction import agent_overrides, check_data, extractions, policies, pretrainings, read_plan, set_of


def index(folder, tasks, num_tasks, episodes=((1, 1),)):
    """A data set of zeros; one step per task, or runs of (episodes, their steps)."""
    entries = tuple(TaskIndex(number, task.name, task.obs_dim, task.act_dim, episodes) for number, task in tasks)
    for entry in entries:
        for array, width in (("obs", entry.obs_dim), ("action", entry.act_dim), ("reward", 1)):
            file = entry.file(folder, array)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes(4 * width * sum((steps + 1) * count for count, steps in episodes)))
    (folder / "index.json").write_text(Index(39, 6, num_tasks, entries).text())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["mt30", "mt30_mini"])
def test_both_plans_compose_with_both_dynamics_and_both_modes(experiment):
    plan = read_plan(experiment)
    assert list(plan.dynamics) == ["mlp", "flow"] and list(plan.modes) == ["frozen", "finetuned"]


def test_the_whole_job_is_a_model_per_dynamics_and_a_policy_per_task_dynamics_and_mode(tmp_path):
    data = index(tmp_path / "data", list(enumerate(MT30)), 30)
    plan, (chosen, names) = read_plan("mt30"), set_of(data)
    assert chosen == "mt30" and names == [task.name for task in MT30]
    assert [job.name for job in pretrainings(plan, data, tmp_path / "out")] == ["pretrain/mlp", "pretrain/flow"]
    wanted = policies(plan, tmp_path / "out", names)
    jobs = extractions(plan, data, tmp_path / "out", chosen, wanted)
    assert len({str(job.folder) for job in jobs}) == len(jobs) == 2 * 2 * 30
    words = jobs[30 + 12].words()  # the flow's, frozen, of the thirteenth task
    assert words[0] == "train" and words[-1] == f"run_dir={tmp_path}/out/extract/flow-frozen/cup-catch"
    assert {"trainer=offline", "env.set=mt30", "env.only=[cup-catch]", "data.tasks=[cup-catch]"} <= set(words)
    assert f"init_from={tmp_path}/out/pretrain/flow" in words and "dynamics=flow" in words


def test_one_task_s_agent_can_have_overrides_of_its_own():
    plan = read_plan("mt30_mini", ["extraction.collect.tasks=[reacher-easy,cup-catch]"])
    reacher, cup = agent_overrides(plan)["reacher-easy"], agent_overrides(plan)["cup-catch"]
    assert [word for word in reacher if word not in cup] == ["env=reacher-easy", "recipe.noise_correlation=0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("episodes", "why"),
    [
        (((1, 500),), "there are no episodes held out (every twentieth of a task; of fewer the last, but of one none)"),
        (
            ((1, 500), (1, 3)),
            "episodes held out (every twentieth of a task; of fewer the last, but of one none) none has",
        ),
        (((1, 3), (1, 500)), "episodes to learn from none has"),
    ],
)
def test_data_that_are_too_little_for_a_training_are_refused_before_the_first(tmp_path, capsys, episodes, why):
    data = index(tmp_path / "data", [(12, MT30[12])], 30, episodes)
    assert main(["mt30", "--mini", "--data", str(data), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert why in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_data_that_are_enough_are_taken(tmp_path):
    check_data(read_plan("mt30_mini"), index(tmp_path / "data", [(12, MT30[12])], 30, ((2, 500),)))


def test_the_set_is_told_from_the_data(tmp_path):
    few = [(0, MT30[3]), (1, MT80[65])]
    assert set_of(index(tmp_path / "list", few, 2)) == ("[cheetah-run,mw-reach]", ["cheetah-run", "mw-reach"])
    part = [(12, MT30[12]), (29, MT30[29])]
    assert set_of(index(tmp_path / "part", part, 30)) == ("mt30", ["cup-catch", "pendulum-spin"])
    assert set_of(index(tmp_path / "mt80", [(65, MT80[65])], 80)) == ("mt80", ["mw-reach"])
    with pytest.raises(WmzooError, match="has 2 of 30 tasks, and these are not MT30's"):
        set_of(index(tmp_path / "other", [(0, MT30[12]), (1, MT30[29])], 30))
