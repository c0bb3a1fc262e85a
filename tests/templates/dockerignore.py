"""Which files docker sends to a build, by the rules of .dockerignore.

Follows https://docs.docker.com/build/concepts/context/#dockerignore-files: patterns are tried in order and the last
one that matches a path, or a folder above it, decides; ``!`` takes a path in again; ``**`` crosses folders. An ignored
folder is entered only when a ``!`` pattern, read as plain text, begins with its path: docker's own client and its old
builder look no further.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple


def sent(ignore_file: str, paths: Iterable[str]) -> list[str]:
    """Return those of `paths`, relative to the root of the context, that are part of it."""
    patterns = _patterns(ignore_file)
    return [path for path in paths if not _ignored(patterns, path) and _entered(patterns, path)]


class _Pattern(NamedTuple):
    taken_in: bool
    text: str
    expression: re.Pattern[str]


def _entered(patterns: list[_Pattern], path: str) -> bool:
    folders = [str(folder) for folder in PurePosixPath(path).parents if str(folder) != "."]
    return all(
        not _ignored(patterns, folder)
        or any(pattern.taken_in and f"{pattern.text}/".startswith(f"{folder}/") for pattern in patterns)
        for folder in folders
    )


def _patterns(ignore_file: str) -> list[_Pattern]:
    found = []
    for line in ignore_file.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        taken_in = line.strip().startswith("!")
        pattern = posixpath.normpath(line.strip().removeprefix("!").strip()).lstrip("/")
        found.append(_Pattern(taken_in, pattern, re.compile(_expression(pattern))))
    return found


def _ignored(patterns: list[_Pattern], path: str) -> bool:
    with_folders = [path, *(str(folder) for folder in PurePosixPath(path).parents if str(folder) != ".")]
    ignored = False
    for pattern in patterns:
        if any(pattern.expression.fullmatch(each) for each in with_folders):
            ignored = not pattern.taken_in
    return ignored


def _expression(pattern: str) -> str:
    rules = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.findall(r"\*\*/|\*\*|\*|\?|\[[^]]*\]|\\.|.", pattern)
    return "".join(
        rules.get(word) or (word if word.startswith("[") and len(word) > 1 else re.escape(word.removeprefix("\\")))
        for word in words
    )
