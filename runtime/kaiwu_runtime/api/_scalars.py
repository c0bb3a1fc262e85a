"""Scalar types whose form in JSON differs from that in Python."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import AwareDatetime, Field, PlainSerializer, StrictInt, StrictStr
from pydantic_core import core_schema

from kaiwu_runtime.api._markers import AllowFloat, Format, SchemaType
from kaiwu_runtime.api._whole_numbers import whole_numbers

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


class IntOrStringType(msgspec.Struct, frozen=True):
    """Marks a union of int and str as x-kubernetes-int-or-string; written as ``IntOrString``."""


IntOrString = Annotated[StrictInt | StrictStr, IntOrStringType()]
"""A number or a string, for example a port ``8080`` or ``"http"``, or ``25`` or ``"25%"``."""

Int32 = Annotated[int, Format("int32"), Field(ge=-(2**31), le=2**31 - 1)]
"""An integer of 32 bits; a plain ``int`` is one of 64."""

Integer = Annotated[int, SchemaType("integer")]
"""An integer whose schema has no format, as in CRDs that other tools wrote. Prefer ``int``, which is one of 64 bits."""

Float = Annotated[
    float, AllowFloat(), Field(allow_inf_nan=False), PlainSerializer(whole_numbers, when_used="json-unless-none")
]
"""A float on purpose. Prefer an integer or a Quantity for values that are compared or summed."""


def rfc3339(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, or with its own offset where its year in UTC has no four digits."""
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return moment.isoformat(timespec="auto")
    return moment.isoformat(timespec="auto").replace("+00:00", "Z")


Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="unless-none")]
"""A moment with its time zone, written in UTC as RFC 3339."""


class BytesType(msgspec.Struct, frozen=True):
    """Bytes in Python, standard base64 in JSON; written as ``Base64Bytes``."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def validate(value: object) -> bytes:
            if isinstance(value, bytes):
                return value
            if not isinstance(value, str):
                raise ValueError("expected bytes, or a string in base64")
            try:
                return base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise ValueError(f"not valid base64: {error}") from None

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: base64.b64encode(value).decode(), return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "byte"}


Base64Bytes = Annotated[bytes, BytesType()]
"""Binary data: ``bytes`` in Python, base64 in the object."""
