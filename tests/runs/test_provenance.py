"""What a run tells about where it was made."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from wmzoo.runs import provenance

LINUX = (
    "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC: 9B14\n\nprocessor\t: 1\nmodel\t\t: 17\n"
)
ARM = "processor\t: 0\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("told", "name"),
    [(LINUX, "AMD EPYC: 9B14 (family 25, model 17)"), (ARM, "Python's"), (None, "Python's")],
    ids=["linux", "linux on arm", "elsewhere"],
)
def test_processors_of_one_name_are_told_apart_where_linux_does(
    told: str | None, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "Python's")
    monkeypatch.setattr(provenance, "CPUINFO", tmp_path / "cpuinfo")
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told)
    assert provenance.facts()["processor"] == name
