"""The temporary folder in which a command makes what it then plans: no fault of it changes the project."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwuctl.console import warn
from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.interruption import deferred

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder, and remove it with what it has, whatever ends the block.

    Raises:
        WriteError: It cannot be made or filled; the message names its parent, which the user can change.
        Interruption: A signal came while it was made or removed.
    """
    parent = _parent()
    folder: Path | None = None
    try:
        try:
            # Deferred: an exception between the making and the next line would leave the folder.
            with deferred():
                folder = Path(tempfile.mkdtemp(prefix="kaiwuctl-", dir=parent))
            yield folder
        finally:
            if folder is not None:
                with deferred():
                    _remove(folder)
    except OSError as error:
        # A failed write names no file; another one may be of what is read.
        if error.filename is not None and not Path(str(error.filename)).is_relative_to(parent):
            raise
        raise WriteError(
            f"{parent}: {error.strerror or error}; nothing was changed; free some space in this temporary directory or "
            "set TMPDIR to another one"
        ) from None
    except WriteError as error:
        if error.message.startswith(f"{parent}: "):
            raise
        raise WriteError(f"{parent}: {error.message}") from None


def _remove(folder: Path) -> None:
    """Remove as much as possible: what stays there is no reason to stop, but the user may want to know."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        warn(f"{folder}: cannot be removed; remove it when the disk is in order")


def _parent() -> str:
    try:
        # It tries the folder with a file, which a signal would leave there.
        with deferred():
            return tempfile.gettempdir()
    except FileNotFoundError:
        raise WriteError(
            "no temporary directory can be written; nothing was changed; set TMPDIR to one that can"
        ) from None
