"""A Python file as a text with positions in lines and columns, and changes of parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from libcst.metadata import CodeRange


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a text that is replaced.

    Attributes:
        start: Of the part, in characters.
        end: Where what follows begins.
        text: What takes its place.
    """

    start: int
    end: int
    text: str


class SourceText:
    """A text whose positions are lines and columns."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.newline = "\r\n" if "\r\n" in source else "\n"
        self._starts = [0]
        # As Python counts lines.
        for position, character in enumerate(source):
            if character == "\n" or (character == "\r" and source[position + 1 : position + 2] != "\n"):
                self._starts.append(position + 1)

    def span(self, where: CodeRange) -> tuple[int, int]:
        """Return the characters of a range: the first, and the one after the last."""
        start = self._starts[where.start.line - 1] + where.start.column
        return start, self._starts[where.end.line - 1] + where.end.column

    def line_end(self, position: int) -> int:
        """Return the end of a line, without its line break."""
        ends = [found for found in (self.source.find(mark, position) for mark in "\r\n") if found >= 0]
        return min(ends, default=len(self.source))

    def changed(self, changes: Sequence[Change]) -> str:
        """Return the text with all changes; one inside another is part of it already."""
        result, position = [], 0
        for change in sorted(changes, key=lambda change: (change.start, -change.end)):
            if change.start < position:
                continue
            result += [self.source[position : change.start], change.text]
            position = change.end
        return "".join([*result, self.source[position:]])
