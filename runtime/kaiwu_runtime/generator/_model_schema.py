"""From a pydantic model to a structural schema.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
This module rejects what such a schema cannot express, and names model and field;
:mod:`kaiwu_runtime.generator._validation` rejects invalid schemas.
"""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kaiwu_runtime.api._field_names import written_name
from kaiwu_runtime.api._kube import KubeModel, is_kube_model
from kaiwu_runtime.api._markers import (
    Immutable,
    Nullable,
    PreserveUnknownFields,
    Required,
    Schemaless,
    SchemaType,
    model_markers,
)
from kaiwu_runtime.api._model import APIModel, CustomResource
from kaiwu_runtime.api._null_values import null_is_a_value
from kaiwu_runtime.api._quantity import QuantityType
from kaiwu_runtime.api._scalars import IntOrStringType
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts, unwrap_annotation
from kaiwu_runtime.generator._cel_checks import is_typed
from kaiwu_runtime.generator._constraints import (
    apply_limits,
    apply_markers,
    immutability_rule,
    model_rules,
    removal_rule,
)
from kaiwu_runtime.generator._defaults import check_none, schema_default, with_defaults
from kaiwu_runtime.generator._extra import apply_extra
from kaiwu_runtime.generator._field_docstrings import field_description
from kaiwu_runtime.generator._forward_references import resolve_annotations
from kaiwu_runtime.generator._json_values import json_value
from kaiwu_runtime.generator._kubernetes import kube_schema
from kaiwu_runtime.generator._limits import check_limits
from kaiwu_runtime.generator._scalars import int_or_string, quantity, scalar_schema
from kaiwu_runtime.generator._schema import Schema, allow_null
from kaiwu_runtime.generator._written_form import check_excluded, check_field, check_metadata, check_model


def json_name(field_name: str, field: FieldInfo, where: str) -> str:
    """Return the name a field has in the object.

    Raises:
        DefinitionError: It is read under one name and written under another.
    """
    name = written_name(field_name, field)
    read = field.validation_alias or field.alias or field_name
    if read != name:
        raise DefinitionError(f"{where}: it is written as {name!r} but read as {read!r}: use one Field(alias=...)")
    return name


def model_schema(model: type[BaseModel], outer: tuple[type[Any], ...] = (), *, root: bool = False) -> Schema:
    """Return the schema of a model.

    Args:
        model: The model.
        outer: The models that it is in, the outermost first: none of them may be in it again.
        root: Whether it is a kind, whose apiVersion, kind and metadata are left out.

    Raises:
        DefinitionError: A field has a type or a combination that a CRD cannot express.
    """
    name = model.__name__
    resolve_annotations(model)
    check_model(model)
    schema = Schema({"type": "object"}, origin=name, model=name)
    names: dict[str, str] = {}
    parent_rules: list[dict[str, Any]] = []
    for field_name, field in model.model_fields.items():
        where = f"{name}.{field_name}"
        key = json_name(field_name, field, where)
        if key in names.values():
            raise DefinitionError(f"{where}: another field of {name} is called {key!r} in the object too")
        names[field_name] = key
        if root and field_name in CustomResource.model_fields:
            _check_untouched(field, CustomResource.model_fields[field_name], where)
            continue
        if field.exclude:
            check_excluded(field, where)
            continue
        description = field_description(model, field_name, field)
        property_schema, facts = _field(field, description, where, (*outer, model))
        check_field(model, field_name, field, facts, where)
        schema.setdefault("properties", {})[key] = property_schema
        required = field.is_required() or facts.find(Required) is not None
        if required:
            schema["required"] = sorted([*schema.get("required", ()), key])
        parent_rules += _immutable(property_schema, key, facts, where, removable=not required)
    _finish_model(schema, model, names, parent_rules)
    if not root:
        apply_extra(schema, model_markers(model))
    return schema


def _check_untouched(field: FieldInfo, inherited: FieldInfo, where: str) -> None:
    if field.annotation != inherited.annotation or field.metadata != inherited.metadata:
        raise DefinitionError(
            f"{where}: apiVersion, kind and metadata are the API server's and cannot be declared again; "
            'to limit names, put CEL("self.metadata.name.size() <= 40") on the kind with @schema(...)'
        )


