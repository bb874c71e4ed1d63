"""The catalogue: what is in the zoo, by kind and name. Imports no torch; an entry's code is imported when it is built.

Three ways in, one mechanism: a card `registry/<kind>/<name>.yaml`, the decorator `@register` in a plugin file, and the
entry-point group `wmzoo.plugins` of an installed distribution (plugins.py loads a file, installed.py lists the last).
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

from wmzoo.errors import WmzooError, named, unknown
from wmzoo.registry.cards import CONFIGURED, Entry, RegistryError, cards, check_kind
from wmzoo.registry.installed import entry_point_entries

# Constructor arguments that the builder gives; they never become parameters of an entry.
CONTEXT = frozenset(
    {"latent_dim", "action_dim", "obs_dim", "act_dim", "task_dim", "num_tasks"}
    | {"integrator", "generator", "device", "dtype", "seed"}
)


T = TypeVar("T", bound=Callable[..., Any])


loading: str | None = None  # the owner of what the decorator registers now; None outside of a plugin


class owner:
    """Entries registered inside belong to `name`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        global loading
        self.before, loading = loading, self.name

    def __exit__(self, *exc: object) -> None:
        global loading
        loading = self.before


_added: dict[tuple[str, str], Entry] = {}  # by the decorator or an entry point
_objects: dict[tuple[str, str], Callable[..., Any]] = {}  # what the decorator decorated


def register(
    kind: str,
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    summary: str = "",
    reference: str = "",
    **facts: Any,
) -> Callable[[T], T]:
    """Decorator that puts a class into the catalogue: `@register("dynamics", "mine", provides=["velocity"])`.

    Defaults come from the constructor's signature; `params` adds to them or replaces them, also with references to
    the composed config such as `{"units": "${model.units}"}`. Raises RegistryError when the name is taken.
    """

    def decorate(obj: T) -> T:
        target = f"{obj.__module__}:{getattr(obj, '__qualname__', name)}"
        entry = Entry(
            kind=kind,
            name=name,
            target=target,
            summary=summary or (inspect.getdoc(obj) or "").partition("\n")[0],
            reference=reference,
            params={**signature_defaults(obj), **(params or {})},
            facts=facts,
            owner=_owner_of(obj),
        )
        add(entry)
        _objects[kind, name] = obj
        return obj

    return decorate


def is_added(kind: str, name: str) -> bool:
    """Whether the decorator or a loaded entry point has given this entry (its parameters are then known)."""
    return (kind, name) in _added


def add(entry: Entry) -> None:
    """Put `entry` into the catalogue. The same class registered again (a notebook cell run twice) replaces itself."""
    if entry.kind not in CONFIGURED:
        raise RegistryError(unknown("kind", str(entry.kind), CONFIGURED))
    if not isinstance(entry.name, str) or not re.fullmatch(r"[\w.-]+", entry.name):
        raise RegistryError(f"{entry.kind} {entry.name!r}: a name is of letters, digits, '_', '-' and '.'")
    taken = _catalogue().get((entry.kind, entry.name))
    if taken and (taken.owner, _class_of(taken)) != (entry.owner, _class_of(entry)):
        raise RegistryError(
            f"{entry.kind} '{entry.name}' is taken: {entry.owner} ({entry.target}) cannot replace "
            f"{taken.owner} ({taken.target}); choose another name"
        )
    _added[entry.kind, entry.name] = entry


def _class_of(entry: Entry) -> str:
    """Without its module: one file has several names, imported and as a plugin."""
    return entry.target.partition(":")[2]


def list_entries(kind: str) -> list[str]:
    """Names of every entry of `kind`, sorted. Imports none of them."""
    check_kind(kind)
    return sorted(name for k, name in _catalogue() if k == kind)


def get(kind: str, name: str) -> Entry:
    """The entry `name` of `kind`; RegistryError with near matches where there is none."""
    check_kind(kind)
    entry = _catalogue().get((kind, name))
    if entry is None:
        raise RegistryError(unknown(kind, name, list_entries(kind)))
    return entry


