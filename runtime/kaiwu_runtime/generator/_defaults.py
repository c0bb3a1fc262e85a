"""The values that the API server fills in for absent fields."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic.fields import FieldInfo

from kaiwu_runtime.api._markers import Default, NoDefault
from kaiwu_runtime.api._reading_errors import explain
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts
from kaiwu_runtime.generator._json_values import json_value
from kaiwu_runtime.generator._schema import Schema, shown


@dataclass(frozen=True, slots=True)
class SchemaDefault:
    """A default, distinguished from the absence of a default: ``null`` is a value.

    Attributes:
        value: JSON.
        marked: Whether the project wrote it with ``Default(...)``: then it is in the CRD as it is written.
    """

    value: Any
    marked: bool = False


def schema_default(field: FieldInfo, facts: Facts, where: str) -> SchemaDefault | None:
    """Return the default of a field's schema, or None.

    None, an empty list and an empty mapping mean in Python that the field is absent, so they are not defaults of the
    schema; ``Default(...)`` makes them defaults.

    Raises:
        DefinitionError: A default that differs from call to call, or that is not JSON.
    """
    marked = facts.find(Default)
    if marked is not None:
        value = json_value(marked.value, field.rebuild_annotation(), f"{where}: its default")
        return SchemaDefault(value, marked=True)
    if field.is_required() or facts.find(NoDefault) is not None:
        return None
    value = _python_default(field, where)
    if value is None or (isinstance(value, list | dict | tuple) and not value):
        return None
    content = json_value(value, field.rebuild_annotation(), f"{where}: its default")
    return None if isinstance(value, msgspec.Struct) and not content else SchemaDefault(content)


def check_none(field: FieldInfo, where: str) -> None:
    """Reject a field that may be None and has another default.

    None is left out of the object, and an absent field is read as the default.

    Raises:
        DefinitionError: The default is not None.
    """
    made_from_others = field.default_factory is not None and field.default_factory_takes_validated_data
    value = "computed from other fields" if made_from_others else _call(field, where)
    if value is not None:
        raise DefinitionError(
            f"{where}: None is left out of the object, and reads back as the default {shown(value)}: "
            "drop '| None', make the default None, or mark it Nullable()"
        )


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
        raise DefinitionError(
            f"{where}: a default computed from other fields cannot be a schema default: add NoDefault()"
        )
    first = _call(field, where)
    if first != _call(field, where):
        raise DefinitionError(f"{where}: its default differs every time it is computed: add NoDefault()")
    return first


def _call(field: FieldInfo, where: str) -> object:
    try:
        return field.get_default(call_default_factory=True)
    except Exception as error:  # noqa: BLE001 - the project's factory may raise anything
        raise DefinitionError(f"{where}: its default cannot be created: {explain(error)}") from None
