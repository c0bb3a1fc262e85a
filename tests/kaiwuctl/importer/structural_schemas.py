"""Random structural schemas, as other tools and people write them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PROSE = st.text(st.sampled_from("ab Z.,'\"\\\n\t`{}%\u2013ß中\x0b\u2028"), max_size=40) | st.text(
    st.sampled_from("word \n"), min_size=100, max_size=300
)
KEYS = (
    st.from_regex(r"[a-z][a-zA-Z0-9]{0,8}", fullmatch=True)
    | st.sampled_from(
        ["from", "class", "int", "str", "list", "dict", "copy", "json", "schema", "key", "fooBar", "foo_bar", "foo-bar",
         "FooBar", "fOOBar", "podIP", "$ref", "1st", "_x", "__y", "a.b/c", "größe", "名", "l", "I", "model_config",
         "Any", "Annotated", "type", "None", "self", "ﬁ", "²", "foo_", "foo__bar", "api_version", "metadata"]
    )
    | TEXT.filter(bool)
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
PATTERNS = st.sampled_from(["^[a-z]+$", r"^\d{1,3}\.\d+$", 'a"b', r"\\", "'", "^x$|\"'", r"[\s\S]*"])
FORMATS = st.sampled_from(
    ["date-time", "date", "duration", "byte", "ipv4", "uuid", "uri", "int32", "int64", "float", "double", "own"]
)  # fmt: skip


def _bounds(draw: Any, low: str, high: str, values: st.SearchStrategy[Any]) -> dict[str, Any]:
    found = sorted(draw(st.lists(values, max_size=2)))
    words = {0: (), 1: draw(st.sampled_from([(low,), (high,)])), 2: (low, high)}[len(found)]
    return dict(zip(words, found, strict=True))


@st.composite
def _string(draw: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", **_bounds(draw, "minLength", "maxLength", st.integers(0, 99))}
    for word, values in (("pattern", PATTERNS), ("format", FORMATS), ("enum", st.lists(TEXT, min_size=1, max_size=3))):
        if draw(st.integers(0, 3)) == 0:
            schema[word] = draw(values)
    if draw(st.integers(0, 3)) == 0:
        schema["default"] = draw(st.sampled_from(schema["enum"]) if "enum" in schema else TEXT)
    return schema


@st.composite
def _number(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["integer", "number"]))
    whole = st.integers(-(2**40), 2**40) | st.sampled_from([0, 1, -(2**31), 2**31 - 1, 2**53, 2**63 - 1, -(2**63)])
    values = whole if kind == "integer" else whole | st.floats(-1e9, 1e9)
    schema: dict[str, Any] = {"type": kind, **_bounds(draw, "minimum", "maximum", values)}
    for word in ("exclusiveMinimum", "exclusiveMaximum"):
        if draw(st.booleans()):
            schema[word] = draw(st.booleans())
    for word, some in (("format", FORMATS), ("multipleOf", st.sampled_from([1, 5, 0.5])), ("default", whole)):
        if draw(st.integers(0, 3)) == 0:
            schema[word] = draw(some)
    if draw(st.integers(0, 5)) == 0:
        schema["enum"] = draw(st.lists(whole, min_size=1, max_size=3))
    return schema


@st.composite
def _open(draw: Any) -> dict[str, Any]:
    shape: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"type": "boolean"},
                {"type": "boolean", "default": True},
                {"type": "object"},
                {"x-kubernetes-preserve-unknown-fields": True},
                {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "x-kubernetes-embedded-resource": True,
                },
                {"type": "object", "additionalProperties": True},
                {"x-kubernetes-int-or-string": True},
                {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                {"x-kubernetes-int-or-string": True, "pattern": "^a$", "maxLength": 9, "default": "a"},
                {"x-kubernetes-int-or-string": True, "enum": [1, "a"]},
            ]
        )
    )
    return dict(shape)


def _parts(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def _array(draw: Any) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": draw(inner)}
        schema |= _bounds(draw, "minItems", "maxItems", st.integers(0, 9))
        if draw(st.integers(0, 2)) == 0:
            schema["x-kubernetes-list-type"] = draw(st.sampled_from(["atomic", "set"]))
        if draw(st.integers(0, 5)) == 0:
            schema["default"] = []
        return schema

    @st.composite
    def _mapping(draw: Any) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object", "additionalProperties": draw(inner)}
        schema |= _bounds(draw, "minProperties", "maxProperties", st.integers(0, 9))
        if draw(st.integers(0, 2)) == 0:
            schema["x-kubernetes-map-type"] = draw(st.sampled_from(["atomic", "granular"]))
        if draw(st.integers(0, 5)) == 0:
            schema["default"] = {}
        return schema

    @st.composite
    def _object(draw: Any) -> dict[str, Any]:
        properties = draw(st.dictionaries(KEYS, inner, min_size=1, max_size=4))
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        schema["required"] = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
        schema |= _bounds(draw, "minProperties", "maxProperties", st.integers(0, 9))
        for word in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
            if draw(st.integers(0, 5)) == 0:
                schema[word] = True
        if draw(st.integers(0, 5)) == 0:
            schema["default"] = draw(st.sampled_from([{}, {"a": 1}]))
        if draw(st.integers(0, 3)) == 0:
            schema["oneOf"] = [{"required": [name]} for name in properties]
        if draw(st.integers(0, 3)) == 0:
            schema["not"] = {"properties": {next(iter(properties)): {"pattern": "x"}}}
        return schema

    return _documented(_array()) | _documented(_mapping()) | _documented(_object())


@st.composite
def _documented(draw: Any, schemas: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    schema = dict(draw(schemas))
    some = (
        ("description", PROSE),
        ("title", TEXT.filter(bool)),
        ("nullable", st.booleans()),
        ("example", JSON.filter(lambda value: value is not None)),
        ("externalDocs", st.sampled_from([{"url": "https://example.com"}, {"url": "u", "description": "d"}])),
        ("allOf", st.just([{"not": {"enum": ["x"]}}])),
    )
    for word, values in some:
        if draw(st.integers(0, 4)) == 0:
            schema[word] = draw(values)
    if "type" in schema and draw(st.integers(0, 4)) == 0:
        rule = {"rule": draw(st.sampled_from(["self == self", "has(self.x) || \"'\" == 'a'", "true\n&& true"]))}
        rule |= draw(
            st.sampled_from(
                [{}, {"message": "must be \\ so"}, {"messageExpression": "'a'", "reason": "FieldValueInvalid"}]
            )
        )
        schema["x-kubernetes-validations"] = [rule]
    return schema


LEAVES = _documented(_string()) | _documented(_number()) | _documented(_open())
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(LEAVES, _parts, max_leaves=8)
"""Schemas of one value."""
