"""Which installed distributions a requirements file brings, those that they require themselves included.

See https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from kaiwu_runtime.errors import ConfigurationError

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^]]*)\])?")
_INCLUDED = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def required(file: Path) -> set[str]:
    """Return the normalized names of the distributions that a requirements file leads to.

    Args:
        file: The requirements file.

    Raises:
        ConfigurationError: It cannot be read.
    """
    found: dict[str, set[str]] = {}
    waiting = list(_requirements(file, set()))
    while waiting:
        name, extras = waiting.pop()
        if name in found and extras <= found[name]:
            continue
        found[name] = found.get(name, set()) | extras
        try:
            further = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in further:
            extra = _EXTRA.search(requirement)
            if extra is None or normalized(extra[1]) in found[name]:
                waiting.extend(_parsed(requirement))
    return set(found)


def normalized(name: str) -> str:
    """Return a distribution's name as it is compared.

    See https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(file: Path, seen: set[Path]) -> Iterator[tuple[str, set[str]]]:
    if file.resolve() in seen:
        return
    seen.add(file.resolve())
    try:
        text = file.read_text(encoding="utf-8-sig").replace("\\\n", " ")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()):
        if included := _INCLUDED.match(line):
            yield from _requirements(file.parent / included[1], seen)
        elif line and not line.startswith("-"):
            yield from _parsed(line)


def _parsed(line: str) -> list[tuple[str, set[str]]]:
    """Return name and extras of a requirement: a name, a wheel or a source archive; nothing for other paths."""
    first = line.split(maxsplit=1)[0]
    if "/" in first or first.endswith(".whl"):
        first = first.rsplit("/", 1)[-1].partition("-")[0]
    match = _NAME.match(first if first != line.split(maxsplit=1)[0] else line)
    if match is None:
        return []
    extras = {normalized(extra.strip()) for extra in (match[2] or "").split(",") if extra.strip()}
    return [(normalized(match[1]), extras)]
