"""Cards: `registry/<kind>/<name>.yaml`, the one place for an entry's facts. No torch here."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wmzoo.errors import WmzooError, unknown
from wmzoo.storage.package_data import data_dir

CONFIGURED = ("dynamics", "integrator", "loss", "trainer", "env")  # kinds whose entries a config chooses
KINDS = (*CONFIGURED, "checkpoint")
BUILT_IN = "wmzoo"


class RegistryError(WmzooError):
    """An unknown or taken name, or an entry that cannot be built."""


@dataclass(frozen=True)
class Entry:
    """One entry of the catalogue. `params` are its tunables and defaults; `facts`, what is particular to its kind."""

    kind: str
    name: str
    target: str  # "package.module:Class", imported only when built
    summary: str = ""
    reference: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    owner: str = BUILT_IN  # "wmzoo", a plugin file, or an installed distribution

    @property
    def built_in(self) -> bool:
        return self.owner == BUILT_IN

    @property
    def provides(self) -> frozenset[str]:
        """Capabilities this entry has, such as "velocity"."""
        return _names(self.facts.get("provides"))

    @property
    def integrates(self) -> bool:
        """Whether it is a dynamics with a field, which an integrator follows."""
        return bool({"velocity", "noise_velocity"} & {*self.provides})

    @property
    def requires(self) -> frozenset[str]:
        """Capabilities this entry needs of the dynamics."""
        return _names(self.facts.get("requires"))

    @property
    def regularises(self) -> bool:
        """Whether it is a loss that compares with nothing observed: any prediction does alone, so it is only added."""
        return bool(self.facts.get("regularises"))

    @property
    def taught_by(self) -> frozenset[str]:
        """Of a dynamics: capabilities that only a loss which requires them trains."""
        return _names(self.facts.get("taught_by"))

    def trains(self, dynamics: Entry) -> bool:
        """Of a loss: whether it goes with the dynamics and trains all of it."""
        return self.requires <= dynamics.provides and dynamics.taught_by <= self.requires

    @property
    def needs(self) -> frozenset[str]:
        """What a trainer is given: `env`, environments to act in; `data`; `policy`, to be trained and evaluated;
        `teacher`, a trained agent."""
        return _names(self.facts.get("needs", ("env", "policy")))


def _names(fact: str | Iterable[str] | None) -> frozenset[str]:
    """One name or several."""
    return frozenset([fact] if isinstance(fact, str) else fact or ())


@functools.cache
def cards() -> Mapping[tuple[str, str], Entry]:
    folder = data_dir("registry")
    return {
        (kind, path.stem): read_card(path, kind) for kind in KINDS for path in sorted((folder / kind).glob("*.yaml"))
    }


def read_card(path: Path, kind: str) -> Entry:
    """Read one card: `target`, `summary`, `reference`, `params`; every other key is a fact."""
    card = load_yaml(path)
    known = {key: card.pop(key) for key in ("target", "summary", "reference", "params") if card.get(key) is not None}
    if "target" not in known and kind != "checkpoint":
        raise RegistryError(f"card {path} has no 'target'")
    return Entry(kind, path.stem, facts=card, **{"target": "", **known})


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds, empty for an empty file; OSError, YAMLError or UnicodeDecodeError else."""
    import yaml  # a tenth of the time that `wmzoo list` takes, and `wmzoo --help` needs none of it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=loader) or {}


def comments(entry: Entry) -> dict[str, str]:
    """What a built-in entry's card says of its parameters, by their names."""
    card = data_dir("registry") / entry.kind / f"{entry.name}.yaml"
    text = card.read_text(encoding="utf-8") if entry.built_in else ""
    return dict(re.findall(r"^  (\w+):.*?  +# (.*)$", text, re.MULTILINE))


def referred(default: object) -> str:
    """The key that a parameter's default follows: model.units for "${model.units}"; empty for any other."""
    return default[2:-1] if isinstance(default, str) and default.startswith("${") else ""


def check_kind(kind: str) -> None:
    """RegistryError unless `kind` is one of KINDS."""
    if kind not in KINDS:
        raise RegistryError(unknown("kind", kind, KINDS))
