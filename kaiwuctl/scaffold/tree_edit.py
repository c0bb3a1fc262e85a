"""Changes to the files of a project that are made one after the other before they are planned."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from kaiwuctl.errors import CollisionError, ContentError
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular
from kaiwuctl.scaffold.files import Policy
from kaiwuctl.scaffold.render import RenderedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaiwuctl.scaffold.plan import Plan
    from kaiwuctl.scaffold.record import Record


class TreeEdit:
    """Files that are moved, changed, created and deleted.

    Files are named by their present paths, relative to the project.

    Args:
        root: The project's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moved: dict[str, str] = {}
        self.created: dict[str, bytes] = {}
        self._changed: dict[str, bytes] = {}
        self._deleted: set[str] = set()

    def read(self, path: str) -> bytes | None:
        """Return the content of a file with the changes made so far; None when there is none."""
        return self._changed[path] if path in self._changed else read_regular(self.root, path)

    def text(self, path: str) -> str | None:
        """Return the text of a file with the changes made so far; None when there is none, or it is not UTF-8."""
        content = self.read(path)
        try:
            return None if content is None else content.decode()
        except UnicodeDecodeError:
            return None

    def searched(self, path: str) -> str | None:
        """Return the text of a file that may have something to change; None for one that people do not edit.

        That is a file that is too large, cannot be read or is not UTF-8: the project may have data of any kind.
        """
        try:
            text = self.text(path)
        except ContentError:
            return None
        return text if text is None or len(text) <= TEXT_LIMIT else None

    def write(self, path: str, text: str) -> None:
        """Change the text of a file."""
        self._changed[path] = text.encode()

    def change(self, path: str, edit: Callable[[str], str]) -> None:
        """Change the text of a file; one that does not exist, or is not UTF-8, stays as it is."""
        text = self.text(path)
        if text is not None:
            self.write(path, edit(text))

    def move(self, path: str, target: str) -> None:
        """Give a file another path."""
        if path != target:
            self.moved[path] = target

    def create(self, path: str, content: bytes) -> None:
        """Write a new file; one that exists stays."""
        self.created[path] = content

    def delete(self, path: str) -> None:
        """Remove a file that kaiwuctl wrote."""
        self._deleted.add(path)

    def target(self, path: str) -> str:
        """Return the path that a file gets."""
        return self.moved.get(path, path)

    def gone(self) -> set[str]:
        """Return the present paths at which there is no file afterwards."""
        return {*self.moved, *self._deleted}

    def fill(self, plan: Plan, record: Record, *, rendered: Callable[[str], bytes | None]) -> None:
        """Plan all of it.

        Args:
            plan: The plan.
            record: What kaiwuctl wrote: other content is not deleted.
            rendered: Return what kaiwuctl would write for a path, for a project from before there was a record.

        Raises:
            CollisionError: Two files would get one path.
        """
        targets = sorted(self.moved.values())
        twice = sorted({target for target in targets if targets.count(target) > 1})
        if twice:
            raise CollisionError("nothing was written, because several files would get the same path:", details=twice)
        taken = sorted(self.gone() & {*targets, *self.created})
        if taken:
            raise CollisionError(
                "nothing was written, because a file would get the path of another that is moved; rename one:",
                details=taken,
            )
        for path in sorted({*self.moved, *self._changed} - self._deleted):
            content = self._changed.get(path)
            if path in self.moved:
                plan.move(path, self.moved[path], None if content is None else partial(_content, content))
            elif content is not None:
                plan.merge(path, partial(_text, content.decode()))
        for path, content in self.created.items():
            plan.add(RenderedFile(path, content), recorded=True, policy=Policy.ONCE)
        for path in sorted(self._deleted):
            plan.delete(path, recorded=self._as_written(path, record, rendered(path)))

    def _as_written(self, path: str, record: Record, rendered: bytes | None) -> str | None:
        content = read_regular(self.root, path)
        if content is None or not (record.is_unchanged(path, content) or content == rendered):
            return None
        return hashlib.sha256(content).hexdigest()


def _content(content: bytes, _: bytes) -> bytes:
    return content


def _text(text: str, _: str | None) -> str:
    return text
