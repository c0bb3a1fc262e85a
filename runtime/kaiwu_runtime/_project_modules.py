"""Import the modules of a project; an error names file and line.

See https://docs.python.org/3/library/importlib.html
"""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from types import ModuleType

from kaiwu_runtime import _fork as fork
from kaiwu_runtime.api._reading_errors import explain
from kaiwu_runtime.errors import ConfigurationError, KaiwuError

_RUNTIME = Path(__file__).parent


def import_module(name: str, file: Path, root: Path | None = None) -> ModuleType:
    """Import a module of a project.

    Args:
        name: The module's, with dots.
        file: Where it is; named when the error has no place of its own.
        root: The project's root, to which files are shown relative; only frames below it are blamed. None shows whole
            paths, and blames any frame outside of installed packages.

    Raises:
        ConfigurationError: The module cannot be imported, or defines something that is not valid; the message names
            file and line.
    """
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        fork.leave_child(error)
        text = str(error) if isinstance(error, KaiwuError) else explain(error)
        raise ConfigurationError(blamed(error, text, file, root)) from error


def blamed(error: BaseException, text: str, file: Path, root: Path | None = None) -> str:
    """Return why a module cannot be imported, with file and line in front of it.

    Args:
        error: What was raised.
        text: What it says; a SyntaxError, which repeats file and line, is described here.
        file: See `import_module`.
        root: See `import_module`.
    """
    found = place(error, file, root)
    if isinstance(error, SyntaxError) and error.filename:
        text = f"{type(error).__name__}: {error.msg}"
    cause = "" if found.startswith(shown(file, root)) else f" (imported by {shown(file, root)})"
    return f"{found}: {text}{cause}"


def place(error: BaseException, file: Path, root: Path | None = None) -> str:
    """Return ``file:line`` of the project's own code that an error came out of; see `import_module`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(Path(error.filename), root)}:{error.lineno}"
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and _is_own(Path(frame.filename), root)
    ]
    return f"{shown(Path(own[-1].filename), root)}:{own[-1].lineno}" if own else shown(file, root)


def shown(file: Path, root: Path | None = None) -> str:
    """Return a file's path relative to the project's root where it is below it."""
    if root is None:
        return str(file)
    try:
        return str(file.resolve().relative_to(root.resolve()))
    except ValueError:
        return str(file)


def _is_own(file: Path, root: Path | None) -> bool:
    if "site-packages" in file.parts or file.is_relative_to(_RUNTIME):
        return False
    return root is None or file.resolve().is_relative_to(root.resolve())