def _immutable(schema: Schema, key: str, facts: Facts, where: str, *, removable: bool) -> list[dict[str, Any]]:
    """Add the rule of an immutable field to it; return the rule that its model needs if the field can be removed."""
    marker = facts.find(Immutable)
    if marker is None:
        return []
    if not is_typed(schema):
        raise DefinitionError(
            f"{where}: Immutable() needs a type, and this may be anything: use dict[str, Any], IntOrString or a model"
        )
    schema.setdefault("x-kubernetes-validations", []).append(immutability_rule(key, marker))
    return [removal_rule(key, marker, where)] if removable and "default" not in schema else []


def _finish_model(
    schema: Schema, model: type[BaseModel], names: dict[str, str], parent_rules: list[dict[str, Any]]
) -> None:
    """Write the model's own docstring, markers and rules."""
    description = own_docstring(model)
    if description:
        schema["description"] = description
    if model.model_config.get("title"):
        schema["title"] = model.model_config["title"]
    if model.model_config.get("extra") == "allow":
        schema["x-kubernetes-preserve-unknown-fields"] = True
    facts = Facts()
    facts.add(model_markers(model))
    apply_markers(schema, facts, schema.origin)
    if "example" in schema:
        schema["example"] = json_value(schema["example"], model, f"{schema.origin}: its example")
    rules = [*model_rules(facts, names, schema), *parent_rules]
    if rules:
        schema["x-kubernetes-validations"] = rules


def _field(field: FieldInfo, description: str | None, where: str, outer: tuple[type[Any], ...]) -> tuple[Schema, Facts]:
    bare, facts = unwrap_annotation(field.annotation, field.metadata)
    _check_none(field, facts, where)
    facts.title = field.title or facts.title
    facts.description = description or facts.description
    facts.examples = list(field.examples or facts.examples)
    if field.discriminator is not None:
        raise DefinitionError(
            f"{where}: a discriminated union has no schema: use optional fields and ExactlyOneOf(...)"
        )
    schema = _value(bare, facts, where, outer)
    if null_is_a_value(field):
        allow_null(schema)
    if "example" in schema:
        schema["example"] = json_value(schema["example"], field.rebuild_annotation(), f"{where}: its example")
    if field.deprecated:
        text = field.deprecated if isinstance(field.deprecated, str) else getattr(field.deprecated, "message", "")
        note = f"Deprecated: {text}" if text else "Deprecated."
        schema["description"] = f"{schema['description']}\n\n{note}" if "description" in schema else note
    default = schema_default(field, facts, where)
    if default is not None:
        schema["default"] = default.value if default.marked else with_defaults(default.value, schema)
    apply_extra(schema, facts.markers)
    return schema, facts


def _check_none(field: FieldInfo, facts: Facts, where: str) -> None:
    if null_is_a_value(field):
        if not facts.optional and facts.find(Nullable) is not None and not _is_open(facts, field.annotation):
            raise DefinitionError(
                f"{where}: Nullable() lets the object have null, which its type cannot read: add '| None'"
            )
        return
    if not facts.optional:
        return
    if field.is_required():
        raise DefinitionError(f"{where}: may be None but has no default: write '= None', or mark it Nullable()")
    if facts.find(Required) is not None:
        raise DefinitionError(f"{where}: None is left out of the object, which Required() rejects: mark it Nullable()")
    check_none(field, where)


def _is_open(facts: Facts, annotation: object) -> bool:
    return unwrap_annotation(annotation)[0] is Any or facts.find(Schemaless) is not None


