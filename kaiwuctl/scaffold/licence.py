"""The licence of a project: its header in every file, as `kaiwuctl edit` changes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import UsageError
from kaiwuctl.scaffold.header import (
    HEADER_FILE,
    LICENSES,
    current_year,
    header_for,
    header_from_file,
    header_of_project,
)
from kaiwuctl.scaffold.python_files import python_files

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.scaffold.edit_request import EditRequest
    from kaiwuctl.scaffold.record import Record
    from kaiwuctl.scaffold.tree_edit import TreeEdit

_YEAR: Final = re.compile(r"\b[0-9]{4}\b")
_COPYRIGHT: Final = re.compile(r"^# Copyright(?: [0-9]{4})?(?: (?P<owner>.+?))?\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence.

    Attributes:
        name: ``apache2``, ``none`` or ``custom``.
        owner: Copyright holder; may be empty.
        header: Comment lines without a newline at the end; may be empty.
    """

    name: str
    owner: str
    header: str


def licence_of(root: Path, record: Record) -> Licence:
    """Return the licence that a project has.

    Args:
        root: The project's folder.
        record: Its record; where it does not know the answers of `init`, the header tells them.
    """
    header = header_of_project(root)
    if record.init:
        name, owner = str(record.init["license"]), str(record.init["owner"])
        if name in LICENSES and not (root / HEADER_FILE).exists():
            # The file was deleted, and the licence is known all the same.
            header = header_for(name, owner, current_year())
        return Licence(name, owner, header)
    found = _COPYRIGHT.search(header)
    owner = found["owner"] or "" if found is not None else ""
    for name in ("apache2", "none"):
        if _same(header, header_for(name, owner, current_year())):
            return Licence(name, owner, header)
    return Licence("custom", "", header)


def changed_licence(present: Licence, request: EditRequest) -> Licence:
    """Return the licence that a project gets.

    Args:
        present: The one that it has.
        request: The values of the flags.

    Raises:
        UsageError: The file with the header cannot be read, or the owner of a header of the user's is unknown.
    """
    if request.license_file is not None:
        return Licence("custom", "", header_from_file(request.license_file))
    name = present.name if request.license_name is None else request.license_name
    if name == "custom":
        raise UsageError(
            "--owner: the project's header comes from a file, which names the owner; change that file and pass "
            "--license-file"
        )
    owner = present.owner if request.owner is None else request.owner
    year = _YEAR.search(present.header)
    header = header_for(name, owner, year[0] if year is not None else current_year())
    return Licence(name, owner, header)


def change_headers(root: Path, old: Licence, new: Licence, record: Record, edit: TreeEdit) -> list[str]:
    """Change the header of every Python file that starts with the project's, whatever its year.

    Args:
        root: The project's folder.
        old: The present licence.
        new: The new one.
        record: What kaiwuctl wrote: where the project has no header yet, only these files get one.
        edit: Gets the changes.

    Returns:
        The other files, whose header is not the project's.
    """
    others = []
    for path in python_files(root):
        text = edit.searched(path)
        if text is None:
            others.append(path)
            continue
        changed = _with_header(text, old.header, new.header, scaffolded=path in record.files)
        if changed is None:
            if text.strip() and not _starts_with(text, new.header):
                others.append(path)
        elif changed != text:
            edit.write(path, changed)
    return others


def _with_header(text: str, old: str, new: str, *, scaffolded: bool) -> str | None:
    """Return a file with another header; None where it does not have the old one."""
    newline = "\r\n" if "\r\n" in text else "\n"
    normal = text.replace("\r\n", "\n")
    if old:
        if not _starts_with(normal, old):
            return None
        length = len(old.split("\n"))
        present, rest = normal.split("\n")[:length], normal.split("\n")[length:]
        year = _YEAR.search("\n".join(present))
        body = "\n".join(rest[1:] if rest[:1] == [""] else rest)
        new = _YEAR.sub(year[0], new, count=1) if year is not None else new
    elif not scaffolded:
        return None
    else:
        body = normal
        if new and _starts_with(normal, new):
            return text
    return (f"{new}\n\n{body}" if new and body else new or body).replace("\n", newline)


def _starts_with(text: str, header: str) -> bool:
    if not header:
        return True
    lines = text.replace("\r\n", "\n").split("\n")
    length = len(header.split("\n"))
    # A file whose first comment goes on has a header of its own.
    return _same("\n".join(lines[:length]), header) and not "".join(lines[length : length + 1]).startswith("#")


def _same(first: str, second: str) -> bool:
    return _YEAR.sub("", first) == _YEAR.sub("", second)
