"""What is in the zoo, by kind and name: cards, plugin files, installed distributions. Nothing here imports torch."""

from wmzoo.registry.cards import CONFIGURED, KINDS, Entry, RegistryError
from wmzoo.registry.catalogue import add, build, build_from, get, list_entries, register, resolve, signature_defaults

__all__ = [
    "CONFIGURED",
    "KINDS",
    "Entry",
    "RegistryError",
    "add",
    "build",
    "build_from",
    "get",
    "list_entries",
    "register",
    "resolve",
    "signature_defaults",
]