def resolve(entry: Entry) -> Callable[..., Any]:
    """Import what `entry` builds; what its module registers belongs to the entry's owner."""
    if (entry.kind, entry.name) in _objects:
        return _objects[entry.kind, entry.name]
    module, _, qualname = entry.target.partition(":")
    try:
        with nullcontext() if entry.built_in else owner(entry.owner):
            obj: Any = importlib.import_module(module)
        for part in qualname.split("."):
            obj = getattr(obj, part)
    except (RegistryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a plugin may even call sys.exit()
        if entry.built_in and not isinstance(error, ImportError | AttributeError):
            raise
        extra = entry.facts.get("extra")
        mend = f"pip install 'wmzoo[{extra}]'" if extra else f"its target is {entry.target}"
        whose = "" if entry.built_in else f" ({entry.owner})"
        why = error if isinstance(error, ImportError | AttributeError) else named(error, None)
        raise RegistryError(f"{entry.kind} '{entry.name}'{whose} cannot be imported ({why}): {mend}") from error
    return obj  # type: ignore[no-any-return]


def build(kind: str, name: str, /, **kwargs: Any) -> Any:
    """Build entry `name` of `kind`: its defaults overridden by `kwargs`."""
    entry = get(kind, name)
    params = {**entry.params, **kwargs}
    unresolved = [key for key, value in params.items() if isinstance(value, str) and "${" in value]
    if unresolved:
        raise RegistryError(
            f"{kind} '{name}' takes {', '.join(unresolved)} from a composed config: give them, "
            f"as in build({kind!r}, {name!r}, {unresolved[0]}=…)"
        )
    return _call(entry, params)


def build_from(kind: str, node: Mapping[str, Any], /, **context: Any) -> Any:
    """Build a composed node `{name: …, **params}`. Of `context` the constructor gets what it has a parameter for."""
    entry = get(kind, node["name"])
    params = {str(key): _plain(node[key]) for key in node if key != "name"}
    accepted = inspect.signature(resolve(entry)).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    params.update({key: value for key, value in context.items() if takes_all or key in accepted})
    return _call(entry, params)


def signature_defaults(obj: Callable[..., Any]) -> dict[str, Any]:
    """Parameters of a constructor that have a plain default, without those which the builder gives."""
    plain = (type(None), bool, int, float, str, list, tuple, dict)
    return {
        p.name: list(p.default) if isinstance(p.default, tuple) else p.default
        for p in inspect.signature(obj).parameters.values()
        if p.default is not p.empty and p.name not in CONTEXT and isinstance(p.default, plain)
    }


def _call(entry: Entry, params: Mapping[str, Any]) -> Any:
    constructor = resolve(entry)
    try:
        inspect.signature(constructor).bind(**params)
    except TypeError as error:
        raise RegistryError(
            f"{entry.kind} '{entry.name}' ({entry.owner}): {error}; a parameter gets its default in the "
            f"constructor's signature or in the entry's params"
        ) from error
    try:
        return constructor(**params)
    except (WmzooError, ValueError):
        raise
    except Exception as error:
        if entry.built_in and "unexpected keyword" not in str(error):  # of a base class: +trainer.typo=1
            raise
        what = named(error)
        raise RegistryError(f"{entry.kind} '{entry.name}' ({entry.owner}) cannot be built: {what}") from error


def _plain(value: Any) -> Any:
    """An OmegaConf container as lists and dictionaries; anything else as it is."""
    if type(value).__module__.startswith("omegaconf"):
        from omegaconf import OmegaConf  # `wmzoo list` does without

        return OmegaConf.to_container(value, resolve=True)
    return value


def _catalogue() -> Mapping[tuple[str, str], Entry]:
    return {**cards(), **entry_point_entries(), **_added}


def _owner_of(obj: Callable[..., Any]) -> str:
    if loading is not None:
        return loading
    try:
        return str(Path(inspect.getfile(obj)).resolve())
    except (TypeError, OSError):
        return obj.__module__
