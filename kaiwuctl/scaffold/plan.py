"""What a command would do to every file, before it does anything.

A file is created, changed (PROJECT and kustomization files are merged), kept, moved, deleted, or overwritten with
--force. A file that is in the way is a collision, and with one collision nothing at all is written.
"""

from __future__ import annotations

import difflib
import hashlib
import stat
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from kaiwuctl.errors import CollisionError, in_the_way
from kaiwuctl.project.contents import read_regular
from kaiwuctl.scaffold.files import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kaiwuctl.scaffold.render import RenderedFile


class Action(Enum):
    """What happens to a file."""

    CREATE = "create"
    CHANGE = "change"
    OVERWRITE = "overwrite"
    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a plan.

    Attributes:
        path: Relative to the project, with slashes; where a file is moved to.
        action: What happens to it.
        content: What it will contain; None when it will not exist.
        before: What it contains now, or the file that is moved here; None when it does not exist.
        mode: The permission bits it gets.
        source: Where a file is moved from; empty for every other action.
    """

    path: str
    action: Action
    content: bytes | None
    before: bytes | None
    mode: int
    source: str = ""

    def steps(self) -> tuple[PlannedFile, ...]:
        """Return the writes and deletions that carry the action out: a move is one of each."""
        if self.action is not Action.MOVE:
            return (self,)
        return (
            PlannedFile(self.path, Action.CREATE, self.content, None, self.mode),
            PlannedFile(self.source, Action.DELETE, None, self.before, self.mode),
        )

    def diff(self) -> list[str]:
        """Return the unified diff of what a file contains now and afterwards, without the line endings."""
        if self.before is None or self.content is None or self.before == self.content:
            return []
        try:
            before, after = self.before.decode(), self.content.decode()
        except UnicodeDecodeError:
            return [f"{self.path}: binary"]
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"a/{self.source or self.path}", f"b/{self.path}", lineterm=""
        )
        return list(lines)


@dataclass(slots=True)
class Plan:
    """What a command is going to do in `root`.

    Attributes:
        root: The project's folder.
        force: Overwrite files that differ.
        files: In the order in which they were added.
    """

    root: Path
    force: bool = False
    files: list[PlannedFile] = field(default_factory=list)
    _collisions: list[str] = field(default_factory=list)
    _changed: list[str] = field(default_factory=list)
    _obstacles: list[str] = field(default_factory=list)

    def add(self, rendered: RenderedFile, *, recorded: bool, policy: Policy = Policy.CREATE) -> None:
        """Plan a rendered file.

        Args:
            rendered: The file.
            recorded: PROJECT says that it was scaffolded before: a difference is the user's work and stays.
            policy: What happens when it exists: CREATE or ONCE.
        """
        mode = 0o755 if rendered.executable else 0o644
        if not self._reachable(rendered.path):
            return
        planned = self._planned(rendered.path)
        if planned is not None and (policy is Policy.ONCE or planned.content == rendered.content):
            return
        before = self._read(rendered.path)
        if before is None:
            action = Action.CREATE
        elif before == rendered.content or policy is Policy.ONCE:
            action = Action.KEEP
        elif self.force:
            action = Action.OVERWRITE
        elif recorded:
            action = Action.KEEP
        else:
            self._collisions.append(rendered.path)
            return
        content = before if action is Action.KEEP and before is not None else rendered.content
        self.files.append(PlannedFile(rendered.path, action, content, before, self._mode(rendered.path, mode)))

    def merge(self, path: str, edit: Callable[[str | None], str]) -> None:
        """Plan a change to a file that several commands and the user share.

        Args:
            path: The file, relative to the project.
            edit: Gets the present text, None when there is no such file, and returns the new one. A file that is
                planned already has the text that it is planned to have.
        """
        if not self._reachable(path):
            return
        planned = self._planned(path)
        before = self._read(path) if planned is None else planned.before
        present = before if planned is None else planned.content
        try:
            text = None if present is None else present.decode()
        except UnicodeDecodeError:
            raise CollisionError(f"{path}: is not UTF-8 text; restore it from version control") from None
        content = edit(text).encode()
        changed = Action.CREATE if before is None else Action.CHANGE
        action = Action.KEEP if content == before else changed
        file = PlannedFile(path, action, content, before, self._mode(path, 0o644))
        if planned is None:
            self.files.append(file)
        else:
            self.files[self.files.index(planned)] = file

    def delete(self, path: str, *, recorded: str | None) -> None:
        """Plan the removal of a file, and of the folders that it leaves empty.

        One that does not exist is ignored, and so is one whose removal is planned already.

        Args:
            path: The file, relative to the project.
            recorded: SHA-256 of what kaiwuctl wrote there, in hexadecimal digits; None where that is not known. Other
                content is the user's work: it is in the way unless the plan has `force`.
        """
        if path in {*self.deleted(), *self._changed} or not self._reachable(path):
            return
        before = self._read(path)
        if before is None:
            return
        if not self.force and hashlib.sha256(before).hexdigest() != recorded:
            self._changed.append(path)
            return
        self.files.append(PlannedFile(path, Action.DELETE, None, before, self._mode(path, 0o644)))

    def replace(self, rendered: RenderedFile, *, recorded: str | None) -> None:
        """Plan another content for a file that kaiwuctl wrote.

        Args:
            rendered: The file.
            recorded: SHA-256 of what kaiwuctl wrote there, in hexadecimal digits; None where that is not known. Other
                content is the user's work: it is in the way unless the plan has `force`.
        """
        if not self._reachable(rendered.path):
            return
        before = self._read(rendered.path)
        if before is None:
            action = Action.CREATE
        elif before == rendered.content:
            action = Action.KEEP
        elif self.force or hashlib.sha256(before).hexdigest() == recorded:
            action = Action.OVERWRITE
        else:
            self._collisions.append(rendered.path)
            return
        mode = self._mode(rendered.path, 0o755 if rendered.executable else 0o644)
        self.files.append(PlannedFile(rendered.path, action, rendered.content, before, mode))

    def move(self, source: str, target: str, edit: Callable[[bytes], bytes] | None = None) -> None:
        """Plan that a file gets another path, with its permissions; one that does not exist is ignored.

        A target that exists with other content is in the way unless the plan has `force`; where it has the content
        that it would get, the source is deleted.

        Args:
            source: The file, relative to the project.
            target: Its new path.
            edit: Gets the content and returns what the file contains afterwards; None leaves it as it is.
        """
        if not (self._reachable(source) and self._reachable(target)):
            return
        folder = source.rpartition("/")[0]
        before = read_regular(self.root, source, smaller=f"move it out of {folder} first: only smaller files are moved")
        if before is None:
            return
        content = before if edit is None else edit(before)
        mode, present = self._mode(source, 0o644), self._read(target)
        if present is None:
            self.files.append(PlannedFile(target, Action.MOVE, content, before, mode, source))
            return
        if present != content and not self.force:
            self._collisions.append(target)
            return
        action = Action.KEEP if present == content else Action.OVERWRITE
        self.files.append(PlannedFile(target, action, content, present, self._mode(target, mode)))
        self.files.append(PlannedFile(source, Action.DELETE, None, before, mode))

    def check(self) -> None:
        """Reject the plan when a file is in the way.

        Raises:
            CollisionError: Lists every file that is in the way, and what to do.
        """
        if self._obstacles:
            raise in_the_way(self._obstacles)
        if self._collisions:
            count = len(self._collisions)
            files = "1 file exists and differs" if count == 1 else f"{count} files exist and differ"
            raise CollisionError(
                f"nothing was written, because {files} from what would be; move aside or remove:",
                details=sorted(self._collisions),
            )

        if self._changed:
            count = len(self._changed)
            files = "1 file has changes" if count == 1 else f"{count} files have changes"
            raise CollisionError(
                f"nothing was written, because {files} that kaiwuctl did not write; pass --force to delete:",
                details=sorted(self._changed),
            )

    def changes(self) -> Iterator[PlannedFile]:
        """Return the files that would be written, moved or deleted."""
        return (file for file in self.files if file.action is not Action.KEEP)

    def deleted(self) -> set[str]:
        """Return the paths of the files that would be deleted."""
        return {file.path for file in self.files if file.action is Action.DELETE}

    def _planned(self, path: str) -> PlannedFile | None:
        return next((file for file in self.files if file.path == path and file.action is not Action.DELETE), None)

    def _read(self, path: str) -> bytes | None:
        return read_regular(self.root, path)

    def _reachable(self, path: str) -> bool:
        """Whether `path` is a regular file, or could become one; notes what stands in the way."""
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            partial = "/".join(parts[:length])
            try:
                mode = (self.root / partial).lstat().st_mode
            except FileNotFoundError:
                return True
            if stat.S_ISLNK(mode):
                self._obstacles.append(f"{partial} is a symbolic link")
                return False
            if length < len(parts) and not stat.S_ISDIR(mode):
                self._obstacles.append(f"{partial} is not a directory")
                return False
            if length == len(parts) and not stat.S_ISREG(mode):
                what = "is a directory, not a file" if stat.S_ISDIR(mode) else "is not a file"
                self._obstacles.append(f"{partial} {what}")
                return False
        return True

    def _mode(self, path: str, default: int) -> int:
        try:
            return stat.S_IMODE((self.root / path).stat().st_mode)
        except FileNotFoundError:
            return default
