"""What an extraction has come to: the data's own returns, the models' errors, and the policies' episodes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wmzoo.data.inspect import inspect
from wmzoo.envs.task_sets import Task, find
from wmzoo.errors import WmzooError
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.evaluation.tasks import Aggregate, Played, aggregate
from wmzoo.runs.metrics import read_metrics
from wmzoo.statistics.curves import LAST_EVALUATIONS
from wmzoo.storage.rows import Row
from wmzoo.storage.run_layout import evaluations_asked_for, is_trained, read_facts
from wmzoo.studies.extraction import Plan, Policy, agents, evaluation_of, policies
from wmzoo.studies.kept import keep


@dataclass(frozen=True)
class Results:
    """data: mean return per episode of each task's data. agents: of the agents whose replays these are, the mean of the
    last three evaluations; empty for other data. arms: in the plan's order, the policies that were evaluated.

    models: of each dynamics, its run's parameters and its last row of metrics. curves: of each arm and task, the rows
    with an evaluation.
    """

    tasks: tuple[Task, ...]
    data: dict[str, float]
    agents: dict[str, float]
    arms: dict[str, list[Played]]
    models: dict[str, tuple[dict[str, int], Row]]
    curves: dict[str, dict[str, list[Row]]]

    def aggregate(self, arm: str) -> Aggregate:
        return aggregate(self.arms[arm])

    def score(self, arm: str, task: Task) -> float | None:
        """The mean over episodes, from 0 to 100; None where there is none."""
        found = [played.scores.mean() for played in self.arms[arm] if played.task == task]
        return float(found[0]) if found else None

    def data_score(self, task: Task) -> float | None:
        """Of the policy that collected the data; None for Meta-World, whose data do not tell success."""
        return None if task.suite == "metaworld" else self.data[task.name] / 10

    def agent_score(self, task: Task) -> float | None:
        """Of the agent that the data are of, in the end; None for other data."""
        return self.agents[task.name] / 10 if task.name in self.agents else None

    def beaten(self, arm: str) -> tuple[int, int]:
        """On how many tasks the arm's return is above that of its data, and on how many it was evaluated."""
        above = [played.evaluation.mean > self.data[played.task.name] for played in self.arms[arm]]
        return sum(above), len(above)


def read_results(plan: Plan, data: Path, out: Path, names: Sequence[str], episodes: int) -> Results:
    """What has been evaluated so far. WmzooError where nothing has."""
    wanted = policies(plan, out, names)
    arms: dict[str, list[Played]] = {}
    curves: dict[str, dict[str, list[Row]]] = {}
    for policy in wanted:
        played = _played(policy, episodes)
        if played is not None:
            arms.setdefault(policy.arm, []).append(played)
            rows = [row for row in read_metrics(policy.folder) if row.get("eval_return") is not None]
            curves.setdefault(policy.arm, {})[policy.task] = rows
    if not arms:
        raise WmzooError(f"{out}: no policy has been evaluated yet")
    summaries = {summary.name: summary for summary in inspect(data).tasks}
    returns = {name: summaries[name].reward_sum / summaries[name].episodes for name in names}
    models = {}
    for dynamics in plan.dynamics:
        folder = out / "pretrain" / dynamics
        rows = [row for row in read_metrics(folder) if row.get("latent_error_last") is not None]
        models[dynamics] = (read_facts(folder).get("parameters") or {}, rows[-1] if rows else {})
    trained = {run.folder.name: _last(run.folder) for run in agents(plan, out) if is_trained(run.folder)}
    return Results(tuple(find(name) for name in names), returns, trained, arms, models, curves)


def _last(folder: Path) -> float:
    """The mean of a run's last three evaluations."""
    found = [row["eval_return"] for row in read_metrics(folder) if row.get("eval_return") is not None]
    return statistics.fmean(found[-LAST_EVALUATIONS:])


def keep_runs(plan: Plan, out: Path, names: Sequence[str], report: Path, episodes: int) -> None:
    """What the results come from, below the report's runs/: of every run its metrics, and of a policy its episodes."""
    for folder in [*(run.folder for run in agents(plan, out)), *(out / "pretrain" / name for name in plan.dynamics)]:
        if is_trained(folder):
            keep(folder, report, f"runs/{folder.relative_to(out)}")
    for policy in policies(plan, out, names):
        if evaluation_of(policy.folder, episodes) is not None:
            file = evaluations_asked_for(policy.folder, episodes)[-1].relative_to(policy.folder)
            keep(policy.folder, report, f"runs/{policy.folder.relative_to(out)}", [str(file)])


def _played(policy: Policy, episodes: int) -> Played | None:
    found = evaluation_of(policy.folder, episodes)
    if found is None:
        return None
    successes = found.get("successes")
    evaluation = Evaluation(
        tuple(found["returns"]), tuple(found["lengths"]), None if successes is None else tuple(successes)
    )
    return Played(policy.folder, find(policy.task), evaluation)
