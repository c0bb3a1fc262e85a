"""Carries out a plan: all of it, or nothing.

Every file is staged beside its target, brought to the disk, and renamed over it. Whatever stops the run on
the way, an error, a signal or the end of the process, the journal puts everything back: at once, or at the
next run.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import ContentError, WriteError
from kaiwuctl.project.contents import read_regular
from kaiwuctl.scaffold.interruption import Interruption, deferred, interrupted, note_written
from kaiwuctl.scaffold.journal import FOLDER, Journal, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kaiwuctl.scaffold.plan import PlannedFile

_FIXES: Final = {
    errno.ENOSPC: "free some space and run the command again",
    errno.EDQUOT: "free some space and run the command again",
    errno.EFBIG: "raise the limit on file sizes and run the command again",
    errno.EACCES: "make the directory writable and run the command again",
    errno.EPERM: "make the directory writable and run the command again",
    errno.EROFS: "make the directory writable and run the command again",
}


def recover(root: Path) -> str:
    """Undo what a run that was killed left behind.

    Returns:
        A line for the user; empty when there was nothing.

    Raises:
        WriteError: It could not be undone.
    """
    with deferred():
        try:
            foreign = Journal.recover(root)
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its list is unreadable"
            raise WriteError(
                f"{FOLDER}: what an interrupted run left cannot be undone: {reason}; restore the project "
                f"from version control and remove {FOLDER}"
            ) from None
    if foreign is None:
        return ""
    kept = f"; changed since and kept: {', '.join(foreign)}" if foreign else ""
    return f"An earlier run was interrupted; what it had written was undone{kept}"


def write(root: Path, files: Sequence[PlannedFile]) -> None:
    """Write, move and delete `files` below `root`; the caller holds the folder's lock.

    Raises:
        WriteError: The disk or a permission was in the way; everything is as before.
        Interruption: A signal came; it says whether the files were written.
    """
    if not files:
        return
    steps = [step for file in files for step in file.steps()]
    with deferred() as signal_received:
        try:
            journal = Journal.begin(root, steps)
        except OSError as error:
            raise _failure(root, error, "nothing was changed") from None
        try:
            _stage_and_rename(root, journal, steps, signal_received)
            journal.close()
        except OSError as error:
            raise _failure(root, error, _undone(journal)) from None
        except BaseException:
            _undone(journal)
            raise
        note_written()
        if signal_received():
            raise interrupted(signal_received())


def _stage_and_rename(
    root: Path, journal: Journal, files: Sequence[PlannedFile], signal_received: Callable[[], int]
) -> None:
    """Write all temporary files, then rename all: the disk gets them in one go instead of one by one."""

    def pause() -> None:
        if number := signal_received():
            raise Interruption(number, written=False)

    steps = list(zip(journal.entries, files, strict=True))
    descriptors: list[int] = []
    # One by one and not with their parents: a project that is deleted meanwhile must not be made again.
    for path in journal.folders:
        pause()
        (root / path).mkdir(exist_ok=True)
    try:
        for entry, file in steps:
            pause()
            if entry.temporary is not None:
                descriptors.append(_stage(root / entry.temporary, file))
        for descriptor in descriptors:
            pause()
            os.fsync(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    folders: dict[Path, None] = {}
    # First what is written: a file that is moved is never missing at both places.
    for entry, file in sorted(steps, key=lambda step: step[0].temporary is None):
        pause()
        target = root / entry.path
        _check_unchanged(root, file)
        if entry.temporary is None:
            target.unlink()
        else:
            (root / entry.temporary).rename(target)
        folders[target.parent] = None
    for path, _ in journal.emptied:
        pause()
        if _is_removed(root / path):
            folders.pop(root / path, None)
            folders[(root / path).parent] = None
    for folder in folders:
        pause()
        sync_folder(folder)


def _is_removed(folder: Path) -> bool:
    """Remove an empty folder; return False when another program has put a file there, and it stays."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    return True


def _check_unchanged(root: Path, file: PlannedFile) -> None:
    """Do not replace what an editor has saved since the plan was made."""
    try:
        present = read_regular(root, file.path)
    except ContentError as error:
        raise error.cause or WriteError(f"{error.message}; nothing was changed") from None
    if present != file.before:
        raise WriteError(f"{file.path}: was changed by another program meanwhile; nothing was changed; run again")


def _stage(temporary: Path, file: PlannedFile) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        remaining = memoryview(file.content or b"")
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
        os.fchmod(descriptor, file.mode)
    except OSError as error:
        os.close(descriptor)
        # A failed write names no file.
        error.filename = error.filename or str(temporary.with_name(file.path.rpartition("/")[2]))
        raise
    return descriptor


def _undone(journal: Journal) -> str:
    try:
        journal.undo()
    except OSError as error:
        return f"putting back failed as well ({error.strerror}), and the next run of kaiwuctl here tries again"
    return "nothing was changed"


def _failure(root: Path, error: OSError, outcome: str) -> WriteError:
    if not root.is_dir():
        return WriteError(
            f"{root}: was deleted or moved while kaiwuctl was writing; if it was moved, restore what is half written "
            f"from version control and remove {FOLDER} there"
        )
    path = str(error.filename or root)
    shown = path.removeprefix(f"{root}/")
    fix = _FIXES.get(error.errno or 0, "run the command again when that is corrected")
    return WriteError(f"{shown}: {error.strerror or error}; {outcome}; {fix}")
