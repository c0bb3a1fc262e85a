"""What a type or a field tells the API server beyond its Python type.

Markers stand inside ``Annotated`` on a field, or in ``@schema(...)`` on a model::

    ports: Annotated[list[Port], ListMapKeys("name")]

    @schema(CEL("self.min <= self.max", message="min must not exceed max"))
    class Range(APIModel): ...

Limits need no marker: pydantic's ``Field(ge=, le=, gt=, lt=, multiple_of=, min_length=, max_length=,
pattern=,
title=, description=, examples=)``, ``Literal`` and ``Enum`` become the schema's own. The meaning of each
extension is
described in https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from pydantic import BaseModel

from kaiwu_runtime.api._embedded import without_empty_metadata
from kaiwu_runtime.api._unknown_fields import keep_unknown_fields
from kaiwu_runtime.errors import DefinitionError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema

SCHEMA_ATTRIBUTE = "__kaiwu_schema__"

_T = TypeVar("_T")

ValidationReason = Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"]


# Most markers are structs: for a dataclass Python compiles six functions at each start.
class Marker:
    """Base of every marker."""

    __slots__ = ()


class ListType(Marker, msgspec.Struct, frozen=True):
    """How a list is merged: as one value, as a set of scalars, or as a map (see :class:`ListMapKeys`)."""

    type: Literal["atomic", "set", "map"]


@dataclass(frozen=True, slots=True, init=False)
class ListMapKeys(Marker):
    """A list of objects merged as a map: these fields of an item identify it. Implies list type ``map``."""

    keys: tuple[str, ...]

    def __init__(self, *keys: str) -> None:
        object.__setattr__(self, "keys", keys)


class MapType(Marker, msgspec.Struct, frozen=True):
    """How a mapping is merged: key by key (``granular``, the default) or as one value (``atomic``)."""

    type: Literal["granular", "atomic"]


class StructType(Marker, msgspec.Struct, frozen=True):
    """How an object is merged: field by field (``granular``, the default) or as one value (``atomic``)."""

    type: Literal["granular", "atomic"]


class CEL(Marker, msgspec.Struct, frozen=True):
    """A validation rule in the Common Expression Language, on a field or on a model.

    Attributes:
        rule: Expression that must be true; ``self`` is the value, ``oldSelf`` the value before an update.
        message: The error message if the rule is false.
        message_expression: Expression that computes the message; takes precedence over ``message``.
        reason: Machine-readable reason in the API server's response.
        field_path: Path, relative to the value, that the failure is reported at, for example ``.replicas``.
        optional_old_self: Evaluate a rule with ``oldSelf`` on creation as well; ``oldSelf`` is then an
            optional.

    See https://kubernetes.io/docs/reference/using-api/cel/
    """

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: ValidationReason | Literal[""] = ""
    field_path: str = ""
    optional_old_self: bool = False


class Immutable(Marker, msgspec.Struct, frozen=True):
    """The field cannot be changed or removed once it has a value.

    Attributes:
        message: The error message when a change is rejected.
    """

    message: str = ""


@dataclass(frozen=True, slots=True, init=False)
class AtMostOneOf(Marker):
    """On a model: no more than one of these fields may be set."""

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        object.__setattr__(self, "fields", fields)


@dataclass(frozen=True, slots=True, init=False)
class ExactlyOneOf(Marker):
    """On a model: one of these fields must be set, and only one."""

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        object.__setattr__(self, "fields", fields)


@dataclass(frozen=True, slots=True, init=False)
class AtLeastOneOf(Marker):
    """On a model: one or more of these fields must be set."""

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        object.__setattr__(self, "fields", fields)


class Nullable(Marker, msgspec.Struct, frozen=True):
    """``null`` is a value of its own; without it a field that is None is simply left out."""


class Required(Marker, msgspec.Struct, frozen=True):
    """The field must be in the object although the Python field has a default."""


class Default(Marker, msgspec.Struct, frozen=True):
    """The default that the API server fills in, if it differs from the Python default.

    Attributes:
        value: A JSON value.
    """

    value: Any


class NoDefault(Marker, msgspec.Struct, frozen=True):
    """The default is used only in Python: the API server does not fill it in."""


class Format(Marker, msgspec.Struct, frozen=True):
    """The ``format`` of a value, for example ``ipv4``, ``uri``, ``hostname`` or ``int32``."""

    format: str


class SchemaType(Marker, msgspec.Struct, frozen=True):
    """The JSON type of a value, for a Python type that the generator does not know."""

    type: Literal["string", "integer", "number", "boolean", "object", "array"]


class MinProperties(Marker, msgspec.Struct, frozen=True):
    """On a model: minimum number of fields that must be set. Mappings use ``Field(min_length=)``."""

    count: int


class MaxProperties(Marker, msgspec.Struct, frozen=True):
    """On a model: maximum number of fields that may be set. Mappings use ``Field(max_length=)``."""

    count: int


class EmbeddedResource(Marker, msgspec.Struct, frozen=True):
    """The value is a whole Kubernetes object: apiVersion, kind and metadata are checked by the API server."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return without_empty_metadata(handler(source))


