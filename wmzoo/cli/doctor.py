"""`wmzoo doctor`: what is installed here, what works, and how to mend what does not.

Versions, device and threads, every environment suite (one is built and stepped), rendering, extras, and versions that
are known not to go together. Exit code 1 if something that wmzoo needs does not work; a missing extra is no fault.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

from wmzoo.errors import CheckFailed, WmzooError

GROUP = "first hour"
MARKS = {True: "ok", False: "FAULT", None: "-"}

# distribution, and the first of its versions that does not go with the other one; why; the mend
BAD_PAIRS = (
    (
        "mujoco",
        "4",
        "dm_control",
        "every dm_control task fails (MjModel has no flex_vertedge)",
        "pip install 'mujoco<4'",
    ),
    ("mujoco", "3.3.1", "metaworld", "metaworld 3 is made for mujoco 3.3.0", "pip install mujoco==3.3.0"),
)


@dataclass(frozen=True)
class Finding:
    """One line of the report. ok: None where there is nothing to judge. mend: what to do about a fault or a lack."""

    topic: str
    name: str
    ok: bool | None
    text: str
    mend: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    findings = [*versions(), *bad_pairs(), *device(), *suites(), rendering(), *extras()]
    faults = [finding for finding in findings if finding.ok is False]
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        topic = ""
        for finding in findings:
            if finding.topic != topic:
                topic = finding.topic
                print(topic)
            mend = f"; {finding.mend}" if finding.mend else ""
            print(f"  {MARKS[finding.ok]:5}  {finding.name:{width}}  {finding.text}{mend}")
    if faults:
        raise CheckFailed(f"{len(faults)} faults: {', '.join(f'{f.topic} {f.name}' for f in faults)}")
    return 0


def versions() -> Iterator[Finding]:
    """Python, the system, and the distributions that can change a result."""
    from wmzoo.runs import provenance

    yield Finding("versions", "system", None, platform.platform())
    for name, version in provenance.versions().items():
        mend = "" if version else f"pip install {name}"
        yield Finding("versions", name, bool(version), version or "not installed", mend)


def bad_pairs() -> Iterator[Finding]:
    """Installed versions that are known not to go together."""
    from packaging.version import Version

    for name, first_bad, other, why, mend in BAD_PAIRS:
        version, partner = _version(name), _version(other)
        if version and partner and Version(version) >= Version(first_bad):
            yield Finding("versions", f"{name} with {other}", False, f"{version} with {partner}: {why}", mend)


def device() -> Iterator[Finding]:
    """Where training would run, and on how many threads."""
    import torch

    found = torch.cuda.is_available()
    text = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())) if found else "no GPU"
    yield Finding(
        "device", "cuda", True if found else None, f"{text}; device=auto takes the {'GPU' if found else 'CPU'}"
    )
    cores = len(os.sched_getaffinity(0))
    yield Finding("device", "cpu", True, f"{cores} cores; threads=auto takes 1 up to size=small, {cores} above")


def suites() -> Iterator[Finding]:
    """Every environment suite: one environment with its card's task is built, reset and stepped."""
    import torch

    from wmzoo.envs.task_sets import task_of
    from wmzoo.registry import build, get, list_entries

    for name in list_entries("env"):
        task = task_of(get("env", name).params)
        try:
            env = build("env", name, num_envs=1)
            try:
                env.reset(0)
                env.step(torch.zeros(1, env.act_dim))
            finally:
                env.close()
        except WmzooError as error:  # says itself what to do
            facts = get("env", name).facts
            optional = "extra" in facts or facts.get("installed_by") == "user"
            missing = optional and isinstance(error.__cause__, ModuleNotFoundError)
            yield Finding("suites", name, None if missing else False, str(error))
        except Exception as error:
            what = (str(error).strip().splitlines() or [""])[0]
            mend = "reinstall it with the versions of constraints.txt"
            yield Finding("suites", name, False, f"{task}: {type(error).__name__}: {what}", mend)
        else:
            yield Finding("suites", name, True, f"{task} works")


def rendering() -> Finding:
    """Whether pictures and videos can be made; training does not need them."""
    from wmzoo.envs import rendering as backends

    chosen = backends.choose_backend()
    try:
        backends.require_backend()
    except WmzooError as error:
        return Finding("rendering", "mujoco", None, str(error))
    return Finding("rendering", "mujoco", True, f"MUJOCO_GL={chosen}" if chosen else "the system's window")


def extras() -> Iterator[Finding]:
    """wmzoo's extras, and the distributions of each that are missing."""
    from packaging.requirements import Requirement

    needed: dict[str, list[str]] = {}
    for requirement in map(Requirement, metadata.requires("wmzoo") or []):
        for extra in metadata.metadata("wmzoo").get_all("Provides-Extra") or []:
            if requirement.marker and requirement.marker.evaluate({"extra": extra}):
                needed.setdefault(extra, []).append(requirement.name)
    for extra, names in sorted(needed.items()):
        missing = [name for name in names if not _version(name)]
        if missing:
            mend = f"pip install 'wmzoo[{extra}]'"
            yield Finding("extras", extra, None, f"not installed: {', '.join(missing)}", mend)
        else:
            yield Finding("extras", extra, True, "installed")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
