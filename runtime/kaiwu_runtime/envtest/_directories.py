"""Directories that other users of the machine cannot change, whatever the umask is.

A control plane's directory holds the keys of its administrator, and the cache holds programs that are run:
every user who may write there can act as this user.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from pathlib import Path


def make_directories(directory: Path) -> None:
    """Make a directory and its missing parents, none of them writable by other users.

    Raises:
        OSError: One cannot be made.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o755, exist_ok=True)
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))


def make_private(directory: Path) -> None:
    """Make a directory, or take away the access that other users have to one that exists.

    Raises:
        ControlPlaneError: It belongs to another user, who could change what is in it.
        OSError: It cannot be made, or its mode cannot be changed.
    """
    make_directories(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.geteuid():
        raise ControlPlaneError(f"{directory} belongs to another user; name a directory of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)


def writable_by_others(*paths: Path) -> Path | None:
    """Return the first of `paths` that every user of the machine may change, or None.

    A directory with the sticky bit does not count: its entries belong to those who made them.
    """
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            return path
    return None
