"""Reads expressions of the Common Expression Language into a tree.

See https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax; optional selections (``.?``, ``[?``) are
read too, as the API server does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\f\r]+|//[^\n]*)
    |(?P<string>(?:[bB][rR]?|[rR][bB]?)?(?:\"\"\"|'''|"|'))
    |(?P<number>0x[0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
    |(?P<sign>\|\||&&|<=|>=|==|!=|[<>?:+\-*/%!.,()\[\]{}])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:[\\?\"'`abfnrtv]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})")
_RELATIONS = ("<", "<=", ">", ">=", "==", "!=", "in")
_MACROS = {"all", "exists", "exists_one", "existsOne", "map", "filter"}
_DEPTH = 100


class CelSyntaxError(ValueError):
    """An expression that does not parse; the message says what stands where."""


class TooDeepError(ValueError):
    """An expression nested too deeply to be read here; it may be a valid one."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression.

    Attributes:
        kind: ``const``, ``ident``, ``select``, ``has``, ``index``, ``call``, ``list``, ``map``, ``message`` or
            ``macro``.
        name: Of what is selected, called or meant; of a constant the kind: ``string``, ``number``, ``bool``, ``null``.
        parts: Operands and arguments; the first of a select, has, index, macro or method is what it is taken of.
        method: Whether a call has a target.
        variable: Of a macro; of a constant its text, as it is written.
        optional: Whether a selection is one of ``.?`` or ``[?``.
    """

    kind: str
    name: str = ""
    parts: tuple[Node, ...] = ()
    method: bool = False
    variable: str = ""
    optional: bool = False


def parse_cel(text: str) -> Node:
    """Return the tree of an expression.

    Raises:
        CelSyntaxError: It is not one.
        TooDeepError: It may be one, but is nested more than 100 levels deep.
    """
    return _Parser(_tokens(text)).run()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CelSyntaxError(f"unexpected {text[at]!r} at character {at + 1}")
        kind, end = match.lastgroup or "", match.end()
        if kind == "string":
            end = _string_end(text, match[0], end)
        if kind != "space":
            found.append(_Token(kind, text[at:end], at))
        at = end
    return [*found, _Token("end", "", len(text))]


def _string_end(text: str, opening: str, at: int) -> int:
    """Return the position behind a string whose opening quotes end at a position."""
    start = at - len(opening)
    prefix = opening.rstrip("'\"")
    quotes = opening[len(prefix) :]
    raw = "r" in prefix.lower()
    while at < len(text):
        if text.startswith(quotes, at):
            return at + len(quotes)
        if text[at] in "\n\r" and len(quotes) == 1:
            break
        if text[at] == "\\" and not raw:
            escape = _ESCAPE.match(text, at)
            if escape is None:
                raise CelSyntaxError(f"the escape {text[at : at + 2]!r} at character {at + 1} does not exist")
            at = escape.end()
        else:
            at += 1
    raise CelSyntaxError(f"the string that begins at character {start + 1} is not terminated")


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def run(self) -> Node:
        found = self._expression()
        self._expect_kind("end")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> str:
        """Take the next token if it is one of these signs or words."""
        token = self._next
        if token.kind in {"sign", "name"} and token.text in texts:
            self._at += 1
            return token.text
        return ""

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(f"{text!r} expected")

    def _expect_kind(self, *kinds: str) -> str:
        token = self._next
        if token.kind not in kinds:
            raise self._unexpected("")
        self._at += 1
        return token.text

    def _unexpected(self, wanted: str) -> CelSyntaxError:
        token = self._next
        what = "it ends too early" if token.kind == "end" else f"unexpected {token.text!r} at character {token.at + 1}"
        return CelSyntaxError(f"{what}: {wanted}" if wanted else what)

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise TooDeepError("nested too deeply")
        condition = self._operators(0)
        if self._take("?"):
            then = self._operators(0)
            self._expect(":")
            condition = Node("call", "?:", (condition, then, self._expression()))
        self._depth -= 1
        return condition

    def _operators(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._operators(level + 1)
        while sign := self._take(*_LEVELS[level]):
            left = Node("call", sign, (left, self._operators(level + 1)))
        return left

    def _unary(self) -> Node:
        sign = self._take("!") or self._take("-")
        if not sign:
            return self._member()
        if sign == "-" and self._next.kind == "number":
            token = self._next
            self._tokens[self._at] = _Token("number", f"-{token.text}", token.at)
            return self._member()
        count = 1
        while self._take(sign):
            count += 1
        operand = self._member()
        return Node("call", sign, (operand,)) if count % 2 else operand

    def _member(self) -> Node:
        found = self._primary()
        while True:
            if self._take("."):
                found = self._selected(found)
            elif self._take("["):
                optional = bool(self._take("?"))
                found = Node("index", "", (found, self._expression()), optional=optional)
                self._expect("]")
            elif found.kind in {"ident", "select"} and self._next.text == "{" and self._next.kind == "sign":
                found = Node("message", "", self._fields())
            else:
                return found

    def _selected(self, target: Node) -> Node:
        optional = bool(self._take("?"))
        token = self._next
        name = self._expect_kind("name", "quoted").strip("`")
        if name in {"in", "true", "false", "null"} and token.kind == "name":
            self._at -= 1
            raise self._unexpected("a field name expected")
        if optional or token.kind == "quoted" or not self._take("("):
            return Node("select", name, (target,), optional=optional)
        if name in _MACROS:
            return self._macro(name, target)
        return Node("call", name, (target, *self._list(")")), method=True)

    def _macro(self, name: str, target: Node) -> Node:
        arguments = self._list(")")
        if len(arguments) not in ({2, 3} if name == "map" else {2}):
            # More arguments are the macros of two variables; what they are is for the API server to say.
            return Node("call", name, (target, *arguments), method=True)
        variable = arguments[0]
        if variable.kind != "ident":
            raise CelSyntaxError(f"the first argument of {name}() must be the name of a variable")
        return Node("macro", name, (target, *arguments[1:]), variable=variable.name)

    def _list(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(closing):
            if closing == "]":
                self._take("?")
            found.append(self._expression())
            if self._take(closing):
                break
            self._expect(",")
            if closing == ")" and self._next.text == ")":
                raise self._unexpected("an argument expected")
        return tuple(found)

    def _fields(self) -> tuple[Node, ...]:
        found: list[Node] = []
        self._expect("{")
        while not self._take("}"):
            self._take("?")
            found.append(self._expression())
            self._expect(":")
            found.append(self._expression())
            if self._take("}"):
                break
            self._expect(",")
        return tuple(found)

    def _primary(self) -> Node:
        token = self._next
        if self._take("("):
            found = self._expression()
            self._expect(")")
            return found
        if self._take("["):
            return Node("list", "", self._list("]"))
        if token.text == "{" and token.kind == "sign":
            return Node("map", "", self._fields())
        if token.kind in {"string", "number"}:
            self._at += 1
            return Node("const", token.kind, variable=token.text)
        absolute = bool(self._take("."))
        name = self._expect_kind("name")
        if name in {"true", "false"}:
            return Node("const", "bool", variable=name)
        if name == "null":
            return Node("const", "null")
        if name == "in":
            self._at -= 1
            raise self._unexpected("")
        if not self._take("("):
            return Node("ident", f".{name}" if absolute else name)
        arguments = self._list(")")
        if name == "has":
            if len(arguments) != 1 or arguments[0].kind != "select":
                raise CelSyntaxError("has() needs a field, as in has(self.field)")
            return Node("has", arguments[0].name, arguments[0].parts)
        return Node("call", name, arguments)


_LEVELS: tuple[tuple[str, ...], ...] = (("||",), ("&&",), _RELATIONS, ("+", "-"), ("*", "/", "%"))
