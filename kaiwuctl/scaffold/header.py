"""The licence header that every generated Python file starts with."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Final

from kaiwuctl.errors import ContentError, UsageError
from kaiwuctl.names.python import names_other_encoding
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.contents import read_regular

HEADER_FILE: Final = "hack/boilerplate.py.txt"
LICENSES: Final = ("apache2", "none")
_LIMIT: Final = 64 * 1024
_MOST_DIGITS: Final = 11
"""Of seconds since 1970: until the year 5138."""


def current_year() -> str:
    """Return the year for copyright lines; SOURCE_DATE_EPOCH makes it the same on every day.

    See https://reproducible-builds.org/specs/source-date-epoch/
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    is_time = epoch.isascii() and epoch.isdigit() and len(epoch) <= _MOST_DIGITS
    return time.strftime("%Y", time.gmtime(int(epoch) if is_time else None))


def check_license(license_name: str) -> None:
    """Reject a licence that kaiwuctl has no header for.

    Raises:
        UsageError: Lists those it has.
    """
    if license_name not in LICENSES:
        raise UsageError(
            f"--license {quoted(license_name)}: must be {' or '.join(LICENSES)}; "
            "for another one write its header to a file and pass --license-file"
        )


def header_for(license_name: str, owner: str, year: str) -> str:
    """Return the header of a licence as comment lines, without a newline at the end.

    Args:
        license_name: ``apache2`` or ``none``.
        owner: Copyright holder; may be empty.
        year: Of the copyright.

    Raises:
        UsageError: kaiwuctl has no header for the licence.
    """
    check_license(license_name)
    copyright_line = f"Copyright {year} {owner}".rstrip() + "."
    if license_name == "none":
        return as_comment(copyright_line) if owner else ""
    text = (Path(__file__).parent / "licenses" / f"{license_name}.txt").read_text(encoding="utf-8")
    return as_comment(f"{copyright_line}\n\n{text}")


def header_from_file(path: str) -> str:
    """Return the content of a file as comment lines, without a newline at the end.

    Raises:
        UsageError: It is missing, unreadable, empty, too long or no text.
    """
    where = f"--license-file {quoted(path)}"
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{where}: {(error.strerror or str(error)).lower()}; name a text file") from None
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").strip("\n")
    except UnicodeDecodeError:
        raise UsageError(f"{where}: is not UTF-8 text; save it as UTF-8") from None
    if len(content) > _LIMIT:
        raise UsageError(f"{where}: has more than {_LIMIT // 1024} KiB; a header is a few lines")
    if not text.strip():
        raise UsageError(f"{where}: is empty; leave the flag out or pass --license none")
    if not _is_text(text):
        raise UsageError(f"{where}: has control characters; save it as plain text")
    if any(map(names_other_encoding, text.split("\n")[:2])):
        raise UsageError(
            f"{where}: has 'coding:' in its first two lines, which Python reads as another encoding; reword it"
        )
    return as_comment(text)


def header_of_project(root: Path) -> str:
    """Return the header a project was started with, as comment lines; empty when it has none.

    Raises:
        ContentError: It cannot be read, is too long, or is not text.
    """
    content = read_regular(root, HEADER_FILE, limit=_LIMIT)
    try:
        text = (content or b"").decode("utf-8-sig").replace("\r\n", "\n").strip("\n")
    except UnicodeDecodeError:
        raise ContentError(f"{HEADER_FILE}: is not UTF-8 text; restore it from version control") from None
    if not _is_text(text):
        raise ContentError(f"{HEADER_FILE}: has control characters; restore it from version control")
    if any(map(names_other_encoding, text.split("\n")[:2])):
        raise ContentError(
            f"{HEADER_FILE}: has 'coding:' in its first two lines, which Python reads as another encoding; reword it"
        )
    # It is put at the top of every module: it stays a comment, even when the project comes from another person.
    return "\n".join(line if line.startswith("#") or not line else f"# {line}" for line in text.split("\n"))


def _is_text(text: str) -> bool:
    return re.sub(r"[\n\t]", "", text).isprintable()


def as_comment(text: str) -> str:
    """Return `text` as Python comment lines; lines that are comments already stay as they are."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    if all(line.startswith("#") for line in lines if line):
        return "\n".join(line or "#" for line in lines)
    return "\n".join(f"# {line}" if line else "#" for line in lines)
