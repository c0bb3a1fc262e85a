"""Quantity: an amount such as ``500m``, ``1.5`` or ``10Gi``, kept as the string that was written.

Follows https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
A quantity is a plain ``str`` in Python, as in lightkube's models, so it can be passed to them unchanged;
:func:`parse_quantity` and :func:`compare_quantities` evaluate the amount.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import msgspec
from pydantic_core import core_schema

from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime.api._json_limits import INTEGER_OR_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.fields import FieldInfo
    from pydantic.json_schema import JsonSchemaValue

QUANTITY_ANNOTATION = "resource.Quantity"
"""How lightkube's models spell a quantity in their annotations; the type itself is only ``str``."""

QUANTITY_PATTERN = r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,3})?$"
"""The syntax of a quantity; it matches exactly the valid strings."""

_QUANTITY = lazy_pattern(QUANTITY_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)
_AMOUNT = lazy_pattern(r"(?P<number>[-+]?[0-9.]+)(?P<suffix>.*)")
_SUFFIXES: dict[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Arithmetic that never rounds, whatever precision the project has set for its own."""


def parse_quantity(quantity: str | int) -> Decimal:
    """Return the exact amount a quantity stands for.

    Args:
        quantity: A decimal number with an optional suffix: ``n u m k M G T P E``, ``Ki Mi Gi Ti Pi Ei``, or
            an exponent such as ``e3``.

    Raises:
        ValueError: It is not a valid quantity.
    """
    text = str(quantity)
    match = _AMOUNT().fullmatch(text) if _QUANTITY().fullmatch(text) else None
    if match is None:
        raise ValueError(_explanation(text))
    number, suffix = Decimal(match["number"]), match["suffix"]
    if suffix in _SUFFIXES:
        return _EXACT.multiply(number, _SUFFIXES[suffix])
    return _EXACT.scaleb(number, int(suffix[1:]))


def compare_quantities(left: str | int, right: str | int) -> int:
    """Return -1, 0 or 1 as the first amount is smaller than, equal to, or larger than the second.

    ``1Gi`` equals ``1024Mi``, although the strings differ.

    Raises:
        ValueError: One of them is not a valid quantity.
    """
    first, second = parse_quantity(left), parse_quantity(right)
    return (first > second) - (first < second)


def _explanation(text: str) -> str:
    shown = repr(text) if len(text) <= 80 else f"{text[:77]!r}..."
    return f"{shown} is not a valid quantity: write a number with an optional suffix, such as 500m, 1.5 or 10Gi"


class QuantityType(msgspec.Struct, frozen=True):
    """Makes pydantic accept quantities only; written as ``Quantity``."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def validate(value: object) -> str:
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise ValueError(_explanation(str(value)))
            parse_quantity(value)
            return str(value)

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.to_string_ser_schema(when_used="unless-none"),
            metadata={INTEGER_OR_TEXT: validate},
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": QUANTITY_PATTERN}]}


Quantity = Annotated[str, QuantityType()]
"""An amount of a resource, for example ``"10Gi"``; a string in Python, int-or-string in the CRD."""


def write_default_quantities(fields: Mapping[str, FieldInfo]) -> None:
    """Make defaults that are integers the strings they are read back as: ``Quantity = 1`` becomes ``"1"``.

    pydantic does not validate defaults: an object would not equal itself once it was read, and writing it would
    change what the API server filled in.

    Args:
        fields: The fields of a model; changed in place.
    """
    for field in fields.values():
        if isinstance(field.default, int | list | dict):
            field.default = _with_strings(field.default, Annotated[field.annotation, *field.metadata, None])


def _with_strings(value: Any, annotation: Any) -> Any:  # noqa: ANN401 - a default, and an annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        if any(isinstance(item, QuantityType) for item in arguments[1:]):
            return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return _with_strings(value, arguments[0])
    if origin in {Union, UnionType}:
        others = [argument for argument in arguments if argument is not NoneType]
        return _with_strings(value, others[0]) if len(others) == 1 else value
    if isinstance(value, list) and origin is list:
        return [_with_strings(item, arguments[0]) for item in value]
    if isinstance(value, dict) and origin is dict:
        return {key: _with_strings(item, arguments[1]) for key, item in value.items()}
    return value
