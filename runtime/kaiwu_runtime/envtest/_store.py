"""Changes to the cache: by one process at a time, and atomic."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest._binaries import cache_directory, system
from kaiwu_runtime.envtest._directories import make_directories
from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaiwu_runtime.envtest._progress import Progress

_LOCK_NAME = ".lock"
_TEMPORARY = ".unfinished-"
_POLL = 0.2


@contextlib.contextmanager
def exclusive(directory: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of a directory, made when missing; waits, and says so, while another process has it.

    The operating system releases the lock when the process ends, for any reason.

    Raises:
        ControlPlaneError: The directory cannot be made or written to.
    """
    try:
        make_directories(directory)
        descriptor = os.open(directory / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        reason = error.strerror or error
        raise ControlPlaneError(f"cannot write to {directory}: {reason}; set KAIWU_ENVTEST_DIR to another") from error
    try:
        while not _try_lock(descriptor):
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            who = f"process {holder}" if holder else "another process"
            progress(Step(f"waiting for {who}, which is at work in {directory}"))
            time.sleep(_POLL)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def unfinished() -> Iterator[Path]:
    """Provide an empty directory on the cache's file system, removed at the end; needs the lock of the cache."""
    cache = cache_directory()
    # Only the process that holds the lock works here: leftovers belong to a process that was killed.
    for leftover in cache.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    path = Path(tempfile.mkdtemp(dir=cache, prefix=_TEMPORARY))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def publish(files: list[Path], version: str) -> Path:
    """Move finished programs to where they are looked for, and return that directory.

    Args:
        files: Executable files on the cache's file system.
        version: Kubernetes version they are of.
    """
    target = cache_directory() / f"{version}-{system()}"
    for file in files:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    target.mkdir(mode=0o755, exist_ok=True)
    for file in files:
        file.replace(target / file.name)
    return target


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
