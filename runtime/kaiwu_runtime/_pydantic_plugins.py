"""Import pydantic without reading the metadata of all installed distributions.

To find its plugins pydantic imports importlib.metadata, which imports the email and zipfile packages: 1.5 MiB of memory
and a tenth of an operator's time to start, nearly always to find none. So the ``entry_points.txt`` of each distribution
is searched here, and pydantic asks importlib.metadata only if one of them names a plugin.

importlib.metadata itself stays what it is, for everyone: its code runs when one of its names is first used.

See https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kaiwu_runtime._deferred_module import defer, run

_METADATA = "importlib.metadata"
_LOADER = "pydantic.plugin._loader"
_SECTION = re.compile(rb"^[ \t]*\[[ \t]*pydantic[ \t]*\]", re.MULTILINE)


def load() -> None:
    """Import what loads pydantic's plugins; do nothing if it, or importlib.metadata, is imported already."""
    if _LOADER in sys.modules:
        return
    metadata = defer(_METADATA)
    if metadata is None:
        return
    # For those who import the name. Replaced when the module's code runs, which a call makes it do.
    metadata.__dict__["entry_points"] = _entry_points
    try:
        loader = importlib.import_module(_LOADER)
    except ImportError:  # another version of pydantic: it finds its plugins in another way
        return
    if loader.__dict__.get("entry_points") is _entry_points:
        loader.__dict__["entry_points"] = _plugins


def _entry_points(**selection: Any) -> Any:  # noqa: ANN401 - the function's own
    metadata = sys.modules[_METADATA]
    run(metadata)
    return metadata.entry_points(**selection)


def _plugins(**selection: Any) -> Iterable[Any]:  # noqa: ANN401 - the function's own
    if selection == {"group": "pydantic"} and not may_have_plugins():
        return ()
    found: Iterable[Any] = importlib.import_module(_METADATA).entry_points(**selection)
    return found


def may_have_plugins() -> bool:
    """Return whether a distribution names a plugin of pydantic, or may be found in a way that is not searched here."""
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
