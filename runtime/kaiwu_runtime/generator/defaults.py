"""What the API server fills in for a field that is left out."""

from __future__ import annotations

import copy
import enum
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError

from kaiwu_runtime.api.markers import Default, NoDefault
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator.annotations import Facts
from kaiwu_runtime.generator.schema import Schema


@dataclass(frozen=True, slots=True)
class SchemaDefault:
    """A default, told apart from no default at all: ``null`` is a value."""

    value: Any


def schema_default(field: FieldInfo, facts: Facts, where: str) -> SchemaDefault | None:
    """Return the default of a field's schema, or None.

    None, an empty list and an empty mapping are Python's way to say that nothing is there, so they are no
    defaults; ``Default(...)`` says that they are meant.

    Raises:
        DefinitionError: A default that differs from call to call, or that is no JSON.
    """
    marked = facts.find(Default)
    if marked is not None:
        return SchemaDefault(_as_json(marked.value, where))
    if field.is_required() or facts.find(NoDefault) is not None:
        return None
    value = _python_default(field, where)
    if value is None or (isinstance(value, list | dict | tuple) and not value):
        return None
    if isinstance(value, msgspec.Struct):
        content = msgspec.to_builtins(value)
        return SchemaDefault(content) if content else None
    return SchemaDefault(_as_json(value, where, field))


def with_defaults(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - JSON
    """Return a value with the defaults of its own fields filled in, as the API server fills them in.

    It checks the default of a field, CEL rules included, as it is written: a rule about ``mode`` fails for a default
    of ``{}`` although ``mode`` has a default too.
    """
    if isinstance(value, dict):
        filled = {
            name: child["default"]
            for name, child in schema.properties.items()
            if name not in value and child.get("default") is not None
        }
        known = {name: schema.properties.get(name) or schema.values_schema for name in value}
        given = {name: with_defaults(item, known[name] or Schema()) for name, item in value.items()}
        return copy.deepcopy(given | filled)
    if isinstance(value, list) and schema.items_schema is not None:
        return [with_defaults(item, schema.items_schema) for item in value]
    return value


def _python_default(field: FieldInfo, where: str) -> object:
    if field.default_factory is None:
        return field.default
    if field.default_factory_takes_validated_data:
        raise DefinitionError(f"{where}: a default made from other fields is no schema default: add NoDefault()")
    first = field.get_default(call_default_factory=True)
    if first != field.get_default(call_default_factory=True):
        raise DefinitionError(f"{where}: its default differs every time it is made: add NoDefault()")
    return first


def _as_json(value: object, where: str, field: FieldInfo | None = None) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bool | int | float | str) or value is None:
        return value if field is None or isinstance(value, bool | int) else _dump(value, where, field)
    if isinstance(value, BaseModel):
        # Only what was given: the nested fields have defaults of their own.
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    return _dump(value, where, field)


def _dump(value: object, where: str, field: FieldInfo | None) -> Any:  # noqa: ANN401 - JSON
    kind: Any = Any
    if field is not None:
        kind = field.rebuild_annotation()
    try:
        return TypeAdapter(kind).dump_python(
            value, mode="json", by_alias=True, exclude_unset=True, exclude_none=True, warnings="error"
        )
    except (PydanticSerializationError, TypeError) as error:
        raise DefinitionError(f"{where}: its default {value!r} is no JSON: {str(error).splitlines()[0]}") from None
