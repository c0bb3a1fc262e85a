"""An object of an imported kind, with the fields that its schema requires."""

from __future__ import annotations

from typing import Any, Final

from kaiwuctl.importer.vocabulary import INT_OR_STRING

# What a pattern most often asks for.
_TEXTS: Final = (
    "example",
    "a",
    "1",
    "10Gi",
    "30s",
    "10.0.0.1",
    "10.0.0.0/24",
    "example.com",
    "example.com/name",
    "https://example.com",
    "example.com/v1",
    "Example",
    "EXAMPLE",
    "1.0.0",
    "v1",
    "arn:aws:iam::123456789012:role/example",
    "/",
    "-",
)
_OF_FORMAT: Final = {
    "date-time": "2024-01-01T00:00:00Z",
    "date": "2024-01-01",
    "duration": "1h",
    "byte": "AA==",
    "ipv4": "10.0.0.1",
    "ipv6": "::1",
    "uuid": "11111111-2222-3333-4444-555555555555",
    "uri": "https://example.com",
    "email": "someone@example.com",
    "hostname": "example.com",
    "cidr": "10.0.0.0/24",
}


def sample_fields(root: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an object, apiVersion, kind, metadata and status left out.

    What rules in CEL, and choices such as ``oneOf``, ask for is not known here.

    Args:
        root: The schema of the whole kind.
    """
    required = set(root.get("required") or ())
    fields: dict[str, Any] = {}
    for name, schema in (root.get("properties") or {}).items():
        if name in {"apiVersion", "kind", "metadata", "status"}:
            continue
        if name in required or name == "spec":
            fields[name] = _value(schema)
    return fields


def _value(schema: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if schema.get("default") is not None:
        return schema["default"]
    enum = schema.get("enum") or next((part["enum"] for part in schema.get("allOf") or () if "enum" in part), None)
    if enum:
        return enum[0]
    if schema.get(INT_OR_STRING):
        return 1 if not schema.get("pattern") or _fits(schema["pattern"], "1") else _text(schema)
    kind = schema.get("type")
    if kind == "array":
        item = schema.get("items") or {}
        return [_value(item) for _ in range(min(schema.get("minItems") or 0, 10))]
    if kind in {"integer", "number"}:
        return _number(schema)
    if kind == "string":
        return _text(schema)
    if kind == "boolean":
        return False
    properties = schema.get("properties") or {}
    return {name: _value(properties[name]) for name in schema.get("required") or () if name in properties}


def _number(schema: dict[str, Any]) -> float:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    value: float = 1
    if low is not None:
        value = low + 1 if schema.get("exclusiveMinimum") else max(low, min(1, high) if high is not None else 1)
    if high is not None and value > high:
        value = high - 1 if schema.get("exclusiveMaximum") else high
    return -(-value // step) * step if step else value


def _text(schema: dict[str, Any]) -> str:
    low, high = schema.get("minLength") or 0, schema.get("maxLength")
    known = _OF_FORMAT.get(str(schema.get("format")))
    candidates = [known, *_TEXTS] if known else list(_TEXTS)
    pattern = schema.get("pattern")
    for text in candidates:
        whole = text if len(text) >= low else f"{text}{'a' * (low - len(text))}"
        fits = whole and (high is None or len(whole) <= high)
        if fits and (not isinstance(pattern, str) or _fits(pattern, whole)):
            return whole
    return ("a" * max(low, 1))[:high] if high is not None else "a" * max(low, 1)


def _fits(pattern: str, text: str) -> bool:
    from kaiwu_runtime.regexp import PatternError, matches  # noqa: PLC0415 - few fields have a pattern

    try:
        return matches(pattern, text) is True
    except PatternError:
        return False
