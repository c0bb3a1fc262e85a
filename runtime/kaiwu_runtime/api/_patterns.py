"""Patterns of a model's fields, with the meaning that they have for the API server.

pydantic compiles patterns with Rust's ``regex``, the API server with Go's. Patterns have Go's syntax, as in the CRD;
for the model they are translated to Rust's syntax, so that both accept the same strings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo
from pydantic_core import SchemaError, SchemaValidator, core_schema

from kaiwu_runtime._error_text import written_patterns
from kaiwu_runtime.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel, GetCoreSchemaHandler

_DONE = "kaiwu_go_pattern"


def apply_patterns(model: type[BaseModel], schema: core_schema.CoreSchema, handler: GetCoreSchemaHandler) -> None:
    """Replace every pattern in a model's schema by one with the same meaning as in Go.

    A pattern that Go does not compile is unchanged: the generator rejects it if the model is part of a CRD.

    Raises:
        DefinitionError: Neither Go nor the model's engine compiles it; the message names model and field.
    """
    fields = getattr(model, "__pydantic_fields__", {})
    found = [(name, pattern) for name, field in fields.items() for pattern in _patterns(field)]
    if not found:
        return
    for name, pattern in found:
        _check(model, name, pattern)
    _replace(schema, handler, set())


def _check(model: type[BaseModel], name: str, pattern: str | re.Pattern[str]) -> None:
    """Compile a pattern; pydantic fails later and names neither model nor field."""
    from kaiwu_runtime.regexp import PatternError, go_source, parse  # noqa: PLC0415 - few models have patterns

    try:
        parse(go_source(pattern))
    except PatternError as error:
        if isinstance(pattern, re.Pattern):
            return
        engine = model.model_config.get("regex_engine", "rust-regex")
        try:
            SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine=engine))
        except SchemaError:
            raise DefinitionError(f"{model.__qualname__}.{name}: pattern {pattern!r}: {error}") from None


def _patterns(annotation: object) -> Iterator[str | re.Pattern[str]]:
    """Yield the patterns in the metadata of a field or an annotation, those of its items included."""
    metadata = annotation.metadata if isinstance(annotation, FieldInfo) else getattr(annotation, "__metadata__", ())
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _patterns(item)
        elif isinstance(getattr(item, "pattern", None), str | re.Pattern) and not isinstance(item, re.Pattern):
            yield item.pattern
    inner = annotation.annotation if isinstance(annotation, FieldInfo) else getattr(annotation, "__value__", None)
    for argument in (inner, *getattr(annotation, "__args__", ())):
        if argument is not None:
            yield from _patterns(argument)


def _replace(node: Any, handler: GetCoreSchemaHandler, seen: set[str]) -> None:  # noqa: ANN401 - a core schema
    if isinstance(node, list | tuple):
        for part in node:
            _replace(part, handler, seen)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "definition-ref" and node["schema_ref"] not in seen:
        seen.add(node["schema_ref"])
        definition = handler.resolve_ref_schema(node)
        if definition["type"] not in {"model", "definition-ref"}:
            _replace(definition, handler, seen)
        return
    if node.get("type") == "str" and "pattern" in node:
        _translate(node)
    for key, part in node.items():
        # A nested model has replaced its own; metadata and defaults are not schemas.
        if key not in {"metadata", "default"} and not (isinstance(part, dict) and part.get("type") == "model"):
            _replace(part, handler, seen)


def _translate(node: dict[str, Any]) -> None:
    from kaiwu_runtime.regexp import PatternError, go_source, parse  # noqa: PLC0415 - few models have patterns
    from kaiwu_runtime.regexp._matching import validator_of  # noqa: PLC0415

    if _DONE in node.get("metadata", {}):
        return
    try:
        source = go_source(node["pattern"])
        rust = parse(source).rust
    except PatternError:
        return
    node["metadata"] = {**node.get("metadata", {}), _DONE: source}
    if validator_of(rust) is None:
        # Larger than Rust's limit: this pattern is left to the API server.
        del node["pattern"]
        return
    node["pattern"] = rust
    written_patterns[rust] = source
    node["regex_engine"] = "rust-regex"
