"""Entries of installed distributions, from their entry points, without importing them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from importlib.metadata import entry_points

from wmzoo.errors import unknown
from wmzoo.registry.cards import KINDS, Entry, RegistryError, cards

GROUP = "wmzoo.plugins"
log = logging.getLogger("wmzoo")


@functools.cache
def entry_point_entries() -> Mapping[tuple[str, str], Entry]:
    """Entries named by installed distributions, `"dynamics.mine" = "package.module:Class"`, without importing them."""
    found: dict[tuple[str, str], Entry] = {}
    for point in entry_points(group=GROUP):
        kind, _, name = point.name.partition(".")
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        if kind not in KINDS:
            log.warning("%s: its entry '%s' is left out: %s", distribution, point.name, unknown("kind", kind, KINDS))
            continue
        taken = found.get((kind, name)) or cards().get((kind, name))
        if taken:
            raise RegistryError(
                f"{kind} '{name}' is taken: {distribution} ({point.value}) cannot replace "
                f"{taken.owner} ({taken.target}); uninstall one of them"
            )
        found[kind, name] = Entry(kind, name, point.value, owner=distribution)
    return found
