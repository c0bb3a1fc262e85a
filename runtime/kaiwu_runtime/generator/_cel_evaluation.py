"""Evaluate a rule in CEL for a default, as far as the rule is made of what is common in rules.

Types are not checked, as the API server does when it compiles a rule: where it would report a type, the result here
does not matter. What is not supported is not known, and left to the API server.

See https://github.com/google/cel-spec/blob/master/doc/langdef.md#evaluation
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from kaiwu_runtime.generator._cel_functions import FUNCTIONS, OPERATORS, contains, equal
from kaiwu_runtime.generator._cel_names import cel_name
from kaiwu_runtime.generator._cel_syntax import CelSyntaxError, Node, TooDeepError, parse_cel
from kaiwu_runtime.generator._cel_values import (
    UNKNOWN,
    EvaluationError,
    Fields,
    Type,
    UnknownValueError,
    Unordered,
    constant,
    typed_value,
)
from kaiwu_runtime.generator._schema import Schema, shown

_STEPS = 20_000
_PARTS_OF_STEP = 10
"""Items of lists and mappings that are compared in the time of a step."""

_CHARACTERS_OF_PART = 100
_CONSTANT_TIME = frozenset({"size", "type", "?:"})
_TYPES = frozenset({"bool", "double", "int", "list", "map", "null_type", "string"})


def broken(text: str, value: object, schema: Schema, *, optional_old: bool = False) -> str | None:
    """Return how a value violates a rule: the reason, empty if the rule is false, or None if it does not.

    None is returned too where it is not known. The API server evaluates a default as if it were its own old value.

    Args:
        text: The rule.
        value: JSON.
        schema: The schema of the value.
        optional_old: Whether ``oldSelf`` is an optional, which is not known here.
    """
    try:
        tree = _parsed(text)
        typed = typed_value(value, schema)
        found = _Evaluator().value(tree, {"self": typed} if optional_old else {"self": typed, "oldSelf": typed})
    except EvaluationError as error:
        return str(error)
    except (CelSyntaxError, TooDeepError, UnknownValueError, RecursionError):
        return None
    return "" if found is False else None


_parsed = lru_cache(maxsize=64)(parse_cel)
"""A rule on the items of a list is evaluated for each of them."""


class _Evaluator:
    def __init__(self) -> None:
        self._steps = 0

    def value(self, node: Node, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a value of CEL
        """Return what an expression evaluates to.

        Raises:
            EvaluationError: The API server cannot evaluate it either.
            UnknownValueError: It is not known.
        """
        self._spend(1)
        match node.kind:
            case "const":
                return constant(node.name, node.variable)
            case "ident":
                return self._name(node.name, scope)
            case "select" if not node.optional:
                return _field(self.value(node.parts[0], scope), node.name)
            case "has":
                return _is_set(self.value(node.parts[0], scope), node.name)
            case "index" if not node.optional:
                return _item(self.value(node.parts[0], scope), self.value(node.parts[1], scope))
            case "list":
                return [self.value(part, scope) for part in node.parts]
            case "macro":
                return self._macro(node, scope)
            case "call":
                return self._call(node, scope)
            case _:
                raise UnknownValueError

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _STEPS:
            raise UnknownValueError  # a rule about a long list: the API server takes the time

    def _operands(self, node: Node, scope: Mapping[str, Any]) -> list[Any]:
        found = [self.value(part, scope) for part in node.parts]
        if node.name not in _CONSTANT_TIME:
            self._spend(sum(map(_weight, found)) // _PARTS_OF_STEP)
        return found

    def _name(self, name: str, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401
        if name in scope:
            return scope[name]
        if name in _TYPES:
            return Type(name)
        raise UnknownValueError

    def _call(self, node: Node, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401
        match node.name:
            case "||" | "&&":
                return self._decided([(part, scope) for part in node.parts], by=node.name == "||")
            case "?:":
                condition = _truth(self.value(node.parts[0], scope))
                return self.value(node.parts[1 if condition else 2], scope)
            case "==" | "!=":
                left, right = self._operands(node, scope)
                return equal(left, right) is (node.name == "==")
            case "in" if node.parts[1].kind == "list" and not node.parts[1].parts:
                return False  # the API server does not evaluate what is searched for
        parts = self._operands(node, scope)
        function = FUNCTIONS.get((node.name, len(parts), node.method)) or OPERATORS.get((node.name, len(parts)))
        if function is None or UNKNOWN in parts:
            raise UnknownValueError
        return function(*parts)

    def _macro(self, node: Node, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401
        target = self.value(node.parts[0], scope)
        if not isinstance(target, list | dict) or isinstance(target, Fields):
            raise UnknownValueError
        ordered = isinstance(target, list) and not isinstance(target, Unordered)
        kept = list if ordered or len(target) < 2 else Unordered
        inner = ({**scope, node.variable: item} for item in target)
        part = node.parts[1]
        match node.name, len(node.parts):
            case "all" | "exists", 2:
                return self._decided(((part, each) for each in inner), by=node.name == "exists")
            case "exists_one" | "existsOne", 2:
                return sum(_truth(self.value(part, each)) for each in inner) == 1
            case "filter", 2:
                return kept(each[node.variable] for each in inner if _truth(self.value(part, each)))
            case "map", 2:
                return kept(self.value(part, each) for each in inner)
            case "map", 3:
                return kept(self.value(node.parts[2], each) for each in inner if _truth(self.value(part, each)))
            case _:
                raise UnknownValueError

    def _decided(self, parts: Iterable[tuple[Node, Mapping[str, Any]]], *, by: bool) -> bool:
        """Return what a chain of ``||`` (by True) or ``&&`` (by False) is: one part decides it, whatever others are."""
        problem: Exception | None = None
        for part, scope in parts:
            try:
                if _truth(self.value(part, scope)) is by:
                    return by
            except UnknownValueError as error:
                problem = error
            except EvaluationError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return not by


def _weight(value: object) -> int:
    """Return how many parts a function may have to read."""
    match value:
        case str():
            return len(value) // _CHARACTERS_OF_PART
        case list():
            return len(value) + sum(map(_weight, value))
        case dict():
            return len(value) + sum(map(_weight, value.values()))
        case _:
            return 0


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnknownValueError
    return value


def _field(target: object, name: str) -> Any:  # noqa: ANN401
    if not isinstance(target, dict):
        raise UnknownValueError
    key = _key(target, name)
    if key not in target:
        raise EvaluationError(f"{name!r} is not set")
    if target[key] is UNKNOWN:
        raise UnknownValueError
    return target[key]


def _is_set(target: object, name: str) -> bool:
    if not isinstance(target, dict):
        raise UnknownValueError
    return _key(target, name) in target


def _key(target: dict[str, Any], name: str) -> str:
    """Return the key of a field: names of an object's fields may be written as they are, too."""
    if isinstance(target, Fields) and name not in target:
        return cel_name(name) or name
    return name


def _item(target: object, index: object) -> Any:  # noqa: ANN401
    match target, index:
        case list(), int() if type(index) is int and not isinstance(target, Unordered):
            if not 0 <= index < len(target):
                raise EvaluationError(f"index {index} is out of range")
            return target[index]
        case dict(), str() if not isinstance(target, Fields):
            if not contains(index, target):
                raise EvaluationError(f"{shown(index)} is not set")
            return target[index]
        case _:
            raise UnknownValueError
