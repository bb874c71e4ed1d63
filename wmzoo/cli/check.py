"""`wmzoo check FILE`: does what a plugin file registers keep the contract of its kind?

Runs the checks that every built-in entry passes (shapes, gradients, determinism, save and load …) and says in words
what does not hold, why, and where. Exit code 1 if something does not.
"""

from __future__ import annotations

import argparse
import importlib
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from wmzoo.errors import CheckFailed, WmzooError, named, one_line

if TYPE_CHECKING:
    from wmzoo.contracts.common import Case

GROUP = "adding and sharing"
HOLDS, FAILS, SKIPPED = "holds", "fails", "skipped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a Python file with @wmzoo.register in it")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the checks that hold or do not apply, too")


def run(args: argparse.Namespace) -> int:
    from wmzoo.registry import KINDS, get, list_entries, plugins

    file = plugins.load_file(args.file)
    entries = [get(kind, name) for kind in KINDS for name in list_entries(kind)]
    own = [entry for entry in entries if entry.owner == str(file)]
    if not own:
        raise WmzooError(f"{args.file}: registers nothing; put @wmzoo.register(kind, name) over a class")
    failed = 0
    for entry in own:
        print(f"{entry.kind} {entry.name}")
        found = Counter[str]()
        for case in importlib.import_module(f"wmzoo.contracts.{entry.kind}").suite(entry.name):
            verdict, words = judged(case, file)
            found[verdict] += 1
            if verdict == FAILS or args.verbose:
                print(f"  {verdict:7}  {case.id}: {case.law}")
                if words:
                    print(f"           {words}")
        skipped = f", {found[SKIPPED]} do not apply" if found[SKIPPED] else ""
        print(f"  {found[HOLDS]} of {found[HOLDS] + found[FAILS]} checks hold{skipped}")
        failed += found[FAILS]
    if failed:
        raise CheckFailed(f"{args.file}: {failed} checks do not hold")
    return 0


def judged(case: Case, file: Path) -> tuple[str, str]:
    """Holds, fails or skipped, and why: what is wrong, and the line of `file` where an error came from.

    ConfigError and RegistryError pass: an entry that cannot be composed or built at all has no laws to keep.
    """
    from unittest import SkipTest

    from wmzoo.config.composition import ConfigError
    from wmzoo.registry import RegistryError

    try:
        case.run()
    except (ConfigError, RegistryError, KeyboardInterrupt):
        raise
    except SkipTest as reason:
        return SKIPPED, str(reason)
    except AssertionError as error:
        return FAILS, one_line(error, None)
    except BaseException as error:  # SystemExit among them
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f" ({file.name}, line {lines[-1]})" if lines else ""
        return FAILS, f"raised {named(error, None)}{where}"
    return HOLDS, ""
