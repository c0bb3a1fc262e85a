"""Reads files of a project as what they are: something another person wrote.

A repository that was cloned may have a link to a private file, a named pipe or a terabyte of zeros where
kaiwuctl expects a few lines. What is read is a regular file of bounded size inside the project, and it is
never waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from kaiwuctl.errors import ContentError

LIMIT: Final = 16 * 1024 * 1024
"""Bytes a file may have: several times the largest that is scaffolded, the wheel of kaiwu-runtime."""
TEXT_LIMIT: Final = 512 * 1024
"""Bytes a file may have that people edit: PROJECT, a kustomization, git's configuration."""

_RESTORE: Final = "restore it from version control"
_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_regular(root: Path, path: str, *, limit: int = LIMIT, smaller: str = _RESTORE) -> bytes | None:
    """Return the content of a file of a project.

    Args:
        root: The project's folder.
        path: The file, relative to it.
        limit: The maximum size, in bytes.
        smaller: What to do about a larger one, for the error.

    Returns:
        None when there is no such file.

    Raises:
        ContentError: It is not a regular file, is larger than `limit`, cannot be read, or a link leads out
            of the project.
    """
    try:
        descriptor = _open(root, path)
    except (FileNotFoundError, NotADirectoryError):
        if (root / path).is_symlink():
            raise ContentError(f"{path}: is a symbolic link to nothing; remove it") from None
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ContentError(f"{path}: a symbolic link leads nowhere or in a circle; remove it") from None
        raise _unreadable(path, error) from None
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        _check_kind(path, found.st_mode)
        try:
            # Not by the size alone: the file may grow while it is read.
            content = stream.read(limit + 1) if found.st_size <= limit else b""
        except OSError as error:
            raise _unreadable(path, error) from None
    if found.st_size > limit or len(content) > limit:
        raise ContentError(f"{path}: is larger than {limit // 1024} KiB; {smaller}")
    return content


def is_plain(root: Path, path: str) -> bool:
    """Whether `path` exists below `root` as a regular file, and no part of it is a link."""
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        try:
            mode = root.joinpath(*parts[:length]).lstat().st_mode
        except OSError:
            return False
        if not (stat.S_ISREG(mode) if length == len(parts) else stat.S_ISDIR(mode)):
            return False
    return True


def _open(root: Path, path: str) -> int:
    """Open a file below `root`; links are followed as long as they stay inside."""
    base = Path(os.path.realpath(root))
    target = Path(os.path.realpath(base / path))
    if not target.is_relative_to(base):
        raise ContentError(f"{path}: a symbolic link leads out of the project; replace it by the file itself")
    _check_kind(path, target.lstat().st_mode)
    # Opened part by part, so that a link that appears meanwhile is not followed either. Without O_NONBLOCK
    # the opening of a named pipe waits for its other end.
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    *folders, name = target.relative_to(base).parts
    for part, kind in (*((folder, os.O_DIRECTORY) for folder in folders), (name, os.O_NONBLOCK)):
        try:
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def _unreadable(path: str, error: OSError) -> ContentError:
    fix = "; correct its permissions" if error.errno in {errno.EACCES, errno.EPERM} else ""
    return ContentError(f"{path}: cannot be read: {error.strerror or error}{fix}", cause=error)


def _check_kind(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise ContentError(f"{path}: must be a regular file but is {kind}; remove it or restore the file")
