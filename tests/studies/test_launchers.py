"""Jobs on this machine, and on submitit's imitation of a cluster."""

import subprocess
import sys
import time

import pytest

from wmzoo.errors import WmzooError
from wmzoo.studies.launchers import Local, Slurm

SLEEPS = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where these tests run in the background
print("asleep", flush=True)
time.sleep(600)
"""


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)


def test_a_local_job_writes_to_its_log_and_tells_how_it_ended(tmp_path):
    jobs = [Local(threads=1).start(words, tmp_path / f"{words[0]}.log") for words in (["list", "loss"], ["lsit"])]
    for job in jobs:
        job.wait()
    assert [job.poll() for job in jobs] == [0, 2]
    assert "rectified_flow" in (tmp_path / "list.log").read_text() and "lsit" in (tmp_path / "lsit.log").read_text()


def test_a_local_job_is_interrupted_as_by_ctrl_c(tmp_path):
    plugin, log = tmp_path / "sleeps.py", tmp_path / "log"
    plugin.write_text(SLEEPS)
    job = Local().start(["list", "--plugin", str(plugin)], log)
    wait_for(lambda: "asleep" in log.read_text())
    assert job.poll() is None
    job.interrupt()
    job.wait()
    assert job.poll() == 130


def test_a_job_does_not_get_the_terminals_ctrl_c(tmp_path):
    """The interrupt goes to our process group, as a terminal sends it; the job is in one of its own."""
    script = (
        "from pathlib import Path; from wmzoo.studies.launchers import Local\n"
        f"job = Local().start(['list'], Path({str(tmp_path / 'log')!r}))\n"
        "import os; print(os.getpgid(job.process.pid) != os.getpgid(0)); job.wait()"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "True\n"


def test_a_cluster_s_job_runs_the_command_with_its_output_in_the_log_s_folder(tmp_path):
    job = Slurm({"timeout_min": 5}, cluster="local").start(["list", "loss"], tmp_path / "log")
    wait_for(lambda: job.poll() is not None)
    assert "rectified_flow" in "".join(file.read_text() for file in (tmp_path / "log").glob("*.out"))


def test_a_cluster_s_job_that_is_still_there_is_waited_for_and_not_submitted_again(tmp_path, monkeypatch):
    """As after this machine's process was killed: the cluster, which is not there, says that job 17 goes on."""
    asked = []

    class StillThere:
        def __init__(self, folder, job_id):
            asked.append((folder, job_id))

        def done(self):
            return False

    slurm = Slurm()
    monkeypatch.setattr(slurm._submitit, "SlurmJob", StillThere)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "job_id").write_text("17")
    assert slurm.start(["list"], tmp_path / "log").poll() is None
    assert asked == [(tmp_path / "log", "17")]
    StillThere.done = lambda self: True
    with pytest.raises(WmzooError, match="Slurm takes no job"):
        slurm.start(["list"], tmp_path / "log")


@pytest.mark.parametrize(
    ("options", "cluster", "words"), [({"timeout_mni": 5}, "local", "timeout_mni"), ({}, "slurm", "Slurm takes no job")]
)
def test_what_cannot_be_submitted_is_one_line(tmp_path, options, cluster, words):
    with pytest.raises(WmzooError, match=words) as caught:
        Slurm(options, cluster).start(["list"], tmp_path / "log")
    assert "\n" not in str(caught.value)
