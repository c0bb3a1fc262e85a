"""A part of a pattern that has been read: how it is written for Rust, and what Go limits about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_REPEAT = 1000
MAX_HEIGHT = 1000
MAX_SIZE = (128 << 20) // 40
"""Go's limit of the instructions of a compiled pattern."""

NOTHING = r"[^\x{0}-\x{10FFFF}]"
_EVERYTHING = r"[\x{0}-\x{10FFFF}]"
_SURROGATES = (0xD800, 0xDFFF)


@dataclass(frozen=True, slots=True)
class Fragment:
    """One expression.

    Attributes:
        rust: The same expression for Rust's ``regex``.
        atom: Whether a repetition may follow it as it is written.
        height: Of Go's syntax tree.
        size: Instructions Go makes of it.
        repeats: Largest product of nested counted repetitions.
    """

    rust: str
    atom: bool = True
    height: int = 1
    size: int = 1
    repeats: int = 1


def literal(rune: int, *, fold: bool) -> Fragment:
    """Return the fragment of one character."""
    if _SURROGATES[0] <= rune <= _SURROGATES[1]:
        return Fragment(NOTHING)
    text = spell(rune)
    character = chr(rune)
    cased = fold and (rune > 0x7F or character.isalpha())
    return Fragment(f"(?i:{text})" if cased else text)


def spell(rune: int) -> str:
    """Return a character as it stands in a Rust pattern, inside a class and outside."""
    return chr(rune) if rune < 0x80 and chr(rune).isalnum() else f"\\x{{{rune:X}}}"


def span(low: int, high: int) -> str:
    """Return a range of characters as a part of a class; surrogates, which no string holds, are left out."""
    parts = [(low, min(high, _SURROGATES[0] - 1)), (max(low, _SURROGATES[1] + 1), high)]
    return "".join(
        spell(first) if first == last else f"{spell(first)}-{spell(last)}" for first, last in parts if first <= last
    )


def character_class(parts: Sequence[str], *, negated: bool, fold: bool) -> Fragment:
    """Return the fragment of a class in brackets."""
    content = "".join(parts)
    if not content:
        return Fragment(_EVERYTHING if negated else NOTHING)
    text = f"[{'^' if negated else ''}{content}]"
    return Fragment(f"(?i:{text})" if fold else text)


def repetition(sub: Fragment, low: int, high: int | None) -> Fragment:
    """Return a fragment repeated; no upper bound is None."""
    text = sub.rust if sub.atom else f"(?:{sub.rust})"
    match low, high:
        case 0, None:
            sign, size = "*", 2 + sub.size
        case 1, None:
            sign, size = "+", 1 + sub.size
        case 0, 1:
            sign, size = "?", 1 + sub.size
        case _, int():
            sign, size = f"{{{low},{high}}}", high * sub.size + high - low
        case _:
            sign, size = f"{{{low},}}", 1 + low * sub.size
    return Fragment(text + sign, atom=False, height=sub.height + 1, size=max(1, size), repeats=sub.repeats)


def group(sub: Fragment) -> Fragment:
    """Return a fragment in parentheses."""
    return Fragment(f"(?:{sub.rust})", height=sub.height + 1, size=sub.size + 2, repeats=sub.repeats)


def sequence(parts: Sequence[Fragment]) -> Fragment:
    """Return fragments one after the other."""
    if len(parts) == 1:
        return parts[0]
    return _joined("", parts, extra=0)


def alternation(parts: Sequence[Fragment]) -> Fragment:
    """Return fragments of which one is to be found."""
    if len(parts) == 1:
        return parts[0]
    return _joined("|", parts, extra=len(parts) - 1)


def _joined(sign: str, parts: Sequence[Fragment], *, extra: int) -> Fragment:
    return Fragment(
        sign.join(part.rust for part in parts),
        atom=False,
        height=1 + max((part.height for part in parts), default=0),
        size=max(1, sum(part.size for part in parts) + extra),
        repeats=max((part.repeats for part in parts), default=1),
    )
