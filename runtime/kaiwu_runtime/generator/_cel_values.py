"""Values of CEL: those of an object as its schema types them, and those of constants.

See https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from kaiwu_runtime.api._duration import parse_nanoseconds
from kaiwu_runtime.api._json_limits import INT64_MAX, INT64_MIN
from kaiwu_runtime.api._quantity import parse_quantity
from kaiwu_runtime.generator._cel_names import cel_name
from kaiwu_runtime.generator._schema import Schema, shown

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_DIGITS = re.compile(r"([-+]?)0*([0-9]+)")
_NO_AMOUNT = re.compile(r"$|[-+]?[0-9]|.*[^-+.0-9eEinumkKMGTP]", re.DOTALL)
_NANOSECONDS = 10**9
_NANO = Decimal("1e-9")
_EXACT = Context(prec=40)
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_QUOTES = re.compile(r"([rR]?)(\"\"\"|'''|\"|')(.*)\2", re.DOTALL)


UNKNOWN = object()
"""A field whose value is not known here; it is an error only where the field is read."""


class UnknownValueError(Exception):
    """What an expression evaluates to is not known here: only the API server can say."""


class EvaluationError(Exception):
    """The API server cannot evaluate an expression either, and rejects the value."""


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A timestamp: nanoseconds since the year 1."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A duration."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """A quantity."""

    number: Decimal


@dataclass(frozen=True, slots=True)
class Type:
    """A type, which ``type(self)`` evaluates to."""

    name: str


class Merged(list[Any]):
    """A list of type set or map: equal to another one in any order."""


class Unordered(Merged):
    """A list made of the keys of a mapping, which the API server reads in a random order."""


class Fields(dict[str, Any]):
    """An object with declared fields, by their names in CEL.

    Attributes:
        complete: Whether it is equal to another one exactly if these fields are. The API server compares what CEL
            cannot see too, counts null as a field, and takes a name such as ``__in__`` for an escaped one.
    """

    complete = True


def typed_value(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - JSON, and a value of CEL
    """Return JSON as the value that a rule sees.

    Raises:
        UnknownValueError: It has parts of types that are not supported here.
    """
    if value is None:
        return None
    if schema.get("x-kubernetes-embedded-resource"):
        raise UnknownValueError
    match schema.get("type"), value:
        case None, int() | str() if schema.get("x-kubernetes-int-or-string"):
            return value
        case "string", str():
            return _text(value, schema.get("format", ""))
        case "boolean", bool():
            return value
        case "integer", int() if type(value) is int:
            return value
        case "number", int() | float() if type(value) is not bool:
            return float(value)
        case "array", list() if schema.items_schema is not None:
            items = [typed_value(item, schema.items_schema) for item in value]
            return Merged(items) if schema.get("x-kubernetes-list-type") in {"set", "map"} else items
        case "object", dict() if schema.values_schema is not None:
            return {key: typed_value(item, schema.values_schema) for key, item in value.items()}
        case "object", dict():
            return _fields(value, schema)
        case _:
            raise UnknownValueError


def _fields(value: dict[str, Any], schema: Schema) -> Fields:
    found = Fields()
    found.complete = all(key in schema.properties and child is not None for key, child in value.items())
    for key, child in schema.properties.items():
        name = cel_name(key)
        if key in value and (name is None or "__" in key):
            found.complete = False
        # A null is absent, and fields that CEL cannot name or has no type for are not visible to it.
        if value.get(key) is not None and name is not None:
            try:
                found[name] = typed_value(value[key], child)
            except UnknownValueError:
                found[name] = UNKNOWN
    return found


def _text(value: str, format_: str) -> Any:  # noqa: ANN401 - a value of CEL
    match format_:
        case "date-time":  # not "datetime", which is a format of strings only
            return moment(value)
        case "date":
            return moment(f"{value}T00:00:00Z")
        case "duration":
            try:
                return span(value)
            except EvaluationError:  # the API server reads more as a value than it does in duration('...')
                raise UnknownValueError from None
        case "byte":
            raise UnknownValueError
        case _:
            return value


def moment(text: str) -> Moment:
    """Return a timestamp.

    Raises:
        UnknownValueError: It is not in the form that the API server certainly reads.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise UnknownValueError
    try:
        days = dt.date.fromisoformat(found[1]).toordinal()
    except ValueError:
        raise UnknownValueError from None
    seconds = ((days * 24 + int(found[2])) * 60 + int(found[3])) * 60 + int(found[4])
    if found[6]:
        offset = (int(found[7]) * 60 + int(found[8])) * 60
        seconds += offset if found[6] == "-" else -offset
    return Moment(seconds * _NANOSECONDS + int((found[5] or "").ljust(9, "0")))


def span(text: str) -> Span:
    """Return a duration.

    Raises:
        EvaluationError: It is not one.
    """
    try:
        return Span(parse_nanoseconds(text))
    except ValueError as error:
        raise EvaluationError(str(error)) from None


def amount(text: str) -> Amount:
    """Return a quantity.

    Raises:
        EvaluationError: It is not one.
        UnknownValueError: The API server rounds it, or may read it without digits, as ``Ki``.
    """
    try:
        number = parse_quantity(text)
    except ValueError as error:
        raise (EvaluationError(str(error)) if _NO_AMOUNT.match(text) else UnknownValueError) from None
    if (
        number.copy_abs() >= INT64_MAX
        or (number.adjusted() < -9 and number)
        or number != _EXACT.quantize(number, _NANO)
    ):
        raise UnknownValueError
    return Amount(number)


def integer(text: str) -> int:
    """Return the integer of a string, as ``int('5')`` does.

    Raises:
        EvaluationError: It is not one.
    """
    found = _DIGITS.fullmatch(text)
    if found is None:
        raise EvaluationError(f"{shown(text)} is not an integer")
    return bounded(int(found[1] + found[2][:20]))  # 20 digits overflow, whatever follows


def bounded(number: int) -> int:
    """Return an integer of 64 bits.

    Raises:
        EvaluationError: It has more.
    """
    if not INT64_MIN <= number <= INT64_MAX:
        raise EvaluationError("an integer overflows 64 bits")
    return number


def constant(kind: str, text: str) -> Any:  # noqa: ANN401 - a value of CEL
    """Return the value of a constant.

    Args:
        kind: ``string``, ``number``, ``bool`` or ``null``.
        text: As it is written.

    Raises:
        UnknownValueError: It is bytes, or an unsigned integer.
    """
    if kind == "bool":
        return text == "true"
    if kind == "null":
        return None
    if kind == "string":
        return _unquoted(text)
    if text.lower().endswith("u"):
        raise UnknownValueError
    if "x" in text:
        number = int(text, 16)
    elif set(text) & set(".eE"):
        return float(text)
    else:
        try:
            number = integer(text)
        except EvaluationError:
            raise UnknownValueError from None  # it does not compile
    if not INT64_MIN <= number <= INT64_MAX:
        raise UnknownValueError  # it does not compile
    return number


def _unquoted(text: str) -> str:
    found = _QUOTES.fullmatch(text)
    if found is None:
        raise UnknownValueError
    content = found[3].replace("\r\n", "\n").replace("\r", "\n")
    return content if found[1] else _ESCAPE.sub(_unescaped, content)


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    try:
        if code or found[4]:
            return chr(int(code, 16) if code else int(found[4], 8))
    except ValueError:
        raise UnknownValueError from None
    return _ESCAPED.get(found[5], found[5])
