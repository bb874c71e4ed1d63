"""`wmzoo show [KIND] ENTRY`: one entry's facts, and its parameters with their defaults."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from wmzoo.config.added import chosen
from wmzoo.config.recipe import options
from wmzoo.errors import WmzooError, unknown
from wmzoo.registry import KINDS, get, list_entries
from wmzoo.registry.cards import comments, load_yaml, referred
from wmzoo.registry.plugins import load_entry_points
from wmzoo.registry.tasks import having, plain, presets
from wmzoo.storage.package_data import data_dir

GROUP = "first hour"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind", nargs="?", metavar="KIND", help=f"one of {', '.join(KINDS)}; for a name that several have"
    )
    parser.add_argument("name", metavar="ENTRY", help="as `wmzoo list` or `wmzoo list tasks` prints it")


def run(args: argparse.Namespace) -> int:
    kind = args.kind or kind_of(args.name)
    suite, task = played(args.name) if kind == "env" else (args.name, None)
    entry = get(kind, suite)
    if not entry.built_in:
        load_entry_points()  # an installed one tells its parameters when imported
        entry = get(kind, suite)
    facts = {"target": entry.target, "reference": entry.reference, **entry.facts, "owner": entry.owner}
    for machinery in ("checked_with", "spellings", "package"):
        facts.pop(machinery, None)
    if "tasks" in facts:
        facts["tasks"] = f"`wmzoo list tasks {suite}`"
    typed = chosen(entry) if entry.regularises else f"{kind}={args.name}"
    print(f"{typed}  {entry.summary if task is None else f'env={suite} env.task={task}'}")
    print("\n".join(f"  {key:20}  {_text(value)}" for key, value in facts.items() if value not in ("", None, [])))
    print("parameters" if entry.params else "no parameters")
    params = {**entry.params} if task is None else {**entry.params, "task": task}
    said, texts = comments(entry), {key: _value(value) for key, value in settled(params).items()}
    width = max(map(len, texts.values()), default=0)
    for key, text in texts.items():
        about = "; ".join(filter(None, (said.get(key), _followed(params[key]))))
        named = key if entry.regularises else f"{kind}.{key}"
        print(f"  {named:32}  {text:{width}}  {about}".rstrip())
    return 0


def settled(params: Mapping[str, object]) -> dict[str, object]:
    """The parameters' defaults; of one that follows a key of the recipe or of `size=` what that is by default."""
    train, size = (load_yaml(data_dir("configs") / file) for file in ("train.yaml", "size/small.yaml"))
    followed = {"recipe": options()["default"], "model": train["model"] | size["model"]}
    found = {**params}
    for name, value in params.items():
        node, _, key = referred(value).partition(".")
        if key in followed.get(node, {}):
            found[name] = followed[node][key]
    return found


def _followed(value: object) -> str:
    return f"as {referred(value)}" if referred(value) else ""


def kind_of(name: str) -> str:
    """The one kind that has an entry, or env a task, of this name. WmzooError where none or several have it."""
    if name in KINDS:
        raise WmzooError(f"which {name}? `wmzoo list {name}` has the names: wmzoo show {name} ENTRY")
    kinds = [kind for kind in KINDS if name in list_entries(kind)]
    if not kinds and (having(name) or any(plain(preset.name) == plain(name) for preset in presets())):
        return "env"
    if not kinds:
        names = [name for kind in KINDS for name in list_entries(kind)]
        raise WmzooError(unknown("entry", name, names, listing="`wmzoo list` and `wmzoo list tasks` have all"))
    if len(kinds) > 1:
        ways = " or ".join(f"wmzoo show {kind} {name}" for kind in kinds)
        raise WmzooError(f"{name} is a {' and a '.join(kinds)}: {ways}")
    return kinds[0]


def played(name: str) -> tuple[str, str | None]:
    """The suite that a name of env= stands for, and the task, where it names one."""
    from wmzoo.config.choices import suite_and_task

    if name in list_entries("env"):
        return name, None
    named = {plain(preset.name): (preset.suite, preset.task) for preset in presets()}
    return named.get(plain(name)) or suite_and_task(name)


def _value(value: object) -> str:
    """A parameter's, as it would be typed."""
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else _text(value)


def _text(value: object) -> str:
    """As it would be typed: YAML's words for null and truth."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
