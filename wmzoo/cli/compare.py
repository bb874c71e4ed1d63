"""`wmzoo compare RUN… --by KEY --out DIR`: arms against each other, at equal steps and at equal seconds.

RUN is a run folder or a folder of them; the runs with the same value of KEY are an arm, their seeds its sample. DIR
receives report.html, which needs no network, and its figures and tables. A difference is claimed only where its 95%
interval leaves out zero and, on a task, Welch's test, corrected for the number of tasks, agrees; what the seeds could
have shown, so corrected, is printed beside. With --margin an arm is also told not worse, where the interval lies above
−M.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from wmzoo.cli._arguments import add_measures, at_least, settings_of, words_of
from wmzoo.errors import WmzooError

GROUP = "comparing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder, or a folder of run folders")
    parser.add_argument(
        "--by",
        action="append",
        metavar="KEY",
        help="the config key that tells arms apart (default: dynamics), or `folder`, its parent's name; may repeat",
    )
    parser.add_argument("--out", type=Path, default=Path("report"), metavar="DIR", help="default: %(default)s")
    parser.add_argument(
        "--baseline", metavar="ARM", help="the arm to compare the others with (default: the first found)"
    )
    parser.add_argument(
        "--last", type=int, default=3, metavar="N", help="evaluations in a score (default: %(default)s)"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.8,
        metavar="F",
        help="time is taken to this share of the best arm's mean score (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the bootstrap (default: %(default)s)")
    add_measures(parser)
    parser.add_argument(
        "--published",
        action="store_true",
        help="returns of TD-MPC2, MR.Q, SAC and DreamerV3 beside the learning curves",
    )
    parser.add_argument("--title", metavar="TEXT", help="of the report (default: the arms' names)")


def run(args: argparse.Namespace) -> int:
    at_least(args, last=1, seed=0)
    if not 0 < args.threshold <= 1:
        raise WmzooError(f"--threshold is {args.threshold}; it must be above 0 and at most 1")
    from wmzoo.compare.report import Report
    from wmzoo.reports.folder import check_folder

    check_folder(args.out)
    by = args.by or ["dynamics"]
    settings = settings_of(args, last=args.last, threshold=args.threshold, seed=args.seed)
    report = Report(args.runs, by, command(args, by), settings, args.title, args.baseline, args.published)
    page = report.write(args.out)
    print("\n".join([*report.printed(), f"report: {page}"]))
    return 0


def command(args: argparse.Namespace, by: list[str]) -> str:
    """The command line that makes the same report."""
    words = ["wmzoo", "compare", *map(str, args.runs)]
    for key in by:
        words += ["--by", key]
    words += ["--out", str(args.out), "--last", str(args.last), "--threshold", str(args.threshold)]
    words += ["--seed", str(args.seed), *words_of(args)]
    for name in ("baseline", "title"):
        if getattr(args, name) is not None:
            words += [f"--{name}", getattr(args, name)]
    return shlex.join([*words, *["--published"] * args.published])
