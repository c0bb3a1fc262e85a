"""Models that keep the fields they do not know, and write them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic_core.core_schema import CoreSchema


def keep_unknown_fields(model: CoreSchema) -> CoreSchema:
    """Return a copy of a model's core schema that keeps unknown fields; the model is the same elsewhere."""
    content: dict[str, Any] = {key: value for key, value in model.items() if key != "ref"}
    if content["type"] == "model-fields":
        content["extra_behavior"] = "allow"
    elif "schema" in content:
        content["schema"] = keep_unknown_fields(content["schema"])
    return cast("CoreSchema", content)
