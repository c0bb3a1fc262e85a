"""The temporary folder in which a command makes what it then plans: no fault of it changes the project."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.interruption import deferred

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder, and remove it with what it has, whatever ends the block.

    Raises:
        WriteError: It cannot be made, filled or removed; the message names $TMPDIR, which the user can set.
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
                    shutil.rmtree(folder)
    except OSError as error:
        # A failed write names no file; another one may be of what is read.
        if error.filename is not None and not Path(str(error.filename)).is_relative_to(parent):
            raise
        raise WriteError(
            f"{parent}: {error.strerror or error}; nothing was changed; free some space in this temporary folder or "
            "set TMPDIR to another one"
        ) from None
    except WriteError as error:
        if error.message.startswith(f"{parent}: "):
            raise
        raise WriteError(f"{parent}: {error.message}") from None


def _parent() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        raise WriteError(
            "no temporary folder can be written; nothing was changed; set TMPDIR to a folder that can"
        ) from None
