"""What the journal lists: the files that a write will replace or delete, and the folders that will appear or go."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaiwuctl.scaffold.plan import PlannedFile


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the list.

    Attributes:
        path: Relative to the project.
        temporary: Where its content is staged, relative to the project; None when it is deleted.
        after: Digest of the content that the file gets; None when it is deleted.
        backup: Name of the old file in the journal's folder; None when there was none.
        before: Digest of the old file; None when there was none.
    """

    path: str
    temporary: str | None
    after: str | None
    backup: str | None
    before: str | None


def entries_of(files: Sequence[PlannedFile]) -> list[Entry]:
    """Return the entries of planned files, in their order."""
    entries = []
    for index, file in enumerate(files):
        backup, before = (None, None) if file.before is None else (str(index), digest_of(file.before))
        temporary, after = None, None
        if file.content is not None:
            parent = file.path.rpartition("/")[0]
            temporary = f"{parent}/.kaiwuctl-{index}.tmp" if parent else f".kaiwuctl-{index}.tmp"
            after = digest_of(file.content)
        entries.append(Entry(file.path, temporary, after, backup, before))
    return entries


def digest_of(content: bytes) -> str:
    """Return the digest by which the content of a file is compared."""
    return hashlib.sha256(content).hexdigest()


def missing_folders(root: Path, files: Sequence[PlannedFile]) -> list[str]:
    """Return the folders that planned files need and that do not exist, the outermost first."""
    missing: dict[str, None] = {}
    for file in files:
        if file.content is None:
            continue
        for parent in reversed(Path(file.path).parents[:-1]):
            if not (root / parent).exists():
                missing[parent.as_posix()] = None
    return list(missing)


def emptied_folders(root: Path, files: Sequence[PlannedFile]) -> list[tuple[str, int]]:
    """Return the folders with nothing in them but what is deleted, the innermost first, with their modes."""
    gone = {file.path for file in files if file.content is None}
    written = [file.path for file in files if file.content is not None]
    parents = {parent for path in gone for parent in Path(path).parents[:-1]}
    emptied = []
    for folder in sorted(parents, key=lambda parent: (-len(parent.parts), parent)):
        path = folder.as_posix()
        if any(name.startswith(f"{path}/") for name in written):
            continue
        if all(f"{path}/{entry.name}" in gone for entry in os.scandir(root / folder)):
            gone.add(path)
            emptied.append((path, stat.S_IMODE((root / folder).stat().st_mode)))
    return emptied
