"""From a structural schema to types: what has a marker gets it, what has none is in ``SchemaExtra``.

Beside each type stands the schema that the generator makes of it; the difference to the schema of the CRD is what
``SchemaExtra`` says. So nothing is lost, whatever the schema has.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from kaiwuctl.importer.expressions import Call, Expression, Model, ModelField
from kaiwuctl.importer.layout import Layout, Text, value_layout
from kaiwuctl.importer.naming import ClassNames, attribute_name
from kaiwuctl.importer.object_markers import add_model_markers, add_rules
from kaiwuctl.importer.scalars import container_lengths, scalar
from kaiwuctl.importer.schema_difference import Schema, difference
from kaiwuctl.importer.vocabulary import (
    EMBEDDED,
    INT_OR_STRING,
    LIST_TYPE,
    MAP_KEYS,
    MAP_TYPE,
    PRESERVE,
    without_empty,
)

Recognise = Callable[[Schema], Expression | None]

# Of an object with a class: what is about the one field rather than about all values of the type.
_OF_THE_FIELD: Final = frozenset(
    {"default", "description", "example", "externalDocs", "nullable", "properties", "required", "title", EMBEDDED}
)
_WRITTEN_APART: Final = frozenset({"description", "default"})
_PYTHON_DEFAULTS: Final[dict[str, type | tuple[type, ...]]] = {
    "str": str,
    "Literal": (str, int, bool),
    "int": int,
    "Integer": int,
    "bool": bool,
}
_TEXTS: Final = frozenset({"Quantity", "Duration"})


class TypeBuilder:
    """Makes the classes of a module.

    Attributes:
        models: The classes, each behind those that it names.
    """

    def __init__(self, kind: str, reserved: set[str], recognise: Recognise | None = None) -> None:
        """Start a module.

        Args:
            kind: The name of the kind's class.
            reserved: Names that no other class may have.
            recognise: Returns the type of an object that Kubernetes defines, None for any other.
        """
        self.models: list[Model] = []
        self._names = ClassNames(kind, {kind, *reserved})
        self._known: dict[str, Model] = {}
        self._recognise = recognise

    def model_fields(self, model: Model, name: str, schema: Schema, skipped: frozenset[str] = frozenset()) -> None:
        """Add the fields of an object to its class.

        Args:
            model: The class.
            name: Its name, or the one that it asks for.
            schema: The object's.
            skipped: Fields that are left out.
        """
        taken: set[str] = set()
        required = set(schema.get("required", ()))
        for key, child in schema.get("properties", {}).items():
            if key not in skipped:
                field = self._field(name, key, child, taken, required=key in required, kind=bool(skipped))
                model.fields.append(field)

    def value(self, schema: Schema, parent: str, key: str) -> Expression:
        """Return the type of an item of a list, or of a value of a mapping."""
        schema = without_empty(schema)
        expression, expected = self._typed(schema, parent, key)
        expression.inner = True
        expression.description = description_of(schema)
        if "nullable" in schema:
            expression.optional = expression.base != "Any"
            expression.markers.append(Call("Nullable"))
            expected["nullable"] = True
        if expression.base == "Any" and not expression.markers and not expression.limits:
            # As the value of a mapping, Any alone is the mapping without a schema.
            expression.markers.append(Call("PreserveUnknownFields"))
        self._finish(expression, schema, expected, default=False)
        return expression

    def _field(
        self, parent: str, key: str, schema: Schema, taken: set[str], *, required: bool, kind: bool
    ) -> ModelField:
        schema = without_empty(schema)
        attribute = attribute_name(key, taken, kind=kind)
        expression, expected = self._typed(schema, parent, key)
        expression.description = description_of(schema)
        nullable = "nullable" in schema
        if nullable:
            expression.markers.append(Call("Nullable"))
            expected["nullable"] = True
        elif expression.base == "Any" and required:
            # A field that may be anything may be null in Python, and then the generator says so.
            expected["nullable"] = True
        default = self._default(expression, schema, required=required, nullable=nullable)
        if "default" in schema and required and default is not None:
            expression.markers.append(Call("Required"))
        self._finish(expression, schema, expected, default=True)
        if _field_name(attribute) != key:
            expression.limits = {"alias": key, **expression.limits}
        return ModelField(attribute, key, expression, default)

    def _default(self, expression: Expression, schema: Schema, *, required: bool, nullable: bool) -> Layout | None:
        """Return the default in Python; one of the CRD that Python cannot have is a marker."""
        container = expression.base in {"list", "dict"}
        if nullable and expression.base != "Any":
            expression.optional = True
        if "default" not in schema:
            if required:
                return None
            if nullable or not container:
                expression.optional = expression.base != "Any"
                return Text("None")
            return Text("[]" if expression.base == "list" else "{}")
        value = schema["default"]
        if _is_python_default(expression, value):
            return value_layout(value)
        expression.markers.append(Call("Default", (value,)))
        if container and not nullable:
            return Text("[]" if expression.base == "list" else "{}")
        if expression.model is not None and expression.model.needs_nothing() and not nullable:
            return Text(f"{expression.model.name}()")
        if required:
            # Python has no such default, and an object from the API server always has the field.
            return None
        expression.optional = expression.base != "Any"
        return Text("None")

    def _typed(self, schema: Schema, parent: str, key: str) -> tuple[Expression, Schema]:
        """Return the type of a value, and what the generator makes of it, its parts left out."""
        kind = schema.get("type")
        if kind == "array" and not schema.get(INT_OR_STRING):
            return self._list(schema, parent, key)
        if kind == "object" and not schema.get(INT_OR_STRING):
            return self._object(schema, parent, key)
        expression, expected = scalar(schema)
        add_rules(expression.markers, schema, expected)
        return expression, expected

    def _list(self, schema: Schema, parent: str, key: str) -> tuple[Expression, Schema]:
        items = schema.get("items")
        item = self.value(items if isinstance(items, dict) else {PRESERVE: True}, parent, key)
        expected: Schema = {"type": "array"}
        expression = Expression("list", (item,))
        if not isinstance(items, dict):
            expected["items"] = {PRESERVE: True}
        container_lengths(expression, schema, expected, "minItems", "maxItems")
        keys = schema.get(MAP_KEYS)
        if keys and schema.get(LIST_TYPE) == "map":
            expression.markers.append(Call("ListMapKeys", tuple(keys)))
            expected |= {LIST_TYPE: "map", MAP_KEYS: keys}
        elif LIST_TYPE in schema:
            expression.markers.append(Call("ListType", (schema[LIST_TYPE],)))
            expected[LIST_TYPE] = schema[LIST_TYPE]
        add_rules(expression.markers, schema, expected)
        return expression, expected

    def _object(self, schema: Schema, parent: str, key: str) -> tuple[Expression, Schema]:
        if self._recognise is not None and (known := self._recognise(schema)) is not None:
            return known, {word: value for word, value in schema.items() if word not in _WRITTEN_APART | {"nullable"}}
        if "properties" in schema:
            return self._nested(schema, parent, key)
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            expression = Expression("dict", (self.value(values, parent, key),))
            expected: Schema = {"type": "object"}
        else:
            expression = Expression("dict", (Expression("Any", names=(("typing", "Any"),)),))
            expected = {"type": "object", PRESERVE: True}
        if isinstance(values, dict) and PRESERVE in schema:
            expression.markers.append(Call("PreserveUnknownFields"))
            expected[PRESERVE] = True
        container_lengths(expression, schema, expected, "minProperties", "maxProperties")
        if MAP_TYPE in schema:
            expression.markers.append(Call("MapType", (schema[MAP_TYPE],)))
            expected[MAP_TYPE] = schema[MAP_TYPE]
        _add_embedded(expression, schema, expected)
        add_rules(expression.markers, schema, expected)
        return expression, expected

    def _nested(self, schema: Schema, parent: str, key: str) -> tuple[Expression, Schema]:
        name = self._names.nested(parent, key)
        model = Model(name)
        expected: Schema = {"type": "object"}
        self.model_fields(model, name, schema)
        add_model_markers(model, schema, expected)
        unknown = set(schema.get("required", ())) - schema["properties"].keys()
        extra = difference(schema, expected, _OF_THE_FIELD)
        expected |= {word: value for word, value in schema.items() if word not in _OF_THE_FIELD}
        if unknown:
            extra["required"] = sorted(schema["required"])
        if extra:
            model.markers.append(Call("SchemaExtra", (extra,)))
        identity = model.identity()
        known = self._known.get(identity)
        if known is None:
            model.name = self._names.unique(name)
            self._known[identity] = known = model
            self.models.append(model)
        known.described.append(description_of(schema))
        expression = Expression(known.name, model=known)
        _add_embedded(expression, schema, expected)
        return expression, expected

    def _finish(self, expression: Expression, schema: Schema, expected: Schema, *, default: bool) -> None:
        """Add the documentation of a value, and what is left of its schema."""
        if isinstance(schema.get("title"), str):
            expression.limits["title"] = schema["title"]
            expected["title"] = schema["title"]
        if schema.get("example") is not None:
            expression.limits["examples"] = [schema["example"]]
            expected["example"] = schema["example"]
        docs = schema.get("externalDocs")
        if isinstance(docs, dict) and isinstance(docs.get("url"), str) and docs.keys() <= {"url", "description"}:
            text = docs.get("description")
            keywords = (("description", text),) if text else ()
            expression.markers.append(Call("ExternalDocs", (docs["url"],), keywords))
            expected["externalDocs"] = docs
        apart = _parts(expression, schema) | (_WRITTEN_APART if default else {"description"})
        extra = difference(schema, expected, apart)
        text = str(schema.get("description"))
        if expression.description is not None and text.strip() != expression.description:
            # A docstring has no tabs: the description is written where they stay.
            extra["description"] = text
            expression.description = None
        if extra:
            expression.markers.append(Call("SchemaExtra", (extra,)))


def _parts(expression: Expression, schema: Schema) -> set[str]:
    """Return the keywords with the parts of a value that its type names; the others belong to what is left."""
    if expression.model is not None:
        return {"properties", "required"}
    if expression.base == "list" and isinstance(schema.get("items"), dict):
        return {"items"}
    if expression.base == "dict" and isinstance(schema.get("additionalProperties"), dict):
        return {"additionalProperties"}
    return set()


def _add_embedded(expression: Expression, schema: Schema, expected: Schema) -> None:
    if EMBEDDED in schema:
        expression.markers.append(Call("EmbeddedResource"))
        expected[EMBEDDED] = True


def _is_python_default(expression: Expression, value: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether the default of the CRD can be the one of the field in Python."""
    if expression.base in _TEXTS:
        return isinstance(value, str)
    if expression.base == "IntOrString":
        return isinstance(value, int | str) and not isinstance(value, bool)
    if expression.base == "Float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    expected = _PYTHON_DEFAULTS.get(expression.base)
    if expected is None or not isinstance(value, expected):
        return False
    if expression.base == "Literal":
        return any(type(value) is type(one) and value == one for one in expression.arguments)
    return isinstance(value, bool) == (expression.base == "bool")


def description_of(schema: Schema) -> str | None:
    """Return the description of a value without the spaces around it, as a docstring has it."""
    text = schema.get("description")
    if not isinstance(text, str) or not text.strip():
        return None
    lines = (line if line.strip() else "" for line in text.split("\n"))
    # Twice: a first line that is empty may leave one that begins with a space, which a docstring loses.
    return inspect.cleandoc(inspect.cleandoc("\n".join(lines)))


def _field_name(attribute: str) -> str:
    from kaiwu_runtime.api._field_names import field_name  # noqa: PLC0415 - pydantic is imported with it

    return field_name(attribute)
