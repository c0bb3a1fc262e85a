"""Whether main.py will find the controllers of a project: what it does not find never runs, in silence.

The files are read, not executed; main.py and the modules of the project that it imports are looked at.
"""

from __future__ import annotations

import ast
import stat
from pathlib import Path

ENTRY = "main.py"
_MAX_BYTES = 1024 * 1024
_MAX_FILES = 100


def undiscovered(root: Path, package: str) -> str:
    """Return why main.py does not run the controllers of a package, and what to do; empty when it does.

    Args:
        root: The project's folder.
        package: The package with the controllers, in dots: ``controllers`` or ``controllers.backup``.
    """
    if not (root / ENTRY).exists():
        return f"{ENTRY} does not exist, so nothing runs the controllers; restore it or write one that calls discover()"
    waiting, seen, calls = [root / ENTRY], set[Path](), False
    while waiting and len(seen) < _MAX_FILES:
        file = waiting.pop(0)
        if file in seen:
            continue
        seen.add(file)
        tree = _parsed(file)
        if tree is None:
            if file == root / ENTRY:
                return f"{ENTRY} cannot be read as Python, so nothing runs the controllers; correct it"
            continue
        names = _imported(tree)
        for found in _discovered(tree, names):
            calls = True
            if not found or package == found or package.startswith(f"{found}."):
                return ""
        waiting += _modules(root, names)
    top = package.partition(".")[0]
    if calls:
        return f"{ENTRY} does not discover {package}; add `import {package}` and pass {package} to manager.discover()"
    return f"{ENTRY} discovers nothing; add `import {top}` and `manager.discover({top})` before the manager runs"


def _parsed(file: Path) -> ast.Module | None:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            return None
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return the modules that names in a file stand for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds a, and a.b is then an attribute.
                names[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _discovered(tree: ast.Module, names: dict[str, str]) -> list[str]:
    """Return the packages that are given to discover(); an empty one for what cannot be known from the text.

    A call of setup(), which takes the classes themselves, counts as one that cannot be known.
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "discover":
                found += [_module_name(argument, names) for argument in node.args]
            elif node.func.attr == "setup" and node.args:
                found.append("")
    return found


def _module_name(argument: ast.expr, names: dict[str, str]) -> str:
    text = ast.unparse(argument)
    head, dot, rest = text.partition(".")
    if text in names:
        return names[text]
    if head in names:
        return f"{names[head]}{dot}{rest}"
    return text if any(name.startswith(f"{head}.") for name in names) else ""


def _modules(root: Path, names: dict[str, str]) -> list[Path]:
    found = []
    for module in names.values():
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            place = root.joinpath(*parts[:length])
            found += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return found