class PreserveUnknownFields(Marker, msgspec.Struct, frozen=True):
    """Fields the schema does not name are kept instead of dropped, by the API server and by the Python model."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return keep_unknown_fields(handler(source), handler)


class Schemaless(Marker, msgspec.Struct, frozen=True):
    """The schema contains only the other markers of the field, and nothing of its Python type."""


class AllowFloat(Marker, msgspec.Struct, frozen=True):
    """The field is a float on purpose, although other languages may round it. See :data:`Float`."""


class Title(Marker, msgspec.Struct, frozen=True):
    """A short title of a model; a field has ``Field(title=...)``."""

    title: str


class Example(Marker, msgspec.Struct, frozen=True):
    """An example value; a field may use ``Field(examples=[...])``, of which the first is taken."""

    value: Any


class ExternalDocs(Marker, msgspec.Struct, frozen=True):
    """A link to further documentation of a field or a model."""

    url: str
    description: str = ""


class SchemaExtra(Marker, msgspec.Struct, frozen=True):
    """Keywords for which there is no marker, such as ``oneOf`` or ``not``: the API server checks them, Python does not.

    Attributes:
        keywords: JSON that is merged into the finished schema. A keyword replaces the one that the type has, and None
            removes it; ``properties``, ``items`` and ``additionalProperties`` are merged in the same way.

    See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
    """

    keywords: Mapping[str, Any]


def schema(*markers: Marker) -> Callable[[type[_T]], type[_T]]:
    """Put markers on a model, as ``Annotated`` does on a field; subclasses inherit them.

    Args:
        markers: CEL rules, AtMostOneOf, ExactlyOneOf, AtLeastOneOf, StructType, MinProperties, MaxProperties,
            PreserveUnknownFields, EmbeddedResource, Title, Example, ExternalDocs, SchemaExtra.

    Raises:
        DefinitionError: A value that is not a marker.
    """

    def mark(model: type[_T]) -> type[_T]:
        for marker in markers:
            if not isinstance(marker, Marker):
                raise DefinitionError(f"{model.__qualname__}: @schema takes markers such as CEL(...), not {marker!r}")
        own: tuple[Marker, ...] = model.__dict__.get(SCHEMA_ATTRIBUTE, ())
        # Decorators apply bottom-up; the markers stay in the order they are read.
        setattr(model, SCHEMA_ATTRIBUTE, (*markers, *own))
        if any(isinstance(marker, PreserveUnknownFields) for marker in markers) and issubclass(model, BaseModel):
            model.model_config = {**model.model_config, "extra": "allow"}
            model.model_rebuild(force=True, raise_errors=False)
        return model

    return mark


def model_markers(model: type[Any]) -> tuple[Marker, ...]:
    """Return the markers of a model, those of its bases first."""
    found: list[Marker] = []
    for base in reversed(model.__mro__):
        found.extend(base.__dict__.get(SCHEMA_ATTRIBUTE, ()))
    return tuple(found)
