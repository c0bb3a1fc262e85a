"""Breaks the lines of generated Python that a long name makes too long, as `ruff format` breaks them."""

from __future__ import annotations

from typing import Final

WIDTH: Final = 120
"""Characters of a line, as in pyproject.toml of a project."""

_INDENT: Final = "    "
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


def fold_long_lines(text: str) -> str:
    """Return the text of a module whose statements of one line fit the width.

    Comments and docstrings stay as they are: templates choose shorter ones.
    """
    if all(len(line) <= WIDTH for line in text.splitlines()):
        return text
    return "".join(f"{_folded(line)}\n" for line in text.splitlines())


def _folded(line: str) -> str:
    code = line.lstrip()
    if len(line) <= WIDTH or code.startswith(("#", '"""', '"')) or "  # " in line:
        return line
    indent = line[: len(line) - len(code)]
    if code.startswith("from ") and " import " in code:
        head, _, names = line.partition(" import ")
        return "\n".join(
            [f"{head} import (", *(f"{indent}{_INDENT}{name}," for name in names.split(", ")), f"{indent})"]
        )
    pair = _last_brackets(line)
    if pair is not None and pair[1] > pair[0] + 1:
        start, end = pair
        return _broken(indent, line[: start + 1], line[start + 1 : end], line[end:])
    name, equals, value = line.partition(" = ")
    return _parenthesized(indent, f"{name} = (", value) if equals else line


def _broken(indent: str, head: str, body: str, tail: str) -> str:
    """Return what stands in brackets on a line of its own, or a line for each part."""
    inner = f"{indent}{_INDENT}"
    if len(f"{inner}{body}") <= WIDTH:
        return f"{head}\n{inner}{body}\n{indent}{tail}"
    parts = "".join(f"{_folded(f'{inner}{part}')},\n" for part in _parts(body, ", "))
    return f"{head}\n{parts}{indent}{tail}"


def _parenthesized(indent: str, head: str, value: str) -> str:
    inner = f"{indent}{_INDENT}"
    if len(f"{inner}{value}") <= WIDTH:
        return f"{head}\n{inner}{value}\n{indent})"
    first, *others = _parts(value, " / ")
    return "\n".join([head, f"{inner}{first}", *(f"{inner}/ {each}" for each in others), f"{indent})"])


def _last_brackets(line: str) -> tuple[int, int] | None:
    """Return where the last outer brackets stand, behind which only the end of the statement is."""
    found = None
    for start, end in _outer_brackets(line):
        found = start, end
    if found is None:
        return None
    behind = line[found[1] + 1 :]
    return found if behind in {"", ":", ","} or (behind.startswith(" -> ") and behind.endswith(":")) else None


def _outer_brackets(line: str) -> list[tuple[int, int]]:
    """Return the positions of the brackets that are in no others."""
    pairs: list[tuple[int, int]] = []
    stack: list[str] = []
    start, quote = 0, ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote and line[position - 1] != "\\" else quote
        elif character in {'"', "'"}:
            quote = character
        elif character in _OPENING:
            start = start if stack else position
            stack.append(_OPENING[character])
        elif stack and character == stack[-1]:
            stack.pop()
            if not stack:
                pairs.append((start, position))
    return pairs


def _parts(body: str, separator: str) -> list[str]:
    """Return the parts between the separators that are in no brackets and no text."""
    inside = _outer_brackets(body)
    parts, last, quote = [], 0, ""
    for position, character in enumerate(body):
        if quote:
            quote = "" if character == quote else quote
        elif character in {'"', "'"}:
            quote = character
        elif body.startswith(separator, position) and not any(start < position < end for start, end in inside):
            parts.append(body[last:position])
            last = position + len(separator)
    return [*parts, body[last:]]
