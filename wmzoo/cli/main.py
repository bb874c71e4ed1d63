"""`wmzoo`: finds the subcommands, runs one, and turns what it raises into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from wmzoo import cli
from wmzoo.errors import RunFailed, RunInterrupted, WmzooError, about_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a check said no, 2 bad usage or config, 3 the run failed, 130 Ctrl-C."""
    words = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in words
    try:
        if argv is None:
            _log_plainly()
        anywhere = _options_anywhere()
        found, rest = anywhere.parse_known_args(words)
        args = _parse(_parser(anywhere), rest, found)
        if args.plugin:
            from wmzoo.registry import plugins

            args.plugin = [str(file) for file in plugins.load_files(args.plugin)]
        return int(args.run(args) or 0)
    except WmzooError as error:
        return _fail(error, error.exit_code, debug)
    except KeyboardInterrupt as error:
        return _fail(error, RunInterrupted.exit_code, debug)
    except BrokenPipeError:  # the reader, `head` perhaps, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a run that has begun tells of it as RunFailed
        return _fail(WmzooError(about_file(error)), WmzooError.exit_code, debug)
    except Exception as error:
        return _fail(error, RunFailed.exit_code, debug)


def _log_plainly() -> None:
    """What wmzoo has to say goes to stderr as it is, whatever the libraries have set up."""
    log = logging.getLogger("wmzoo")
    log.addHandler(logging.StreamHandler())
    log.propagate = False


class _Parser(argparse.ArgumentParser):
    """One that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"wmzoo: {message}; `{self.prog} --help` shows what there is\n")


def _options_anywhere() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a Python file that registers entries; may repeat"
    )
    return parser


def _parser(anywhere: argparse.ArgumentParser) -> argparse.ArgumentParser:
    from wmzoo import __version__

    parser = _Parser(
        "wmzoo",
        description="A zoo of world models, all trained through one algorithm.",
        parents=[anywhere],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wmzoo {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in _commands().items():
        text = (module.__doc__ or "").strip()
        sub = commands.add_parser(
            name,
            help=_summary(text),
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def _parse(parser: argparse.ArgumentParser, argv: list[str], found: argparse.Namespace) -> argparse.Namespace:
    """argparse takes overrides up to the first option only; those behind it (`a=1 -m b=2`) are added here."""
    args, rest = parser.parse_known_args(argv, found)
    if rest and (not hasattr(args, "overrides") or any(text.startswith("-") for text in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.overrides += rest
    return args


def _commands() -> dict[str, ModuleType]:
    names = sorted(m.name for m in pkgutil.iter_modules(cli.__path__) if m.name != "main" and m.name[0] != "_")
    return {name.rstrip("_").replace("_", "-"): importlib.import_module(f"{cli.__name__}.{name}") for name in names}


def _summary(text: str) -> str:
    """What a docstring's first line says after naming the command: "`wmzoo list`: what is in the zoo." """
    line = text.partition("\n")[0]
    return (line.partition(": ")[2] if line.startswith("`") else line).rstrip(".").replace("%", "%%")


def _fail(error: BaseException, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    words = " ".join(str(error).split())
    message = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    if isinstance(error, KeyboardInterrupt):
        message = f"interrupted{': ' if message else ''}{message}"
    elif not isinstance(error, WmzooError):
        message = f"{type(error).__name__}: {message}{'' if debug else ' (--debug shows the traceback)'}"
    print(f"wmzoo: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
