"""Which files a container build sees, by the rules of .dockerignore.

Patterns are tried in order, and the last one that matches a path, or a folder above it, decides; ``!`` takes a path in
again; ``**`` crosses folders. An ignored folder is entered only when a ``!`` pattern, read as plain text, begins with
its path: docker's own client, its old builder, podman and buildah look no further.

See https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import NamedTuple


class Pattern(NamedTuple):
    """A line of the file.

    Attributes:
        line: Its number, from 1.
        text: The pattern, normalized, without ``!``.
        included: Whether it takes paths in again.
        expression: What it matches.
    """

    line: int
    text: str
    included: bool
    expression: re.Pattern[str]


class DockerIgnore:
    """The patterns of a .dockerignore file.

    Args:
        text: Content of the file.

    Raises:
        ValueError: A line is not a pattern; the message begins with its number.
    """

    def __init__(self, text: str) -> None:
        self._patterns = list(_patterns(text))

    def ignored_by(self, path: str) -> Pattern | None:
        """Return the pattern that keeps a path out of the build, or None when the build sees it.

        Args:
            path: Relative to the folder of the file, with slashes.
        """
        if (pattern := self._last_match(path)) is not None and not pattern.included:
            return pattern
        for folder in _folders(path):
            pattern = self._last_match(folder)
            if pattern is not None and not pattern.included and not self._is_entered(folder):
                return pattern
        return None

    def _last_match(self, path: str) -> Pattern | None:
        paths = [path, *_folders(path)]
        found = None
        for pattern in self._patterns:
            if any(pattern.expression.fullmatch(each) for each in paths):
                found = pattern
        return found

    def _is_entered(self, folder: str) -> bool:
        return any(pattern.included and f"{pattern.text}/".startswith(f"{folder}/") for pattern in self._patterns)


def _folders(path: str) -> list[str]:
    return [str(folder) for folder in PurePosixPath(path).parents if str(folder) != "."]


def _patterns(text: str) -> list[Pattern]:
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        included = line.strip().startswith("!")
        pattern = posixpath.normpath(line.strip().removeprefix("!").strip()).lstrip("/")
        try:
            expression = re.compile(_expression(pattern), re.DOTALL)
        except re.error:
            raise ValueError(f"{number}: {pattern!r} is not a valid pattern: a build would reject it") from None
        found.append(Pattern(number, pattern, included, expression))
    return found


def _expression(pattern: str) -> str:
    rules = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.findall(r"\*\*/|\*\*|\*|\?|\[[^]]*\]|\\.|.", pattern, re.DOTALL)
    return "".join(
        rules.get(word) or (word if word.startswith("[") and len(word) > 1 else re.escape(word.removeprefix("\\")))
        for word in words
    )