def _value(bare: object, facts: Facts, where: str, outer: tuple[type[Any], ...]) -> Schema:
    """Return the schema of a value: first its type, then limits, then markers, then documentation."""
    schema = _typed(bare, facts, where, outer)
    schema.origin = where
    check_limits(bare, facts, where)
    apply_limits(schema, facts, where)
    apply_markers(schema, facts, where)
    if schema.get("nullable"):
        allow_null(schema)
    rules = [*schema.get("x-kubernetes-validations", ()), *model_rules(facts, {}, schema)]
    if rules:
        schema["x-kubernetes-validations"] = rules
    if facts.title:
        schema["title"] = facts.title
    if facts.description:
        schema["description"] = inspect.cleandoc(facts.description)
    if facts.examples:
        schema["example"] = facts.examples[0]
    return schema


def _typed(bare: object, facts: Facts, where: str, outer: tuple[type[Any], ...]) -> Schema:
    if facts.find(Schemaless) is not None:
        override = facts.find(SchemaType)
        return Schema({"type": override.type} if override else {})
    if facts.carries(QuantityType):
        return quantity()
    if facts.carries(IntOrStringType):
        return int_or_string()
    if facts.carries(KubeModel) or is_kube_model(bare):
        if facts.find(PreserveUnknownFields) is not None:
            raise DefinitionError(
                f"{where}: Kube[...] reads only the fields of its type, so PreserveUnknownFields() would lose "
                "others: use Annotated[dict[str, Any], PreserveUnknownFields()]"
            )
        return kube_schema(bare, where)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return _nested(bare, where, outer)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is list or bare is list:
        return Schema({"type": "array", "items": _inner(arguments, 0, where, outer)})
    if origin is dict or bare is dict:
        return _mapping(arguments, where, outer)
    return scalar_schema(bare, facts, where)


def _nested(model: type[BaseModel], where: str, outer: tuple[type[Any], ...]) -> Schema:
    if not issubclass(model, APIModel):
        raise DefinitionError(f"{where}: {model.__name__} must be derived from APIModel, not from pydantic's BaseModel")
    if issubclass(model, CustomResource):
        raise DefinitionError(f"{where}: {model.__name__} is a separate kind: refer to it by name instead")
    if model in outer:
        raise DefinitionError(
            f"{where}: {model.__name__} contains itself, which a CRD cannot express: "
            "mark the field Schemaless() and PreserveUnknownFields(), or write one model for each level"
        )
    return model_schema(model, outer)


def _inner(arguments: tuple[object, ...], index: int, where: str, outer: tuple[type[Any], ...]) -> Schema:
    bare, facts = unwrap_annotation(arguments[index] if arguments else Any)
    if facts.find(Immutable) is not None:
        raise DefinitionError(f"{where}: Immutable() belongs on a field, not on the items of one")
    check_metadata(facts, f"{where}[]")
    inner = _value(bare, facts, f"{where}[]", outer)
    if "example" in inner:
        annotation = arguments[index] if arguments else Any
        inner["example"] = json_value(inner["example"], annotation, f"{where}[]: its example")
    if facts.find(Nullable) is not None and not (facts.optional or bare is Any or facts.find(Schemaless)):
        raise DefinitionError(f"{where}[]: Nullable() lets an item be null, which its type cannot read: add '| None'")
    if facts.optional and not inner.get("nullable"):
        raise DefinitionError(f"{where}: its items may be None: drop '| None', or mark the item type Nullable()")
    apply_extra(inner, facts.markers)
    return inner


def _mapping(arguments: tuple[object, ...], where: str, outer: tuple[type[Any], ...]) -> Schema:
    if arguments:
        key, key_facts = unwrap_annotation(arguments[0])
        check_metadata(key_facts, f"{where}: its keys")
        limited = key_facts.patterns or key_facts.min_length or key_facts.max_length is not None
        if key is not str or limited:
            raise DefinitionError(
                f"{where}: a mapping's keys are plain strings: use dict[str, ...], and limit them with "
                "CEL(\"self.all(key, key.matches('...'))\")"
            )
    if not arguments or arguments[1] is Any:
        return Schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    return Schema({"type": "object", "additionalProperties": _inner(arguments, 1, where, outer)})


def own_docstring(model: type[Any]) -> str:
    """Return a model's own docstring, not an inherited one."""
    text = model.__dict__.get("__doc__")
    return inspect.cleandoc(text) if text else ""
