"""What has to be put back when a write does not finish.

Before the first file is touched, a folder in the project gets a hard link to every file that will be
replaced, and a list of all files and folders that will appear. Undoing goes by that list, never by memory:
the process that undoes may be the next one, after a crash. Once the list is removed, the new state counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaiwuctl.scaffold.plan import PlannedFile

FOLDER = ".kaiwuctl-undo"
_LIST = "journal.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the list.

    Attributes:
        path: Relative to the project.
        temporary: Where its content is staged, relative to the project.
        after: Digest of the content that the file gets.
        backup: Name of the old file in the journal's folder; None when there was none.
    """

    path: str
    temporary: str
    after: str
    backup: str | None


class Journal:
    """The list for one write below `root`.

    Attributes:
        entries: In the order of the plan.
    """

    def __init__(self, root: Path, entries: Sequence[Entry], folders: Sequence[str]) -> None:
        self._root = root
        self._folder = root / FOLDER
        self.entries = list(entries)
        self._folders = list(folders)

    @classmethod
    def begin(cls, root: Path, files: Sequence[PlannedFile]) -> Journal:
        """Write the list for `files`.

        Raises:
            OSError: It could not be written; nothing is left of it.
        """
        entries = []
        for index, file in enumerate(files):
            parent = file.path.rpartition("/")[0]
            temporary = f"{parent}/.kaiwuctl-{index}.tmp" if parent else f".kaiwuctl-{index}.tmp"
            backup = None if file.before is None else str(index)
            entries.append(Entry(file.path, temporary, _digest(file.content), backup))
        journal = cls(root, entries, _missing_folders(root, files))
        try:
            journal._write()
        except BaseException:
            shutil.rmtree(journal._folder, ignore_errors=True)
            raise
        return journal

    @classmethod
    def left_over(cls, root: Path) -> bool:
        """Whether an earlier run left something to undo or to clean up in `root`."""
        return (root / FOLDER).is_dir() and not (root / FOLDER).is_symlink()

    @classmethod
    def recover(cls, root: Path) -> list[str] | None:
        """Finish what an earlier run left in `root`.

        Returns:
            None when nothing had to be undone; else the files that somebody has changed since, which stay.
        """
        if not cls.left_over(root):
            return None
        try:
            listed = json.loads((root / FOLDER / _LIST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            # It stopped before it changed anything, or after it was done.
            shutil.rmtree(root / FOLDER)
            return None
        return cls(root, [Entry(**entry) for entry in listed["files"]], listed["folders"]).undo()

    def undo(self) -> list[str]:
        """Put everything back as it was.

        Returns:
            The files that are neither as before nor as written; they stay.

        Raises:
            OSError: Something could not be put back; the list stays, and the next run tries again.
        """
        foreign = []
        for entry in self.entries:
            temporary = self._root / entry.temporary
            # Asked first: in a read-only folder even a file that is not there cannot be unlinked.
            if os.path.lexists(temporary):
                temporary.unlink()
            target = self._root / entry.path
            try:
                if target.is_symlink() or _digest(target.read_bytes()) != entry.after:
                    # Untouched so far, unless it is none of the two states.
                    if self._is_foreign(entry, target):
                        foreign.append(entry.path)
                    continue
            except (FileNotFoundError, NotADirectoryError):
                continue
            if entry.backup is None:
                target.unlink()
            else:
                self._restore(self._folder / entry.backup, target)
        for folder in reversed(self._folders):
            try:
                (self._root / folder).rmdir()
            except OSError:
                # Absent, or somebody put a file there.
                continue
        self.close()
        return foreign

    def close(self) -> None:
        """Remove the list: the state of the files now counts.

        Raises:
            OSError: The list could not be removed. What cannot be removed beside it is left to the next run.
        """
        (self._folder / _LIST).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)

    def _is_foreign(self, entry: Entry, target: Path) -> bool:
        if entry.backup is None:
            return True
        backup = self._folder / entry.backup
        return not backup.exists() or target.read_bytes() != backup.read_bytes()

    def _restore(self, backup: Path, target: Path) -> None:
        try:
            backup.replace(target)
        except FileNotFoundError:
            # Restored by an undo that did not get to its end, with the content that was also to be written.
            return
        except OSError:
            # The file is on another file system than the project's folder.
            temporary = target.with_name(f".kaiwuctl-{backup.name}.tmp")
            shutil.copy2(backup, temporary)
            temporary.replace(target)

    def _write(self) -> None:
        self._folder.mkdir(mode=0o700)
        for entry in self.entries:
            if entry.backup is not None:
                _link_or_copy(self._root / entry.path, self._folder / entry.backup)
        listed = {"files": [asdict(entry) for entry in self.entries], "folders": self._folders}
        temporary = self._folder / "journal.tmp"
        with temporary.open("x", encoding="utf-8") as stream:
            json.dump(listed, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(self._folder / _LIST)
        sync_folder(self._folder)
        sync_folder(self._root)


def sync_folder(folder: Path) -> None:
    """Make the renames in `folder` survive a power failure, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def _missing_folders(root: Path, files: Sequence[PlannedFile]) -> list[str]:
    missing: dict[str, None] = {}
    for file in files:
        for parent in reversed(Path(file.path).parents[:-1]):
            if not (root / parent).exists():
                missing[parent.as_posix()] = None
    return list(missing)
