"""Seals what one run leaves for the next to execute, so that another user cannot forge it.

A project may come from anywhere, and with it a list of files to delete. The list is therefore sealed with
a key that only this user can read, in ``$XDG_STATE_HOME/kaiwu`` (default ``~/.local/state/kaiwu``). Where
that folder cannot be written, the key lasts as long as the process: the run itself can undo what it wrote,
but the next one does not. See https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import os
import secrets
import stat
from functools import cache
from pathlib import Path
from typing import Final

_KEY: Final = "undo.key"
_LENGTH: Final = 32


def seal(content: bytes) -> str:
    """Return the seal of `content`, 64 hexadecimal digits."""
    return hmac.new(_key(), content, "sha256").hexdigest()


def is_sealed(content: bytes, found: str) -> bool:
    """Whether `found` is the seal that this user's kaiwuctl gave `content`."""
    return hmac.compare_digest(seal(content).encode(), found.encode())


def state_folder() -> Path:
    """Return the folder for kaiwuctl's state.

    Raises:
        RuntimeError: The user has no home folder, or HOME is a relative path.
    """
    # The specification says that a relative path is to be ignored; a relative home would put the key into the project.
    for folder in (Path(os.environ.get("XDG_STATE_HOME", "")), Path.home() / ".local" / "state"):
        if folder.is_absolute():
            return folder / "kaiwu"
    raise RuntimeError


@cache
def _key() -> bytes:
    try:
        return _stored_key(state_folder())
    except (OSError, RuntimeError):
        return secrets.token_bytes(_LENGTH)


def _stored_key(folder: Path) -> bytes:
    """Return the key in `folder`, which is made when it is missing or others may have seen it.

    Raises:
        OSError: The folder cannot be made or written, or is not the user's own.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError
    path = folder / _KEY
    if key := _read(path):
        return key
    # Otherwise one of two runs could remove the key that the other has just made.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return _read(path) or _new_key(folder, path)
    finally:
        os.close(descriptor)


def _new_key(folder: Path, path: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    temporary = folder / f".{_KEY}.{secrets.token_hex(8)}"
    key = secrets.token_bytes(_LENGTH)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key)
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a rename: of two runs at the same time the first one's key counts.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    return _read(path) or key


def _read(path: Path) -> bytes:
    """Return the key in a file of the user's that is closed to others; empty when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return b""
        key = stream.read(_LENGTH + 1)
    return key if len(key) == _LENGTH else b""
