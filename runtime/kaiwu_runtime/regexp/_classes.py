"""Escapes and character classes of Go's syntax."""

from __future__ import annotations

from kaiwu_runtime.regexp._errors import PatternError, show
from kaiwu_runtime.regexp._fragment import NOTHING, Fragment, character_class, span
from kaiwu_runtime.regexp._unicode_names import unicode_class

_DIGIT, _SPACE, _WORD = "0-9", r"\t\n\x{C}\r\x{20}", "0-9A-Za-z_"
_PERL = {
    "d": (_DIGIT, False), "D": (_DIGIT, True), "s": (_SPACE, False), "S": (_SPACE, True),
    "w": (_WORD, False), "W": (_WORD, True),
}  # fmt: skip
_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x{0}-\x{7F}", "blank": r"\t\x{20}",
    "cntrl": r"\x{0}-\x{1F}\x{7F}", "digit": _DIGIT, "graph": r"\x{21}-\x{7E}", "lower": "a-z",
    "print": r"\x{20}-\x{7E}", "punct": r"\x{21}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{7E}",
    "space": r"\t\n\x{B}\x{C}\r\x{20}", "upper": "A-Z", "word": _WORD, "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_MAX_RUNE = 0x10FFFF
_HEX = "0123456789abcdefABCDEF"
_CURES = {
    "Z": r"write $ or \z",
    "u": r"write the character itself, or \x{...}",
    "U": r"write the character itself, or \x{...}",
    "N": r"write the character itself, or \x{...}",
    "h": r"write [\t ]",
    "R": r"write \r?\n",
    "C": "",
}


class ClassReader:
    """Read escapes and classes of one pattern, and collect notes.

    Attributes:
        notes: What Go reads, but not as other engines do, or only lately.
        posix: Whether a class such as ``[[:alpha:]]`` was read.
        portable: Whether nothing was read that JavaScript does not know.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.notes: list[str] = []
        self.posix = False
        self.portable = True

    def set_escape(self, at: int) -> tuple[str, int] | None:
        r"""Return the content of a class for ``\d``, ``\pL`` and the like, and the position behind; None if none."""
        text = self._text
        if text[at : at + 1] != "\\" or at + 1 >= len(text):
            return None
        letter = text[at + 1]
        if letter in _PERL:
            content, negated = _PERL[letter]
            return (f"[^{content}]" if negated else content), at + 2
        if letter in {"p", "P"}:
            return self._unicode(at)
        return None

    def _unicode(self, at: int) -> tuple[str, int]:
        text = self._text
        negated = text[at + 1] == "P"
        if text[at + 2 : at + 3] == "{":
            end = text.find("}", at)
            if end < 0:
                raise PatternError(f"{show(text[at:])} has no closing '}}'")
            name, after = text[at + 3 : end], end + 1
        else:
            name, after = text[at + 2 : at + 3], at + 3
        if name.startswith("^"):
            negated, name = not negated, name[1:]
        found = unicode_class(name)
        if found is None:
            raise PatternError(f"{show(text[at:after])} is not a Unicode category or script that Go knows")
        self.portable = False
        actual, lately = found
        if lately:
            self.notes.append(f"{show(text[at:after])} needs an API server built with Go 1.25 or newer")
        return self._property(actual, negated=negated), after

    def _property(self, name: str, *, negated: bool) -> str:
        if name == "Cs":
            # No string holds a surrogate, and Rust does not know them.
            return r"\x{0}-\x{10FFFF}" if negated else NOTHING
        return f"\\{'P' if negated else 'p'}{{{name}}}"

    def escape(self, at: int) -> tuple[int, int]:
        """Return the character an escape stands for, and the position behind it."""
        text = self._text
        if at + 1 >= len(text):
            raise PatternError(r"it ends with a single \: write \\")
        letter = text[at + 1]
        if letter < "\x80" and not letter.isalnum():
            return ord(letter), at + 2
        if letter in _CONTROLS:
            self.portable &= letter != "a"
            return _CONTROLS[letter], at + 2
        if letter == "x":
            return self._hexadecimal(at)
        octal = text[at + 1 : at + 4]
        if letter == "0" or ("1" <= letter <= "7" and "0" <= text[at + 2 : at + 3] <= "7"):
            digits = octal
            while digits and not all("0" <= digit <= "7" for digit in digits):
                digits = digits[:-1]
            self.portable = False
            return int(digits, 8), at + 1 + len(digits)
        if letter.isdigit():
            raise PatternError(f"a back reference such as {show(text[at : at + 2])} does not exist in Go")
        cure = _CURES.get(letter)
        raise PatternError(f"the escape {show(text[at : at + 2])} does not exist in Go" + (f": {cure}" if cure else ""))

    def _hexadecimal(self, at: int) -> tuple[int, int]:
        text = self._text
        if text[at + 2 : at + 3] == "{":
            self.portable = False
            end = text.find("}", at)
            digits, after = text[at + 3 : end if end >= 0 else None], end + 1
            if end < 0:
                digits = ""
        else:
            digits, after = text[at + 2 : at + 4], at + 4
            if len(digits) < 2:
                digits = ""
        if not digits or any(digit not in _HEX for digit in digits) or int(digits, 16) > _MAX_RUNE:
            raise PatternError(rf"{show(text[at : at + 4])} is not a character: write \x41 or \x{{10FFFF}}")
        return int(digits, 16), after

    def bracketed(self, start: int, *, fold: bool) -> tuple[Fragment, int]:
        """Return the class in brackets that begins at a position, and the position behind it."""
        text = self._text
        at = start + 1
        negated = text[at : at + 1] == "^"
        at += negated
        parts: list[str] = []
        first = True
        while first or text[at : at + 1] != "]":
            first = False
            named = self._posix(at) or self.set_escape(at)
            if named is not None:
                part, at = named
            else:
                part, at = self._range(at, start)
            parts.append(part)
        return character_class(parts, negated=negated, fold=fold), at + 1

    def _posix(self, at: int) -> tuple[str, int] | None:
        text = self._text
        end = text.find(":]", at + 2) if text.startswith("[:", at) else -1
        if end < 0:
            return None
        name = text[at + 2 : end]
        content = _POSIX.get(name.removeprefix("^"))
        if content is None:
            raise PatternError(f"{show(text[at : end + 2])} is not a class: use one of {', '.join(_POSIX)}")
        self.posix = True
        self.portable = False
        return (f"[^{content}]" if name.startswith("^") else content), end + 2

    def _range(self, at: int, start: int) -> tuple[str, int]:
        text = self._text
        low, after = self._character(at, start)
        high = low
        if text[after : after + 1] == "-" and text[after + 1 : after + 2] not in {"", "]"}:
            high, after = self._character(after + 1, start)
            if high < low:
                raise PatternError(f"the range {show(text[at:after])} ends before it begins")
        return span(low, high), after

    def _character(self, at: int, start: int) -> tuple[int, int]:
        text = self._text
        if at >= len(text):
            raise PatternError(f"the class {show(text[start:])} has no closing ']'")
        return self.escape(at) if text[at] == "\\" else (ord(text[at]), at + 1)
