"""One kaiwuctl at a time in a folder."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kaiwuctl.errors import LockedError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A file system that cannot lock: some network mounts.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` against every other kaiwuctl.

    The lock is on the folder itself, so it leaves no file behind, and the kernel drops it with the process.

    Raises:
        LockedError: Another run holds it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"{folder}: another kaiwuctl is at work here; run the command when it is done") from None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        yield
    finally:
        os.close(descriptor)
