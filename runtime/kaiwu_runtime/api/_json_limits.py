"""Limits with the API server's meaning, for types whose Python value differs from the JSON value.

pydantic applies ``Field(ge=, max_length=, pattern=)`` to the Python value and raises a TypeError if the value has no
such limit. In a JSON Schema a limit does not apply to values of another JSON type: ``minimum`` accepts every string.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from kaiwu_runtime.api._whole_numbers import whole_numbers
from kaiwu_runtime.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

INTEGER_OR_TEXT = "kaiwu_runtime.integer_or_text"
"""Key in the metadata of a core schema: a function that converts an integer, which limits of strings do not count."""

_ADAPTED = "kaiwu_runtime.adapted"
"""Key in the metadata of a core schema that was adapted: pydantic reuses the schema of a model in every other model."""

_NUMERIC = frozenset({"ge", "gt", "le", "lt", "multiple_of"})
_LENGTHS = frozenset({"min_length", "max_length"})
_INNER = (
    "schema",
    "items_schema",
    "values_schema",
    "steps",
    "choices",
    "json_schema",
    "python_schema",
    "lax_schema",
    "strict_schema",
)
_COLLECTIONS = frozenset({"list", "set", "frozenset", "tuple"}) | (
    {"dict"} if "fail_fast" in core_schema.DictSchema.__annotations__ else set()  # not in every version
)
_WRAPPERS = frozenset({"function-after", "function-before", "function-wrap", "nullable", "default"})
_LIMITED = dict.fromkeys(
    ("int", "float", "decimal", "datetime", "date", "time", "timedelta"), _NUMERIC
) | dict.fromkeys(("str", "bytes", "list", "dict", "set", "frozenset"), _LENGTHS)


def adapt_limits(schema: Any, resolve: Callable[[Any], Any], where: str) -> None:  # noqa: ANN401 - a core schema
    """Change a model's core schema in place so that its limits match its CRD; models inside it are not changed.

    Args:
        schema: Core schema of a model, as pydantic generates it.
        resolve: Returns what a reference to a definition stands for.
        where: The model, for messages.

    Raises:
        DefinitionError: A limit that no value can have, such as a negative length.
    """
    _walk(schema, resolve, where, set(), inside=False)


def _walk(schema: Any, resolve: Callable[[Any], Any], where: str, seen: set[int], *, inside: bool) -> None:  # noqa: ANN401
    if isinstance(schema, list | tuple):
        for item in schema:
            _walk(item, resolve, where, seen, inside=inside)
        return
    if not isinstance(schema, dict) or id(schema) in seen or (inside and schema.get("type") == "model"):
        return
    if _ADAPTED in schema.get("metadata", ()):
        return
    seen.add(id(schema))
    if schema.get("type") == "definition-ref":
        with contextlib.suppress(LookupError):  # the model that is just being read
            _walk(resolve(schema), resolve, where, seen, inside=True)
        return
    if schema.get("type") == "model-fields":
        for name, field in schema["fields"].items():
            _walk(field, resolve, f"{where}.{name}", seen, inside=True)
        return
    for key in _INNER:
        if key in schema:
            _walk(schema[key], resolve, where, seen, inside=inside)
    _adapt(schema, where)


def _adapt(schema: dict[str, Any], where: str) -> None:
    kind = schema.get("type", "")
    if kind in _LIMITED and _LIMITED[kind] & schema.keys():
        _check_limit(schema, where)
    if kind == "int":
        _bound(schema)
    elif kind in _COLLECTIONS:
        # A list or map of a megabyte may have a million items that do not fit: pydantic would describe each, in half a
        # gigabyte, while the event loop stands still.
        schema.setdefault("fail_fast", True)
    elif kind == "any" and "serialization" not in schema:
        schema["serialization"] = core_schema.plain_serializer_function_ser_schema(
            whole_numbers, when_used="json-unless-none"
        )
    elif kind == "function-after":
        _limit_one_type(schema)
    elif kind == "chain":
        _limit_text(schema)
    elif kind == "lax-or-strict":
        _refuse_zones(schema)


def _check_limit(schema: dict[str, Any], where: str) -> None:
    """Reject limits that pydantic would reject later without naming model and field."""
    alone = {key: value for key, value in schema.items() if key in {"type", *_LIMITED[schema["type"]]}}
    try:
        SchemaValidator(alone)
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip().partition(": ")
        limits = ", ".join(f"{key}={alone[key]!r}" for key in alone if key != "type")
        raise DefinitionError(f"{where}: {limits} is not valid: {reason[2] or reason[0]}") from None


def _bound(schema: dict[str, Any]) -> None:
    """Give an integer the bounds of int64: the API server stores no larger ones."""
    if "gt" not in schema or schema["gt"] < INT64_MIN:
        schema["ge"] = max(schema.get("ge", INT64_MIN), INT64_MIN)
    if "lt" not in schema or schema["lt"] > INT64_MAX:
        schema["le"] = min(schema.get("le", INT64_MAX), INT64_MAX)


def _limit_one_type(schema: dict[str, Any]) -> None:
    function = schema["function"]["function"]
    if not isinstance(function, partial) or not function.keywords or function.args:
        return
    inner = _bare(schema["schema"])
    numeric, lengths = _NUMERIC.issuperset(function.keywords), _LENGTHS.issuperset(function.keywords)
    if inner.get("type") == "union" and (numeric or lengths):
        schema["function"] = {"type": "no-info", "function": _only(int | float if numeric else str, function)}
    elif lengths and INTEGER_OR_TEXT in inner.get("metadata", {}):
        _skip_integers(schema, inner["metadata"][INTEGER_OR_TEXT])


def _limit_text(schema: dict[str, Any]) -> None:
    """Let a pattern limit the strings of a union only; pydantic makes it a second step of a chain."""
    first, *others = schema["steps"]
    inner = _bare(first)
    if inner.get("type") == "union" and all(_is_pattern(step) for step in others):
        schema["steps"] = [first, *(core_schema.no_info_wrap_validator_function(_text_only, step) for step in others)]
    elif INTEGER_OR_TEXT in inner.get("metadata", {}):
        _skip_integers(schema, inner["metadata"][INTEGER_OR_TEXT])


def _refuse_zones(schema: dict[str, Any]) -> None:
    """Let an IPv6Address have no zone such as %eth0: Python takes it, and the API server's format ipv6 does not."""
    read = schema["strict_schema"].get("python_schema", {}).get("cls")
    if (getattr(read, "__module__", ""), getattr(read, "__name__", "")) != ("ipaddress", "IPv6Address"):
        return
    with_zones = dict(schema)
    schema.clear()
    schema.update(core_schema.no_info_after_validator_function(_without_zone, with_zones))
    schema["metadata"] = {_ADAPTED: True}


