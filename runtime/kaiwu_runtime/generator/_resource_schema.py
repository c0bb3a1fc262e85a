"""The schema of a whole kind: its model's, with the fields that every object has.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

from kaiwu_runtime.api._markers import Default, model_markers
from kaiwu_runtime.api._model import CustomResource
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import unwrap_annotation
from kaiwu_runtime.generator._extra import apply_extra
from kaiwu_runtime.generator._field_docstrings import field_description
from kaiwu_runtime.generator._model_schema import json_name, model_schema
from kaiwu_runtime.generator._schema import Schema, is_text, schema_error, walk


def resource_schema(kind: type[CustomResource]) -> Schema:
    """Return the schema of a whole kind.

    Raises:
        DefinitionError: A field has a type or a combination that a CRD cannot express.
    """
    schema = model_schema(kind, (), root=True)
    schema["properties"] = {
        "apiVersion": Schema({"type": "string"}, origin=f"{kind.__name__}.api_version"),
        "kind": Schema({"type": "string"}, origin=f"{kind.__name__}.kind"),
        "metadata": Schema({"type": "object"}, origin=f"{kind.__name__}.metadata"),
    } | schema.properties
    for name in ("api_version", "kind"):
        field = kind.model_fields[name]
        description = field_description(kind, name, field)
        if description:
            schema.properties[json_name(name, field, kind.__name__)]["description"] = description
    _finish_status(kind, schema)
    apply_extra(schema, model_markers(kind))
    _check_text(schema)
    return schema


def _check_text(schema: Schema) -> None:
    for _, node in walk(schema):
        for word in ("title", "description"):
            if not is_text(node.get(word, "")):
                raise schema_error(node, f"its {word} has half of a surrogate pair")


def _finish_status(kind: type[CustomResource], schema: Schema) -> None:
    """Make the status optional and remove its default: a new object has no status, because nothing was observed yet."""
    status = schema.properties.get("status")
    if status is None:
        return
    definition = resource_definition(kind)
    if "status" in schema.get("required", ()) and (definition is None or definition.status):
        raise DefinitionError(
            f"{kind.__name__}.status: a new object has no status, since only the status subresource writes it: "
            "give it a default, such as '| None = None', and drop Required()"
        )
    for name, field in kind.model_fields.items():
        if json_name(name, field, kind.__name__) == "status":
            _, facts = unwrap_annotation(field.annotation, field.metadata)
            if facts.find(Default) is None:
                status.pop("default", None)
