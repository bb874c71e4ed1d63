# PYTHON_ARGCOMPLETE_OK
"""`wmzoo`: finds the subcommands, runs one, and turns what it raises into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import pkgutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NoReturn

from wmzoo import cli
from wmzoo.errors import RunFailed, RunInterrupted, WmzooError, about_file, unknown

GROUPS = ("first hour", "comparing", "many tasks", "adding and sharing")  # headings of the help


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a check said no, 2 bad usage or config, 3 the run failed, 130 Ctrl-C."""
    words = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in words
    if "_ARGCOMPLETE" in os.environ:
        from wmzoo.cli._completion import answer

        answer(_parser(_options_anywhere(), completing=True))
    try:
        if argv is None:
            _log_plainly()
        args = parse(words)
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


def _options_anywhere() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a Python file that registers entries; may repeat"
    )
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command and its arguments, with `run`, what does it. SystemExit, with one line on stderr, for bad usage.

    argparse takes overrides up to the first option only; those behind it (`a=1 -m b=2`) are added here.
    """
    anywhere = _options_anywhere()
    found, rest = anywhere.parse_known_args(words)
    parser, known = _parser(anywhere), commands()
    if rest and not rest[0].startswith("-") and rest[0] not in known:
        parser.error(unknown("command", rest[0], known))
    args, rest = parser.parse_known_args(rest, found)
    takes_overrides = hasattr(args, "overrides")
    if rest and (not takes_overrides or any(text.startswith("-") for text in rest)):
        hint = _without_dashes(words, rest) if takes_overrides else ""
        parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    if rest:
        args.overrides += rest
    return args


def _without_dashes(words: Sequence[str], rest: Sequence[str]) -> str:
    """How a key is typed that was taken for an option: "--dynamics flow" is dynamics=flow."""
    from wmzoo.config.choices import keys

    option = next(text for text in rest if text.startswith("-"))
    key, _, value = option.lstrip("-").partition("=")
    after = words[words.index(option) + 1 :]
    value = value or next((text for text in after[:1] if not text.startswith("-") and "=" not in text), "…")
    return f"; keys are typed without dashes: {key}={value}" if key in keys() else ""


def _parser(anywhere: _Parser, completing: bool = False) -> _Parser:
    """completing: with the options of anywhere in every command, too, whose parser would else reset what was found."""
    from wmzoo import __version__

    modules = commands()
    parser = _Parser(
        "wmzoo",
        usage="%(prog)s COMMAND … [--debug] [--plugin FILE]",
        description="A zoo of world models, all trained through one algorithm.\n\n" + _grouped(modules),
        parents=[anywhere],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wmzoo {__version__}")
    parser.set_defaults(run=lambda args: parser.print_help())
    subparsers = parser.add_subparsers(metavar="COMMAND", prog=parser.prog, help=argparse.SUPPRESS)  # see _grouped
    for name, module in modules.items():
        sub = subparsers.add_parser(
            name,
            parents=[anywhere] if completing else [],
            help=_summary(module).replace("%", "%%"),
            description=(module.__doc__ or "").strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def _grouped(modules: Mapping[str, ModuleType]) -> str:
    """The commands under the headings of their groups, each with what its docstring says first."""
    width = max(map(len, modules))
    headings = {group: [f"{group}:"] for group in GROUPS}
    for name, module in modules.items():
        headings[module.GROUP].append(f"  {name:{width}}  {_summary(module)}")
    return "\n\n".join("\n".join(lines) for lines in headings.values())


def commands() -> dict[str, ModuleType]:
    """The modules of this folder that are commands, by the name that is typed."""
    names = sorted(m.name for m in pkgutil.iter_modules(cli.__path__) if m.name != "main" and m.name[0] != "_")
    return {name.rstrip("_").replace("_", "-"): importlib.import_module(f"{cli.__name__}.{name}") for name in names}


def _summary(module: ModuleType) -> str:
    """What a docstring's first line says after naming the command: "`wmzoo list`: what is in the zoo." """
    line = (module.__doc__ or "").strip().partition("\n")[0]
    return (line.partition(": ")[2] if line.startswith("`") else line).rstrip(".")


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
