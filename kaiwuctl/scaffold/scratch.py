"""The temporary folder in which a command makes what it then plans: no fault of it changes the project.

The folder is locked while it is used. A process that was killed leaves it unlocked, and the next command removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaiwuctl.console import warn
from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.interruption import deferred

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "kaiwuctl-scratch-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder, and remove it with what it has, whatever ends the block.

    Raises:
        WriteError: It cannot be made or filled; the message names its parent, which the user can change.
        Interruption: A signal came while it was made or removed.
    """
    parent = _parent()
    folder: Path | None = None
    lock = -1
    try:
        try:
            # Deferred: an exception between the making and the next line would leave the folder.
            with deferred():
                _remove_abandoned(parent)
                folder, lock = _make(parent)
            yield folder
        finally:
            if folder is not None:
                with deferred():
                    _remove(folder)
                    os.close(lock)
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


def _make(parent: str) -> tuple[Path, int]:
    """Make a folder and return it with the descriptor that locks it until it is closed."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # another command took it for an abandoned one, before it was locked
        with suppress(OSError):  # a file system without locks: then no command removes it either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_abandoned(parent: str) -> None:
    """Remove the folders of this user's commands that were killed."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX):
                with suppress(OSError):
                    _remove_unlocked(entry.path)


def _remove_unlocked(folder: str) -> None:
    found = os.lstat(folder)
    # mkdtemp closes it to other users: a folder that is open to them is not a command's.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o777 != 0o700:
        return
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


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
