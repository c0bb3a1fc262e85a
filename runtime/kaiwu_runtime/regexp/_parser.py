"""Reads a pattern as Go's ``regexp`` package does, which is what the API server compiles it with.

The parser keeps a stack instead of calling itself, so that no nesting exhausts Python's.
See https://pkg.go.dev/regexp/syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from kaiwu_runtime.regexp._classes import ClassReader
from kaiwu_runtime.regexp._errors import PatternError, show
from kaiwu_runtime.regexp._fragment import (
    MAX_HEIGHT,
    MAX_REPEAT,
    MAX_SIZE,
    Fragment,
    alternation,
    group,
    literal,
    repetition,
    sequence,
)

__all__ = ["GoPattern", "PatternError", "parse"]

_COUNT = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_LOOKS_LIKE_COUNT = re.compile(r"\{(?=[0-9,])([0-9]*)(?:(,)([0-9]*))?\}")
_CAPTURE_NAME = re.compile(r"[A-Za-z0-9_]+")
_SPECIAL = {
    "(?=": "look-around", "(?!": "look-around", "(?<=": "look-around", "(?<!": "look-around",
    "(?>": "an atomic group", "(?P=": "a back reference", "(?(": "a conditional group", "(?#": "a comment",
    "(?R": "recursion", "(?|": "a branch reset",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GoPattern:
    r"""A pattern that Go compiles.

    Attributes:
        source: As it was written.
        rust: The same for Rust's ``regex``, which pydantic uses.
        notes: Notes for warnings: text that looks like a repetition, names that only new API servers know.
        posix_classes: Whether it holds a class such as ``[[:alpha:]]``, which Python reads differently.
        portable: Whether it holds nothing that JavaScript, and so an editor, does not know: flags, ``\Q...\E``,
            ``\A``, ``\z``, ``\pL``, ``[[:alpha:]]``, ``\x{10FFFF}``.
    """

    source: str
    rust: str
    notes: tuple[str, ...] = ()
    posix_classes: bool = False
    portable: bool = True


@dataclass(slots=True)
class _Flags:
    fold: bool = False
    lines: bool = False
    dot_newline: bool = False


@dataclass(slots=True)
class _Frame:
    """An open group: the alternatives before the current one, the current one, and the flags outside."""

    flags: _Flags
    captures: bool = True
    alternatives: list[Fragment] = field(default_factory=list)
    parts: list[Fragment] = field(default_factory=list)

    def closed(self) -> Fragment:
        return alternation([*self.alternatives, sequence(self.parts)])


@lru_cache(maxsize=512)
def parse(pattern: str) -> GoPattern:
    """Read a pattern.

    Raises:
        PatternError: Go would not compile it.
    """
    try:
        pattern.encode()
    except UnicodeEncodeError:
        raise PatternError("it holds half of a surrogate pair, which is not a character") from None
    return _Parser(pattern).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._flags = _Flags()
        self._frames = [_Frame(self._flags)]
        self._classes = ClassReader(text)
        self._repeated_from: int | None = None

    def run(self) -> GoPattern:
        while self._at < len(self._text):
            if not self._repetition():
                self._element()
                self._repeated_from = None
        if len(self._frames) > 1:
            raise PatternError("a '(' has no closing ')'")
        whole = self._checked(self._frames[0].closed())
        return GoPattern(
            self._text,
            whole.rust,
            tuple(dict.fromkeys(self._classes.notes)),
            self._classes.posix,
            self._classes.portable,
        )

    def _element(self) -> None:
        match self._text[self._at]:
            case "(":
                self._open()
            case "|":
                frame = self._frames[-1]
                frame.alternatives.append(sequence(frame.parts))
                frame.parts = []
                self._at += 1
            case ")":
                self._close()
            case "^":
                self._push(Fragment("(?m:^)" if self._flags.lines else r"\A"), 1)
            case "$":
                self._push(Fragment("(?m:$)" if self._flags.lines else r"\z"), 1)
            case ".":
                self._push(Fragment("(?s:.)" if self._flags.dot_newline else r"[^\n]"), 1)
            case "[":
                found, after = self._classes.bracketed(self._at, fold=self._flags.fold)
                self._push(found, after - self._at)
            case "\\":
                self._escape()
            case character:
                self._push(literal(ord(character), fold=self._flags.fold), 1)

    def _push(self, fragment: Fragment, length: int) -> None:
        self._frames[-1].parts.append(fragment)
        self._at += length

    def _checked(self, fragment: Fragment) -> Fragment:
        if fragment.size > MAX_SIZE:
            raise PatternError("it is too large for Go to compile: use fewer or smaller repetitions")
        if fragment.height > MAX_HEIGHT:
            raise PatternError(f"it is nested deeper than the {MAX_HEIGHT} levels that Go allows")
        return fragment

    def _open(self) -> None:
        rest = self._text[self._at :]
        if not rest.startswith("(?"):
            self._frames.append(_Frame(self._flags))
            self._at += 1
            return
        self._classes.portable &= rest.startswith(("(?:", "(?<"))
        named = re.match(r"\(\?P<(?=.)|\(\?<(?=.)", rest, re.DOTALL)
        if named is not None and not rest.startswith(("(?<=", "(?<!")):
            self._open_named(rest, named.end())
            return
        self._open_flags(rest)

    def _open_named(self, rest: str, start: int) -> None:
        end = rest.find(">")
        if end < 0 or not _CAPTURE_NAME.fullmatch(rest, start, end):
            raise PatternError(f"{show(rest[: end + 1 or None])} is not a named group: use letters, digits and _")
        self._frames.append(_Frame(self._flags))
        self._at += end + 1

    def _open_flags(self, rest: str) -> None:
        found = re.match(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])", rest)
        if found is None:
            special = next((words for sign, words in _SPECIAL.items() if rest.startswith(sign)), "")
            flag = re.match(r"\(\?[a-zA-Z-]+", rest)
            what = special or (f"the flag {show(flag[0])}" if flag else show(rest[:3]))
            raise PatternError(f"{what} does not exist in Go")
        flags = _Flags(self._flags.fold, self._flags.lines, self._flags.dot_newline)
        for letters, value in ((found[1], True), (found[2] or "", False)):
            for letter in letters:
                match letter:
                    case "i":
                        flags.fold = value
                    case "m":
                        flags.lines = value
                    case "s":
                        flags.dot_newline = value
                    case _:
                        pass  # U is about which match is found, not whether there is one
        if found[3] == ":":
            self._frames.append(_Frame(self._flags, captures=False))
        self._flags = flags
        self._at += found.end()

    def _close(self) -> None:
        if len(self._frames) == 1:
            raise PatternError("a ')' closes nothing")
        frame = self._frames.pop()
        self._flags = frame.flags
        inner = frame.closed()
        whole = group(inner)
        if not frame.captures:
            whole = Fragment(whole.rust, height=inner.height, size=inner.size, repeats=inner.repeats)
        self._push(self._checked(whole), 1)

    def _escape(self) -> None:
        text, at = self._text, self._at
        self._classes.portable &= text[at + 1 : at + 2] not in {"A", "z", "Q"}
        match text[at + 1 : at + 2]:
            case "A":
                self._push(Fragment(r"\A"), 2)
            case "z":
                self._push(Fragment(r"\z"), 2)
            case "b" | "B" as letter:
                self._push(Fragment(f"(?-u:\\{letter})"), 2)
            case "Q":
                quoted, _, _ = text[at + 2 :].partition("\\E")
                for character in quoted:
                    self._frames[-1].parts.append(literal(ord(character), fold=self._flags.fold))
                self._at = min(len(text), at + 2 + len(quoted) + 2)
            case _:
                found = self._classes.set_escape(at)
                if found is not None:
                    content, after = found
                    inner = f"[{content}]"
                    self._push(Fragment(f"(?i:{inner})" if self._flags.fold else inner), after - at)
                else:
                    rune, after = self._classes.escape(at)
                    self._push(literal(rune, fold=self._flags.fold), after - at)

    def _repetition(self) -> bool:
        """Read a repetition; False if there is none here."""
        text, start = self._text, self._at
        counted: tuple[int, int | None] | None = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(text[start])
        after = start + 1
        is_count = text[start] == "{"
        if is_count:
            found = _COUNT.match(text, start)
            if found is None:
                self._note_text(start)
                return False
            low, high = _bound(found[1]), _bound(found[3])
            counted = (low or 0, high if found[2] else low)
            after = found.end()
            if not _within(low, counted[1]):
                raise PatternError(f"the repetition {show(found[0])} is not between 0 and {MAX_REPEAT}")
        if counted is None:
            return False
        if text[after : after + 1] == "?":
            after += 1
        if self._repeated_from is not None:
            twice = show(text[self._repeated_from : after])
            raise PatternError(f"{twice} repeats a repetition: put (?:...) around the inner one")
        parts = self._frames[-1].parts
        if not parts:
            raise PatternError(f"{show(text[start:after])} has nothing to repeat")
        parts[-1] = self._checked(self._repeated(parts[-1], *counted, is_count=is_count, shown=text[start:after]))
        self._repeated_from, self._at = start, after
        return True

    def _repeated(self, sub: Fragment, low: int, high: int | None, *, is_count: bool, shown: str) -> Fragment:
        fragment = repetition(sub, low, high)
        if not is_count:
            return fragment
        times = low if high is None else high
        product = 1 if high == 0 else sub.repeats * max(times, 1)
        if product > MAX_REPEAT and (low >= 2 or (high or 0) >= 2):
            raise PatternError(f"nested repetitions up to {show(shown)} exceed {MAX_REPEAT} together")
        return Fragment(fragment.rust, fragment.atom, fragment.height, fragment.size, product)

    def _note_text(self, start: int) -> None:
        found = _LOOKS_LIKE_COUNT.match(self._text, start)
        if found is not None:
            low, high = (digits.lstrip("0") or "0" if digits else digits for digits in (found[1], found[3]))
            count = f"{{{low or 0}{found[2] or ''}{high or ''}}}"
            self._classes.notes.append(f"Go reads {show(found[0])} as text: write {count} for a repetition")


def _bound(digits: str | None) -> int | None:
    # A number of many digits is above every limit: converting it could take long.
    return None if digits is None else int(digits[:9])


def _within(low: int | None, high: int | None) -> bool:
    return (low or 0) <= MAX_REPEAT and (high is None or (low or 0) <= high <= MAX_REPEAT)
