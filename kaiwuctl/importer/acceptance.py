"""Rejects a CRD that the API server, or this project's generator, would reject, before anything is written.

The generator's own checks are applied to what the CRD says; no generated code is run for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaiwu_runtime.api import CustomResource, PrinterColumn, Scale, resource, resource_definition
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._keywords import check_keywords
from kaiwu_runtime.generator._schema import Schema
from kaiwu_runtime.generator._subresources import check_definition
from kaiwu_runtime.generator._validation import check_resource
from kaiwuctl.errors import CRDError
from kaiwuctl.importer.expressions import Call
from kaiwuctl.importer.vocabulary import INT_OR_STRING, RULES, without_empty

_UNSUPPORTED = frozenset(
    {"$ref", "$schema", "additionalItems", "definitions", "dependencies", "id", "patternProperties"}
)
_JUNCTORS = frozenset({"allOf", "anyOf", "oneOf", "not"})
_OUTSIDE = frozenset({"type", "title", "description", "default", "nullable", "additionalProperties"})
_CLASSES = {"PrinterColumn": PrinterColumn, "Scale": Scale}


def check_version(name: str, version: str, root: dict[str, Any], arguments: Mapping[str, Any], *, status: bool) -> None:
    """Check what becomes of one version of a CRD.

    Args:
        name: Of the class.
        version: For messages.
        root: The schema.
        arguments: Those of its ``@resource``.
        status: Whether it has the status subresource.

    Raises:
        CRDError: It would be rejected; the message names the version and the field.
    """
    try:
        check_keywords(root, f"version {version}")
        schema = _tree(root, f"version {version}", name)
        check_resource(schema, status=status)
        kind = type(name, (CustomResource,), {"__module__": __name__})
        resource(**{key: _value(value) for key, value in arguments.items()})(kind)
        definition = resource_definition(kind)
        if definition is not None:
            check_definition(name, definition, schema)
    except DefinitionError as error:
        text = str(error).removeprefix(f"{name}: @resource ")
        place = "" if text.startswith("version ") else f"version {version}: "
        raise CRDError(f"invalid CustomResourceDefinition: {place}{text}") from None


def _tree(node: Mapping[str, Any], origin: str, model: str) -> Schema:
    """Return a schema whose parts know their places."""
    node = {key: value for key, value in node.items() if value is not None or key == "default"}
    schema = Schema(node, origin=origin, model=model)
    for word in _UNSUPPORTED & node.keys():
        raise DefinitionError(f"{origin}: {word} is not allowed in a CRD")
    for word in _JUNCTORS & node.keys():
        parts = [node[word]] if word == "not" else node[word]
        _check_junctor(parts, f"{origin}: {word}", int_or_string=bool(node.get(INT_OR_STRING)))
    if node.get(RULES):
        schema[RULES] = [{"rule": "", **rule} for rule in without_empty(node)[RULES]]
    if isinstance(node.get("properties"), dict):
        if "" in node["properties"]:
            raise DefinitionError(f"{origin}: a property has an empty name, for which there is no field in Python")
        schema["properties"] = {key: _tree(child, f"{origin}.{key}", key) for key, child in node["properties"].items()}
    for word, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(node.get(word), dict):
            schema[word] = _tree(node[word], f"{origin}{mark}", f"{model}{mark}")
    return schema


def _check_junctor(parts: list[dict[str, Any]], where: str, *, int_or_string: bool) -> None:
    """Check that parts of allOf, anyOf, oneOf or not have only what limits a value: the rest stands outside of them."""
    for part in parts:
        for word in _OUTSIDE & part.keys():
            if not (word == "type" and int_or_string):
                raise DefinitionError(f"{where}: {word} is not allowed there")
        for word in _JUNCTORS & part.keys():
            inner = [part[word]] if word == "not" else part[word]
            _check_junctor(inner, where, int_or_string=int_or_string)
        for child in (part.get("properties") or {}).values():
            _check_junctor([child], where, int_or_string=False)
        if isinstance(part.get("items"), dict):
            _check_junctor([part["items"]], where, int_or_string=False)


def _value(value: Any) -> Any:  # noqa: ANN401 - an argument
    if isinstance(value, Call):
        return _CLASSES[value.name](
            *map(_value, value.arguments), **{key: _value(each) for key, each in value.keywords}
        )
    return [_value(each) for each in value] if isinstance(value, list) else value
