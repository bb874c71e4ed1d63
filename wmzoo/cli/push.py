"""`wmzoo push RUN org/name`: a checkpoint to the Hugging Face hub, with a model card that tells what was measured.

Of a run its newest checkpoint. Weights, config and card are pushed, and nothing else: no code, no trainer's state. The
repository is made if it is not there. Needs wmzoo[hub], and a token: `hf auth login`, or HF_TOKEN.
"""

from __future__ import annotations

import argparse

GROUP = "adding and sharing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="RUN", help="a run folder, a checkpoint, or a name of the catalogue")
    parser.add_argument("repository", metavar="org/name")
    parser.add_argument("--private", action="store_true", help="a new repository is one that only its owners see")
    parser.add_argument("--revision", metavar="BRANCH", help="a branch, made if it is not there; default: main")
    parser.add_argument("--message", metavar="TEXT", help="of the commit")
    parser.add_argument("--licence", "--license", metavar="ID", help="as the hub calls it, apache-2.0 for one")


def run(args: argparse.Namespace) -> int:
    from wmzoo.agent.push import push
    from wmzoo.checkpoints import hub
    from wmzoo.errors import WmzooError

    to = hub.parse(args.repository)
    if to.revision is not None:
        raise WmzooError(f"{args.repository}: say the branch with --revision {to.revision}")
    to = to._replace(revision=args.revision)
    print("\n".join(push(args.path, to, private=args.private, message=args.message, licence=args.licence)))
    return 0