def _without_zone(address: Any) -> Any:  # noqa: ANN401 - an IPv6Address
    if address.scope_id is not None:
        raise ValueError("an IPv6 address with a zone is not valid in an object")
    return address


def _only(kind: Any, function: Callable[[Any], Any]) -> Callable[[Any], Any]:  # noqa: ANN401 - a type or a union
    def check(value: Any) -> Any:  # noqa: ANN401 - any value
        return function(value) if isinstance(value, kind) else value

    return check


def _text_only(value: Any, handler: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any value
    return handler(value) if isinstance(value, str) else value


def _skip_integers(schema: dict[str, Any], convert: Callable[[Any], Any]) -> None:
    """Put a function around a schema, in place, that converts an integer of an object without its limits.

    An integer in Python is written as a string, and the API server limits that.
    """

    def check(value: Any, handler: Callable[[Any], Any], info: Any) -> Any:  # noqa: ANN401 - any value
        return convert(value) if type(value) is int and info.mode == "json" else handler(value)

    limited = dict(schema)
    schema.clear()
    schema.update(core_schema.with_info_wrap_validator_function(check, limited))
    schema["metadata"] = {INTEGER_OR_TEXT: convert, _ADAPTED: True}


def _is_pattern(step: dict[str, Any]) -> bool:
    return step.get("type") == "function-wrap" and step["schema"].get("type") == "str"


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema below validators, and below limits that were applied before."""
    while True:
        if schema.get("type") in _WRAPPERS and INTEGER_OR_TEXT not in schema.get("metadata", {}):
            schema = schema["schema"]
        elif schema.get("type") == "chain":
            schema = schema["steps"][0]
        else:
            return schema
