"""What a plugin file imports from beside itself, `import helpers` for the helpers.py in its folder, as a script may.

The folder stands at the end of Python's path from then on, behind what is installed, so that a file of a common name
changes nothing for others. The folders of two plugins share that path: where both have a file of one name, the second
one would be given the first one's, and is refused.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

from wmzoo.registry.cards import RegistryError

_folders: list[Path] = []  # of plugins, on Python's path


def make_importable(file: Path) -> None:
    """RegistryError where a name that `file` imports is that of a file beside it and of one beside another plugin."""
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    if file.parent not in _folders:
        _folders.append(file.parent)
    for name in {sibling.relative_to(file.parent).parts[0].removesuffix(".py") for sibling in siblings(file)}:
        found = _found(name)
        if any(folder in found.parents for folder in _folders if folder != file.parent):
            raise RegistryError(f"plugin {file}: `import {name}` is {found} already; rename the one beside the plugin")


def siblings(file: Path) -> list[Path]:
    """The files beside a plugin that it imports, and that these import, by their import statements; packages whole."""
    found: list[Path] = []
    waiting = [file]
    while waiting:
        for name in sorted(_imported(waiting.pop()) - {"wmzoo"}):  # a plugin may lie in wmzoo's own checkout
            package = file.parent / name
            parts = sorted(package.rglob("*.py")) if (package / "__init__.py").is_file() else []
            new = [path for path in (package.with_name(f"{name}.py"), *parts) if path.is_file()]
            new = [path for path in new if path != file and path not in found]
            found += new
            waiting += new
    return found


def _found(name: str) -> Path:
    """Where a module is imported from."""
    module = sys.modules.get(name)
    spec = None if module else importlib.util.find_spec(name)
    return Path(getattr(module, "__file__", None) or (spec and spec.origin) or "built-in")


def _imported(file: Path) -> set[str]:
    """The first parts of the names in a file's import statements; none of a file that is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return set()
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}
