"""An arm on the suite, from its first training to its row. What is on disk says how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from wmzoo.checkpoints.config import CONFIG
from wmzoo.config.composition import loss_of
from wmzoo.diagnostics.cost import how_to_match
from wmzoo.errors import RunFailed, WmzooError
from wmzoo.registry import get, plugins
from wmzoo.reports.bar import Bar
from wmzoo.reports.folder import check_folder
from wmzoo.scoreboard.arm import Arm, typed_words
from wmzoo.scoreboard.beside import rows_beside, stale
from wmzoo.scoreboard.cost import measured
from wmzoo.scoreboard.files import ROW, write_row
from wmzoo.scoreboard.fingerprint import differences, fingerprint
from wmzoo.scoreboard.from_runs import made_of
from wmzoo.scoreboard.report import write_report
from wmzoo.scoreboard.suite import finished, trainings
from wmzoo.scoreboard.tables import costs, disparity, lines, returns
from wmzoo.storage.foreign import read_config
from wmzoo.storage.run_layout import read_facts
from wmzoo.studies.grid import Study, diagnoses, folder_of
from wmzoo.studies.jobs import Job, Runner, Say
from wmzoo.studies.launchers import Launcher


@dataclass
class Bench:
    """cfgs: the composed config of each task's runs. command: what goes on with it, and makes the same row again. said:
    sentences on what was asked for."""

    arm: Arm
    study: Study
    cfgs: Mapping[str, DictConfig]
    root: Path
    command: str
    launcher: Launcher
    workers: int
    say: Say
    said: Sequence[str] = ()

    def run(self, out: Path) -> list[str]:
        """Train, diagnose and time what is missing; write row.json, and the report into `out`; give its words.

        Raises:
            WmzooError: there are runs of other settings in its folder, or `out` is no place for a report.
            RunFailed: some runs have failed; those that have not are in the row all the same.
        """
        check_folder(out)
        self.check_alike()
        for sentence in self.said:
            self.say(sentence)
        failed = None
        try:
            self._do(trainings(self.study, self.cfgs, self.root))
        except RunFailed as error:
            failed = error
        runs = finished(self.study, self.root)
        if failed and not runs:
            raise failed
        self._do(diagnoses(self.study, self.root))
        runs = finished(self.study, self.root)  # with their diagnostics
        with Bar() as bar:
            measures = {task: measured(self.cfgs[task], bar.at) for task in runs}
        dynamics = next(iter(self.cfgs.values())).dynamics  # the arm's, on every task
        about = self.arm.notes(dynamics, loss_of(get("dynamics", dynamics.name)))
        row = made_of(self.arm.name, self.arm.overrides, self.command, runs, measures, about)
        file = folder_of(self.study, self.root) / ROW
        write_row(row, file)
        rows = [row, *rows_beside(row.name, list(row.tasks), self.root, dynamics.name)]
        notes = [
            *self.said,
            *about,
            *filter(None, [disparity(row, how_to_match(dynamics)), self._additions()]),
            *stale(rows[1:], list(row.tasks)),
        ]
        page = write_report(rows, notes, out)
        if failed:
            raise RunFailed(f"{failed}; the row of the others: {file}, their report: {page}") from failed
        tables = [table(rows, list(row.tasks)) for table in (returns, costs)]
        return [*(line for table in tables for line in (*lines(table), "")), *notes, f"row: {file}", f"report: {page}"]

    def check_alike(self) -> None:
        """WmzooError where a run of its folder was begun with other settings, or another state of a plugin file."""
        now = {each["path"]: each["sha256"] for each in plugins.loaded()}
        for cell in self.study.cells():
            folder = folder_of(self.study, self.root) / cell.name
            if not (folder / CONFIG).is_file():
                continue
            cfg = OmegaConf.to_container(self.cfgs[cell.task], resolve=True)
            found = differences(fingerprint(read_config(folder / CONFIG)), fingerprint(cfg))  # type: ignore[arg-type]
            known = {each.get("sha256") for each in read_facts(folder).get("plugins", [])}
            found += [f"{file} has changed since" for file in self.arm.plugins if known and now[file] not in known]
            if found:
                raise WmzooError(
                    f"{folder}: was begun with other settings ({'; '.join(found)}): remove it, or give --root"
                )

    def _do(self, jobs: Sequence[Job]) -> None:
        Runner(jobs, self.launcher, self.workers, self.say, self.command, self.arm.plugins).run()

    def _additions(self) -> str:
        """What was typed besides the entry, which the references were trained without."""
        others = " ".join(typed_words(self.arm.overrides))
        return f"{self.arm.name} was trained with {others}, what stands beside it was not" if others else ""
