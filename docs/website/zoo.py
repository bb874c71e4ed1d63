"""A page for every entry of the registry, from its card, its class, its contract and the results that bear its name."""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from entries import typed
from omegaconf import OmegaConf
from pieces import documented, page, table, toctree

from wmzoo.config.added import chosen
from wmzoo.config.composition import compose
from wmzoo.contracts.common import variants
from wmzoo.registry import KINDS, Entry, get, list_entries
from wmzoo.registry.cards import comments, load_yaml, referred
from wmzoo.registry.tasks import presets

ROOT = Path(__file__).parents[2]
LEARNING = ROOT / "benchmarks" / "results" / "learning"
CONFIG = compose()
UNTOLD = {"checked_with", "spellings"}  # facts for the program
LINKED = {"default_loss": "loss", "default_integrator": "integrator"}  # facts that name another entry


class Words(NamedTuple):
    """Of a kind: what the page of its entries is called, and the class whose contract they keep."""

    title: str
    base: str = ""


WORDS = {
    "dynamics": Words("Dynamics", "wmzoo.dynamics.Dynamics"),
    "integrator": Words("Integrators", "wmzoo.integrators.Integrator"),
    "loss": Words("Losses", "wmzoo.losses.base.DynamicsLoss"),
    "trainer": Words("Trainers", "wmzoo.trainers.base.Trainer"),
    "env": Words("Environments", "wmzoo.envs.base.VectorEnv"),
    "checkpoint": Words("Checkpoints"),
}


def pages() -> dict[str, str]:
    """By name."""
    found = {}
    for kind in KINDS:
        names = list_entries(kind)
        rows = [(f"[`{name}`]({name}.md)", get(kind, name).summary) for name in names]
        found[f"{kind}/index"] = page(
            f"# {WORDS[kind].title}",
            table(("entry", "what it is"), rows),
            toctree(f"docs/zoo/{kind}/{name}" for name in names),
        )
        found |= {f"{kind}/{name}": entry_page(get(kind, name)) for name in names}
    return found


def entry_page(entry: Entry) -> str:
    if entry.kind == "checkpoint":  # it has a page of its own
        return (ROOT / "checkpoints" / entry.name / "README.md").read_text(encoding="utf-8")
    return page(
        f"# {entry.name}",
        f"{entry.summary}.",
        f"    wmzoo train '{chosen(entry)}'" if entry.regularises else f"    wmzoo train {chosen(entry)}",
        table(("", ""), facts(entry)),
        "## Parameters" if entry.params else "",
        table(("parameter", "default", "what it is"), parameters(entry)),
        "## Results" if any(results(entry)) else "",
        table(("study", "task", "return, mean ± 95%", "agent steps"), results(entry)),
        f"## Contract\n\n{contract(entry)}",
        f"## Code\n\n{code(entry)}",
    )


def facts(entry: Entry) -> Iterator[tuple[str, str]]:
    """What the card says, what goes with the entry, and who trained with it."""
    paper = re.sub(r"arXiv (\d+\.\d+)", r"[arXiv \1](https://arxiv.org/abs/\1)", entry.reference)
    yield "reference", re.sub(r"docs/\w+\.md", r"[\g<0>](../../../\g<0>)", paper)
    for key, value in entry.facts.items():
        if key in LINKED:
            yield key.replace("_", " "), link(LINKED[key], value)
        elif key not in UNTOLD:
            yield key.replace("_", " "), ", ".join(value) if isinstance(value, list) else typed(value)
    if entry.kind == "dynamics":
        fitting = [name for name in list_entries("loss") if get("loss", name).trains(entry)]
        yield "losses", ", ".join(link("loss", name) for name in fitting)
    if named := [f"`env={preset.name}`" for preset in presets() if entry.kind == "env" and preset.suite == entry.name]:
        yield "presets", ", ".join(named)
    for name in list_entries("checkpoint"):
        config = load_yaml(ROOT / "checkpoints" / name / "config.yaml")
        used = entry.kind != "integrator" or get("dynamics", config["dynamics"]["name"]).integrates
        if used and config[entry.kind]["name"] == entry.name:
            yield "checkpoint", f"{link('checkpoint', name)}: {get('checkpoint', name).summary}"


def link(kind: str, name: str) -> str:
    return f"[`{name}`](../{kind}/{name}.md)"


def parameters(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Key, default and what the card's comment says."""
    said = comments(entry)
    for key, value in entry.params.items():
        yield f"`{key}`" if entry.regularises else f"`{entry.kind}.{key}`", default(value), said.get(key, "")


def default(value: Any) -> str:
    """As it would be typed; what follows another key, with that key and what it is by default."""
    key = referred(value)
    if not key:
        return f"`{typed(value)}`"
    follows = typed(OmegaConf.select(CONFIG, key))
    return f"`{follows}`, of [`{key}`](../../recipe.md)" if key.startswith("recipe.") else f"`{follows}`, of `{key}`"


def results(entry: Entry) -> Iterator[tuple[str, str, str, str]]:
    """The returns of the arms of studies that are named after it."""
    for file in sorted(LEARNING.glob("*/summary.csv")):
        study = load_yaml(ROOT / "benchmarks" / "studies" / f"{file.parent.name}.yaml")
        heading = re.sub(r"[^\w\- ]", "", study["title"].lower()).replace(" ", "-")
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
            if row["arm"] == entry.name and "mean ± 95%" in row:
                title = f"[{study['title']}](../../../benchmarks/results/README.md#{heading})"
                yield title, row.get("task") or ", ".join(study["tasks"]), row["mean ± 95%"], row["agent steps"]


def contract(entry: Entry) -> str:
    """The laws, and the settings that they are checked with."""
    cases = importlib.import_module(f"wmzoo.contracts.{entry.kind}").suite(entry.name)
    laws = dict.fromkeys(case.law for case in cases)
    settings = [" ".join(variant.overrides) for variant in variants(entry.kind, entry.name)]
    held = "each of the settings below" if settings[1:] else "its defaults"
    return page(
        f"That of {{py:class}}`{WORDS[entry.kind].base}`: tests hold it to these laws, where they apply, with {held}.",
        "\n".join(f"- {law}" for law in laws),
        "\n".join(f"    {setting}" for setting in settings) if settings[1:] else "",
    )


def code(entry: Entry) -> str:
    """Its class, on the page of the first entry that has it."""
    target = entry.target.replace(":", ".")
    first = next(name for name in list_entries(entry.kind) if get(entry.kind, name).target == entry.target)
    if first == entry.name:
        return documented("autoclass", target)
    return f"{{py:class}}`{target}`, as of {link(entry.kind, first)}; the parameters above make the difference."
