"""Patterns that Python has compiled, in Go's words."""

from __future__ import annotations

import re

from kaiwu_runtime.regexp._parser import PatternError, parse

# ASCII is what Go does anyway and UNICODE what Python does unless told otherwise; DEBUG changes no meaning.
_WITHOUT_MEANING = re.ASCII | re.UNICODE | re.DEBUG
_LETTERS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}


def go_source(pattern: str | re.Pattern[str]) -> str:
    """Return a pattern as it stands in a CRD: the flags of a compiled one become ``(?i)``, ``(?m)``, ``(?s)``.

    Raises:
        PatternError: A flag without a meaning in Go, a pattern of bytes, or syntax that Go reads differently.
    """
    if isinstance(pattern, str):
        return pattern
    if not isinstance(pattern.pattern, str):
        raise PatternError("a pattern of bytes cannot match a string: leave out the b prefix")
    flags = re.RegexFlag(pattern.flags) & ~_WITHOUT_MEANING
    letters = ""
    for flag, letter in _LETTERS.items():
        if flags & flag and not _set_inside(pattern.pattern, letter):
            letters += letter
        flags &= ~flag
    if flags:
        raise PatternError(f"the flag {flags!s} does not exist in Go: write the pattern without it")
    read = parse(pattern.pattern)
    for note in read.notes:
        raise PatternError(note)
    if read.posix_classes:
        raise PatternError("Go reads [[:...:]] as a class and Python does not: write the characters, or a plain str")
    return f"(?{letters}){pattern.pattern}" if letters else pattern.pattern


def _set_inside(text: str, letter: str) -> bool:
    """Return whether the pattern sets a flag itself: ``re.compile("(?i)a")`` reports it among its flags."""
    inside = re.match(r"\(\?([a-zA-Z]+)\)", text)
    return inside is not None and letter in inside[1]
