"""Every error kaiwuctl raises for something a user can cause.

    KaiwuctlError          exit status 1: the action failed
    ├── UsageError         exit status 2: the command line is wrong
    │   └── InvalidNameError   a name that breaks a rule; says which and shows one that passes
    ├── ProjectFileError   PROJECT is missing, broken or of an unknown version
    ├── ContentError       a file of the project is not a regular file of bounded size
    ├── CRDError           a file or an object is not a CRD that can be imported
    ├── CollisionError     files are in the way
    ├── WriteError         the disk or a permission stopped the write; everything was put back
    ├── StoppedError       exit status 128 + n: signal n came after the files were written
    └── LockedError        another kaiwuctl works in the same folder

A message is one line: where (flag, file or object), what is wrong, and the fix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class KaiwuctlError(Exception):
    """An action failed for a reason the user can do something about.

    Attributes:
        message: One line.
        details: Further lines, when one cannot hold them: a list of files.
    """

    exit_status = 1

    def __init__(self, message: str, *, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class UsageError(KaiwuctlError):
    """The command line cannot be carried out as it stands."""

    exit_status = 2


class InvalidNameError(UsageError):
    """A name breaks a rule."""


class ProjectFileError(KaiwuctlError):
    """PROJECT is missing, unreadable, or says something kaiwuctl cannot act on."""


class ContentError(KaiwuctlError):
    """A file of the project is something that kaiwuctl does not read: a pipe, a link out of it, too large.

    Attributes:
        cause: The error of the system when it is a regular file that could not be read; else None.
    """

    def __init__(self, message: str, *, cause: OSError | None = None) -> None:
        super().__init__(message)
        self.cause = cause


class CRDError(KaiwuctlError):
    """A file or an object is not a custom resource definition that can be imported."""


class CollisionError(KaiwuctlError):
    """Files are in the way of what would be written; nothing was."""


def in_the_way(obstacles: Sequence[str]) -> CollisionError:
    """Return the error for what stands where a file or folder goes: ``PROJECT is a symbolic link``."""
    return CollisionError(
        "nothing was written, because something else is where a file or directory goes; move it aside or remove it:",
        details=sorted(set(obstacles)),
    )


class WriteError(KaiwuctlError):
    """Writing stopped half way and everything was put back."""


class StoppedError(KaiwuctlError):
    """A signal ended what follows the writing.

    Args:
        message: One line.
        number: The signal.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + number


class LockedError(KaiwuctlError):
    """Another run holds the folder."""
