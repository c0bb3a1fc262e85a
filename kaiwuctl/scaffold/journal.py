"""What has to be put back when a write does not finish.

Before the first file is touched, a folder in the project gets a hard link to every file that will be replaced or
deleted, and a list of all files and folders that will appear or go. Undoing goes by that list, never by memory: the
process that undoes may be the next one, after a crash. Once the list is removed, the new state counts.

The folder may also have come with the project, from a stranger. So the list is sealed (see
:mod:`kaiwuctl.scaffold.seal`) together with the path of the project, and undoing follows no link.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwuctl.errors import ContentError, WriteError
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.contents import is_plain, read_regular
from kaiwuctl.scaffold.journal_entries import Entry, digest_of, emptied_folders, entries_of, missing_folders
from kaiwuctl.scaffold.seal import is_sealed, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaiwuctl.scaffold.plan import PlannedFile

FOLDER = ".kaiwuctl-undo"
_LIST = "journal.json"
_DRAFT = "journal.tmp"
_OWN_NAMES = re.compile(rf"[0-9]+|{re.escape(_LIST)}|{re.escape(_DRAFT)}")
_SEAL_LENGTH = 64


class Journal:
    """The list for one write below `root`.

    Attributes:
        entries: In the order of the plan.
        folders: The folders that are missing, the outermost first.
        emptied: The folders that the deletions leave empty with their permission bits, the innermost first.
    """

    def __init__(
        self, root: Path, entries: Sequence[Entry], folders: Sequence[str], emptied: Sequence[tuple[str, int]] = ()
    ) -> None:
        self._root = root
        self._folder = root / FOLDER
        self.entries = list(entries)
        self.folders = list(folders)
        self.emptied = [(path, mode) for path, mode in emptied]

    @classmethod
    def begin(cls, root: Path, files: Sequence[PlannedFile]) -> Journal:
        """Write the list for `files`.

        Raises:
            OSError: It could not be written; nothing is left of it.
        """
        entries = entries_of(files)
        journal = cls(root, entries, missing_folders(root, files), emptied_folders(root, files))
        journal._folder.mkdir(mode=0o700)
        try:
            journal._write()
        except BaseException:
            shutil.rmtree(journal._folder, ignore_errors=True)
            raise
        return journal

    @classmethod
    def left_over(cls, root: Path) -> bool:
        """Whether an earlier run left something to undo or to clean up in `root`.

        Raises:
            WriteError: Something that no run leaves has the name of the journal's folder.
        """
        try:
            mode = (root / FOLDER).lstat().st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(mode):
            raise WriteError(f"{FOLDER}: is not a directory, and kaiwuctl needs that name while it writes; remove it")
        return True

    @classmethod
    def recover(cls, root: Path) -> list[str] | None:
        """Finish what an earlier run left in `root`.

        Returns:
            None when nothing had to be undone; else the files that were changed since, which stay.

        Raises:
            OSError: Something could not be put back; the list stays, and the next run tries again.
            ValueError: The list cannot be read.
            WriteError: The folder or its list was not written by this user's kaiwuctl in this folder.
        """
        if not cls.left_over(root):
            return None
        content = read_regular(root, f"{FOLDER}/{_LIST}")
        if content is None:
            # It stopped before it changed anything, or after it was done.
            _remove(root / FOLDER)
            return None
        found, _, listed = content.partition(b"\n")
        if len(found) != _SEAL_LENGTH:
            raise ValueError
        if not is_sealed(listed, found.decode("latin-1")):
            raise WriteError(
                f"{FOLDER}: was not left by this user's kaiwuctl, so nothing was undone; remove it, and restore the "
                "project from version control if a file is missing"
            )
        journal = json.loads(listed)
        if journal["root"] != os.path.realpath(root):
            raise WriteError(
                f"{FOLDER}: was left by kaiwuctl in another directory, {journal['root']}, so nothing was undone; "
                "remove it, and restore the project from version control if a file is missing"
            )
        entries = [Entry(**entry) for entry in journal["files"]]
        return cls(root, entries, journal["folders"], journal.get("emptied", ())).undo()

    def undo(self) -> list[str]:
        """Put everything back as it was.

        Returns:
            The files that are neither as before nor as written; they stay.

        Raises:
            OSError: Something could not be put back; the list stays, and the next run tries again.
        """
        foreign = []
        for folder, mode in reversed(self.emptied):
            self._restore_folder(folder, mode)
        for entry in self.entries:
            # Asked first: in a read-only folder even a file that is not there cannot be unlinked.
            if entry.temporary is not None and is_plain(self._root, entry.temporary):
                (self._root / entry.temporary).unlink()
            if not self._is_restored(entry):
                foreign.append(entry.path)
        for folder in reversed(self.folders):
            try:
                (self._root / folder).rmdir()
            except OSError:
                # Absent, or another program put a file there.
                continue
        self.close()
        return foreign

    def close(self) -> None:
        """Remove the list: the state of the files now counts.

        Raises:
            OSError: The list could not be removed. What cannot be removed beside it is left to the next run.
        """
        (self._folder / _LIST).unlink(missing_ok=True)
        with contextlib.suppress(OSError, WriteError):
            _remove(self._folder)

    def _restore_folder(self, path: str, mode: int) -> None:
        """Make a folder again that was removed because it was empty."""
        folder = self._root / path
        parent = path.rpartition("/")[0]
        if not _is_plain_folder(self._root, parent):
            return
        if not os.path.lexists(folder):
            folder.mkdir()
        found = folder.lstat().st_mode
        if stat.S_ISDIR(found) and stat.S_IMODE(found) != mode:
            folder.chmod(mode)

    def _is_restored(self, entry: Entry) -> bool:
        """Put a file back; return False when it is neither as before nor as written, and stays."""
        target = self._root / entry.path
        if not os.path.lexists(target):
            if entry.after is not None or entry.backup is None:
                return True
            return _is_plain_folder(self._root, entry.path.rpartition("/")[0]) and self._put_back(entry, target)
        present = self._digest_of(entry.path)
        if present is None:
            return False
        if present == entry.after:
            return self._put_back(entry, target)
        return self._is_untouched(entry, present)

    def _digest_of(self, path: str) -> str | None:
        """Return the digest of a file; None when it is a link, below a link, or not a regular file."""
        if not is_plain(self._root, path):
            return None
        try:
            content = read_regular(self._root, path)
        except ContentError as error:
            if error.cause is not None:
                raise error.cause from None
            return None
        return None if content is None else digest_of(content)

    def _is_untouched(self, entry: Entry, present: str) -> bool:
        """Whether a file is as before: as it was planned, or as an editor has saved it in place since."""
        if entry.backup is None:
            return False
        return present in {entry.before, self._digest_of(f"{FOLDER}/{entry.backup}")}

    def _put_back(self, entry: Entry, target: Path) -> bool:
        """Remove a written file, or restore the one it replaced; return False when that one is not there."""
        if entry.backup is None:
            target.unlink()
            return True
        if not is_plain(self._root, f"{FOLDER}/{entry.backup}"):
            return False
        backup = self._folder / entry.backup
        try:
            backup.replace(target)
        except OSError:
            # The file is on another file system than the project's folder.
            temporary = target.with_name(f".kaiwuctl-{backup.name}.tmp")
            shutil.copy2(backup, temporary)
            temporary.replace(target)
        return True

    def _write(self) -> None:
        for entry in self.entries:
            if entry.backup is not None:
                _link_or_copy(self._root / entry.path, self._folder / entry.backup)
        listed = json.dumps(
            {
                "root": os.path.realpath(self._root),
                "files": [asdict(entry) for entry in self.entries],
                "folders": self.folders,
                "emptied": self.emptied,
            }
        ).encode()
        temporary = self._folder / _DRAFT
        with temporary.open("xb") as stream:
            stream.write(seal(listed).encode() + b"\n" + listed)
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


def _remove(folder: Path) -> None:
    """Remove a journal's folder with the files that a journal has.

    Raises:
        OSError: It cannot be removed.
        WriteError: It has something else in it; nothing was removed.
    """
    names = [entry.name for entry in os.scandir(folder) if not _is_own(entry)]
    if names:
        raise WriteError(
            f"{FOLDER}: has {quoted(min(names))} in it, which kaiwuctl did not write; move it, or remove {FOLDER}"
        )
    for entry in list(os.scandir(folder)):
        Path(entry.path).unlink()
    folder.rmdir()


def _is_own(entry: os.DirEntry[str]) -> bool:
    return _OWN_NAMES.fullmatch(entry.name) is not None and entry.is_file(follow_symlinks=False)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def _is_plain_folder(root: Path, path: str) -> bool:
    """Whether `path` exists below `root` as a folder, and no part of it is a link."""
    folder = root
    for part in path.split("/") if path else ():
        folder /= part
        try:
            if not stat.S_ISDIR(folder.lstat().st_mode):
                return False
        except OSError:
            return False
    return True
