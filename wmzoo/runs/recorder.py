"""What a trainer reports, written into a run folder and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from wmzoo.agent.agent import Agent
from wmzoo.checkpoints.write import save_in_run
from wmzoo.envs.build import evaluation_seed
from wmzoo.evaluation.episodes import Evaluation
from wmzoo.runs import Progress, Run
from wmzoo.storage.files import make_folder, write_json
from wmzoo.storage.run_layout import EVALUATIONS, evaluation_file


class RunRecorder:
    """Writes what a trainer reports into a run folder, and shows it."""

    def __init__(self, run: Run, progress: Progress, stop_requested: Callable[[], bool]) -> None:
        self.run, self.progress, self.stop_requested = run, progress, stop_requested

    def of(self, agent: Agent) -> RunRecorder:
        """This recorder, as that of `agent`'s run."""
        self.agent = agent
        self.parameters = agent.parameter_counts()
        self.nfe = agent.world_model.dynamics.nfe
        counts = ", ".join(f"{part} {count:,}" for part, count in self.parameters.items())
        self.progress.message(f"parameters: {counts}")
        if (called := agent.world_model.dynamics.forward_nfe) != self.nfe:
            self.progress.message(
                f"evaluations of the field per latent step: {self.nfe} in the rollouts of training, {called} by "
                f"dynamics(z, a); dynamics.train_integrator=null dynamics.train_substeps=null trains with these"
            )
        return self

    def preparing(self, what: str, done: int, total: int) -> None:
        self.progress.preparing(what, done, total)

    def log(self, row: Mapping[str, Any]) -> None:
        self.run.log(row)
        self.progress.update(row)

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None:
        """Every episode, in eval/<iteration>.json; `wmzoo evaluate` puts episodes and seed in its own names."""
        when = {"iteration": iteration, "env_steps": env_steps, "seed": evaluation_seed(self.run.cfg)}
        means = {name: getattr(evaluation, name) for name in ("mean", "std", "success", "success_any")}
        result = when | means | asdict(evaluation)
        make_folder(self.run.folder, EVALUATIONS)
        write_json(evaluation_file(self.run.folder, iteration), result)

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None:
        agent, cfg = self.agent, self.run.cfg
        save_in_run(
            self.run.folder, agent, cfg, agent.obs_dim, agent.act_dim,
            iteration=iteration, env_steps=env_steps, keep=cfg.save.keep, state=state,
        )  # fmt: skip


class SilentRecorder:
    """Keeps nothing of what a trainer reports."""

    def __init__(self, stop_requested: Callable[[], bool]) -> None:
        self.stop_requested = stop_requested

    def of(self, agent: Agent) -> SilentRecorder:
        return self

    def preparing(self, what: str, done: int, total: int) -> None: ...

    def log(self, row: Mapping[str, Any]) -> None: ...

    def evaluated(self, iteration: int, env_steps: int, evaluation: Evaluation) -> None: ...

    def checkpoint(self, iteration: int, env_steps: int, state: dict[str, Any]) -> None: ...
