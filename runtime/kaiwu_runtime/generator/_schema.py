"""A node of a structural schema, and where it came from.

Schemas are plain dictionaries with the API server's own keywords, so the output needs no translation; the subclass
only records the model and field of a node, for messages that name them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from kaiwu_runtime.errors import DefinitionError

_LONGEST = 200
"""Characters of a value in a message."""


class Schema(dict[str, Any]):
    """One JSONSchemaProps.

    Attributes:
        origin: ``Model.field`` of the node.
        model: Name of the model, when the node is a whole model.
        kubernetes: Whether that model is one of Kubernetes' own.
    """

    __slots__ = ("kubernetes", "model", "origin")

    def __init__(
        self,
        content: dict[str, Any] | None = None,
        *,
        origin: str = "",
        model: str = "",
        kubernetes: bool = False,
    ) -> None:
        super().__init__(content or {})
        self.origin = origin
        self.model = model
        self.kubernetes = kubernetes

    def __deepcopy__(self, memo: dict[int, Any]) -> Schema:
        return Schema(
            {key: copy.deepcopy(value, memo) for key, value in self.items()},
            origin=self.origin,
            model=self.model,
            kubernetes=self.kubernetes,
        )

    @property
    def properties(self) -> dict[str, Schema]:
        """The schemas of an object's fields."""
        found: dict[str, Schema] = self.get("properties", {})
        return found

    @property
    def items_schema(self) -> Schema | None:
        """The schema of a list's items."""
        found = self.get("items")
        return found if isinstance(found, Schema) else None

    @property
    def values_schema(self) -> Schema | None:
        """The schema of a mapping's values."""
        found = self.get("additionalProperties")
        return found if isinstance(found, Schema) else None

    @property
    def preserves_unknown(self) -> bool:
        """Whether fields without a schema are kept."""
        return bool(self.get("x-kubernetes-preserve-unknown-fields"))


def allow_null(schema: Schema) -> None:
    """Allow null as a value.

    The API server never accepts null for an ``enum`` beside the type, even if null is one of its values; it does not
    check null against an ``enum`` inside ``allOf``.
    """
    schema["nullable"] = True
    if "enum" in schema:
        schema["allOf"] = [*schema.get("allOf", ()), {"enum": schema.pop("enum")}]


def enumerated(schema: Schema) -> list[Any] | None:
    """Return the values of an enumeration without null; None if any value is allowed."""
    parts = [schema, *schema.get("allOf", ())]
    return next((list(part["enum"]) for part in parts if "enum" in part), None)


def is_base64(schema: Schema) -> bool:
    """Return whether a schema is that of ``Base64Bytes``."""
    return {"format": "byte"} in schema.get("anyOf", ())


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a value as plain dictionaries and lists, ready for YAML or JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every node of a schema with its path in the object: ``.spec.ports[].name``."""
    yield path, schema
    for name, child in schema.properties.items():
        yield from walk(child, f"{path}.{name}")
    if schema.items_schema is not None:
        yield from walk(schema.items_schema, f"{path}[]")
    if schema.values_schema is not None:
        yield from walk(schema.values_schema, f"{path}.*")


def shown(value: object) -> str:
    """Return a value for a message, which a long value would hide."""
    try:
        return shortened(repr(value))
    except ValueError:
        return "<with an integer of thousands of digits>"  # Python does not write it


def is_text(text: str) -> bool:
    """Return whether a text can be written: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shortened(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def schema_error(schema: Schema, what: str) -> DefinitionError:
    """Return the error of a schema, which names the model and the field."""
    return DefinitionError(f"{schema.origin}: {what}")
