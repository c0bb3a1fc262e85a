"""Python expressions, laid out as `ruff format` lays them out: on one line where they fit, else one part on each."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 120
_INDENT: Final = 4
_NARROWEST: Final = 24
_ESCAPED: Final = re.compile(r"\\.")
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def columns(text: str) -> int:
    """Return the columns that a line takes, as ruff counts them: a wide character two, a combining one none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in {"Mn", "Me"} for character in text)


@dataclass(frozen=True, slots=True)
class Text:
    """What is never broken: a name, a number."""

    text: str

    def flat(self) -> str:
        """Return it on one line."""
        return self.text

    def lay_out(self, indent: int, used: int, after: int) -> str:  # noqa: ARG002 - a layout
        """Return it as it is."""
        return self.text


@dataclass(frozen=True, slots=True)
class String:
    """A string literal; a long one becomes several that Python joins."""

    value: str

    def flat(self) -> str:
        """Return it on one line."""
        return literal(self.value)

    def lay_out(self, indent: int, used: int, after: int) -> str:
        """Return it on one line where it fits, else in parentheses, one part on each line."""
        flat = self.flat()
        if used + columns(flat) + after <= WIDTH:
            return flat
        inner = indent + _INDENT
        pieces = [self.value] if inner + columns(flat) <= WIDTH else split(self.value, WIDTH - inner)
        lines = "\n".join(f"{' ' * inner}{literal(piece)}" for piece in pieces)
        return f"(\n{lines}\n{' ' * indent})"


@dataclass(frozen=True, slots=True)
class Group:
    """Parts in brackets, with what stands in front: a call, a subscript, a list, a mapping.

    Attributes:
        opening: Up to and including the bracket.
        parts: What is between the commas.
        closing: The other bracket.
    """

    opening: str
    parts: tuple[Layout, ...]
    closing: str

    def flat(self) -> str:
        """Return it on one line."""
        return f"{self.opening}{', '.join(part.flat() for part in self.parts)}{self.closing}"

    def lay_out(self, indent: int, used: int, after: int) -> str:
        """Return it on one line where it fits, else with each part on lines of its own."""
        flat = self.flat()
        if not self.parts or used + columns(flat) + after <= WIDTH:
            return flat
        inner = indent + _INDENT
        # A subscript with one part takes no comma at its end, which would make it a tuple.
        comma = "" if self.closing == "]" and self.opening != "[" and len(self.parts) == 1 else ","
        lines = [f"{' ' * inner}{part.lay_out(inner, inner, len(comma))}{comma}" for part in self.parts]
        return "\n".join([self.opening, *lines, f"{' ' * indent}{self.closing}"])


@dataclass(frozen=True, slots=True)
class Named:
    """An expression with what names it in front: ``message=``, or the key of a mapping."""

    name: str
    value: Layout

    def flat(self) -> str:
        """Return it on one line."""
        return f"{self.name}{self.value.flat()}"

    def lay_out(self, indent: int, used: int, after: int) -> str:
        """Return it with its expression laid out behind the name."""
        return f"{self.name}{self.value.lay_out(indent, used + columns(self.name), after)}"


@dataclass(frozen=True, slots=True)
class Optional:
    """A type or None.

    Attributes:
        type: The type.
        nested: Whether it stands in brackets, and so needs no parentheses of its own.
    """

    type: Layout
    nested: bool = False

    def flat(self) -> str:
        """Return it on one line."""
        return f"{self.type.flat()} | None"

    def lay_out(self, indent: int, used: int, after: int) -> str:
        """Return it on one line where it fits, else with ``| None`` on a line of its own."""
        flat = self.flat()
        if used + columns(flat) + after <= WIDTH:
            return flat
        if self.nested:
            return f"{self.type.lay_out(indent, used, 0)}\n{' ' * indent}| None"
        inner = indent + _INDENT
        margin = " " * inner
        lines = flat if inner + columns(flat) <= WIDTH else f"{self.type.lay_out(inner, inner, 0)}\n{margin}| None"
        return f"(\n{margin}{lines}\n{' ' * indent})"


Layout = Text | String | Group | Named | Optional


def literal(text: str) -> str:
    """Return a string as a Python literal, quoted as `ruff format` quotes it."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    if "\\" in text and text.isprintable() and quote not in text and not text.endswith("\\"):
        # In a raw string a quote behind a backslash does not end it.
        return f'r"{text}"' if '"' not in _ESCAPED.sub("", text) else f"r'{text}'"
    return f"{quote}{escaped(text, quote)}{quote}"


def escaped(text: str, quote: str = "") -> str:
    """Return what stands between the quotes of a literal: what cannot be printed is escaped, and so is `quote`."""
    return "".join(_ESCAPES.get(char) or (f"\\{char}" if char == quote else _printable(char)) for char in text)


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def split(text: str, width: int) -> list[str]:
    """Return the parts of a text whose literals fit in `width`; a part ends behind a line, a space, or anywhere.

    A part has a few characters where `width` is too small for them, as it is far to the right.
    """
    width = max(width, _NARROWEST)
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        rest = line
        while len(rest) > width or columns(literal(rest)) > width:
            end = width - 2
            while columns(literal(rest[:end])) > width:
                end -= 1
            space = rest.rfind(" ", 0, end)
            cut = space + 1 if space > width // 2 else end
            pieces.append(rest[:cut])
            rest = rest[cut:]
        pieces.append(rest)
    return [piece for piece in pieces if piece]


def value_layout(value: Any) -> Layout:  # noqa: ANN401 - JSON
    """Return JSON as a Python expression."""
    if isinstance(value, str):
        return String(value)
    if isinstance(value, dict):
        return Group(
            "{", tuple(Named(f"{literal(str(key))}: ", value_layout(item)) for key, item in value.items()), "}"
        )
    if isinstance(value, list | tuple):
        return Group("[", tuple(value_layout(item) for item in value), "]")
    # ruff format writes no plus sign in an exponent.
    return Text(repr(value).replace("e+", "e"))
