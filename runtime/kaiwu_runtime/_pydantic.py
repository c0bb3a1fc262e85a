"""Importing pydantic without the package metadata of everything that is installed.

To find its plugins pydantic asks importlib.metadata, which brings the email and zipfile packages along, 1.5 MiB of
memory, nearly always to find none. So the ``entry_points.txt`` of each
distribution is looked at here, and only where one names a plugin does pydantic get the real answer.

See https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

_METADATA = "importlib.metadata"
_SECTION = re.compile(rb"^[ \t]*\[[ \t]*pydantic[ \t]*\]", re.MULTILINE)


def load() -> None:
    """Import what loads pydantic's plugins; does nothing where it, or importlib.metadata, is there already."""
    if _METADATA in sys.modules or "pydantic.plugin._loader" in sys.modules:
        return
    stand_in = ModuleType(_METADATA)
    stand_in.entry_points = _entry_points  # type: ignore[attr-defined]
    sys.modules[_METADATA] = stand_in
    try:
        importlib.import_module("pydantic.plugin._loader")
    except ImportError:  # another version of pydantic: it finds its plugins its own way
        pass
    finally:
        if sys.modules.get(_METADATA) is stand_in:
            del sys.modules[_METADATA]


def _entry_points(**selection: str) -> Iterable[Any]:
    if selection == {"group": "pydantic"} and not may_have_plugins():
        return ()
    # Not an import statement: that would bind the name in this module for nothing.
    found: Iterable[Any] = importlib.import_module(_METADATA).entry_points(**selection)
    return found


def may_have_plugins() -> bool:
    """Tell whether a distribution names a plugin of pydantic, or one is found in a way that is not looked at here."""
    for finder in sys.meta_path:
        if finder is not importlib.machinery.PathFinder and hasattr(finder, "find_distributions"):
            return True
    return any(_names_a_plugin(folder) for folder in sys.path)


def _names_a_plugin(folder: str) -> bool:
    try:
        found = [path for path in Path(folder).iterdir() if path.suffix in {".dist-info", ".egg-info"}]
    except FileNotFoundError:
        return False
    except OSError:
        return True  # a zip file, for example
    for path in found:
        try:
            if _SECTION.search((path / "entry_points.txt").read_bytes()):
                return True
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
    return False


load()
