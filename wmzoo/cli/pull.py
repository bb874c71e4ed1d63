"""`wmzoo pull org/name@revision FOLDER`: a checkpoint from the Hugging Face hub, its weights checked by their hash.

The commit that it is of is printed, and kept in its config. `wmzoo.load("hf:org/name@revision")`, and every command
that takes a RUN, load it without a folder of one's own, from the hub's cache. Needs wmzoo[hub].
"""

from __future__ import annotations

import argparse
from pathlib import Path

GROUP = "adding and sharing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", metavar="org/name[@revision]", help="revision: a branch, a tag or a commit")
    parser.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="default: name")


def run(args: argparse.Namespace) -> int:
    from wmzoo.checkpoints import hub
    from wmzoo.checkpoints.pull import pull

    reference = hub.parse(args.repository)
    print("\n".join(pull(reference, args.folder or Path(reference.repo.rpartition("/")[2]))))
    return 0
