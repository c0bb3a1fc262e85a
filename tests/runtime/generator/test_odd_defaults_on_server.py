# ruff: noqa: E501 - rows of a table read better on one line
"""Rules beside defaults that the API server reads in its own way: the generator rejects no type that it takes."""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import create_model

from kaiwu_runtime import api
from kaiwu_runtime.api import CEL, CustomResource, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._json_validation import violations
from kaiwu_runtime.generator._rule_checks import broken_rule
from kaiwu_runtime.generator._schema import Schema

if TYPE_CHECKING:
    from .conftest import Server

TEXT, INTEGER, EITHER = (
    Schema({"type": "string"}),
    Schema({"type": "integer"}),
    Schema({"x-kubernetes-int-or-string": True}),
)
NULLABLE = Schema({"type": "integer", "nullable": True})
ANYTHING = Schema({"x-kubernetes-preserve-unknown-fields": True})
OPEN = Schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})


def _format(name: str) -> Schema:
    return Schema({"type": "string", "format": name})


def _object(**fields: Schema) -> Schema:
    return Schema({"type": "object", "properties": fields})


def _list(items: Schema) -> Schema:
    return Schema({"type": "array", "items": items, "maxItems": 3})


def _ruled(rule: str, schema: Schema) -> Schema:
    return Schema({**schema, "x-kubernetes-validations": [{"rule": rule}]})


OPEN_PART = Schema({**OPEN, "properties": {"a": INTEGER}})
VALUES = Schema({"type": "object", "additionalProperties": NULLABLE, "maxProperties": 3})
PAIRS: list[tuple[Schema, Any, Any]] = [
    (OPEN_PART, {"a": 1, "b": 1}, {"a": 1, "b": 2}), (OPEN_PART, {"a": 1, "b": 1}, {"a": 1}), (OPEN_PART, {"a": 1}, {"a": 1}), (OPEN_PART, {"a": 1}, {"a": 2}),
    (OPEN, {"a": 1}, {"a": 2}), (OPEN, {"a": 1}, {}), (OPEN, {}, {}), (_object(a=OPEN), {"a": {"b": 1}}, {"a": {"b": 2}}), (_object(a=ANYTHING), {"a": 1}, {"a": 2}),
    *((_object(**{name: INTEGER}), {name: 1}, other) for name in ("a", "1a", "é", "a b", "in", "a-b", "a__b", "__in__", "x__dash__y") for other in ({name: 1}, {name: 2}, {})),
    (_object(a=NULLABLE), {"a": None}, {}), (_object(a=NULLABLE), {"a": None}, {"a": None}), (_object(a=NULLABLE), {"a": None}, {"a": 1}), (VALUES, {"a": None}, {"b": None}), (VALUES, {"a": None}, {"a": None}),
    (NULLABLE, None, None), (NULLABLE, None, 1), (EITHER, 1, "1"), (_format("date-time"), "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"), (_format("duration"), "1h", "60m"),
]  # fmt: skip
SPANS = [
    *(
        "-2562047h47m16.854775808s",
        "2562047h47m16.854775807s",
        "2562047h47m16.854775808s",
        "0.5ns0.5ns",
        "1.9ns",
        "-1.9ns",
    ),
    *(
        "0.99999999999999999999h",
        "1.00000000000000000h",
        "0.29000000000000001h",
        "9223372036854775807ns",
        "0.1234567890123456789012m",
    ),
    *(
        "0.9223372036854775808s",
        f"0.{'9' * 5000}h",
        f"0.{'0' * 5000}1h",
        "0.9223372036854775809s",
        "3000000h",
        "1.s",
        "0",
        "-0",
        "",
    ),
]
NUMBERS = [
    "0000000000000000000000005",
    "+5",
    "-00000000000000000000000000",
    "9223372036854775808",
    "-9223372036854775808",
    "5 ",
    "1_000",
    "",
]
AMOUNTS = [
    "Ki",
    "m",
    "1Ki",
    "1ki",
    "",
    "1_0",
    "1 ",
    "\u0661",
    "-",
    "+1",
    "1.00000000000000000000000000000001",
    "9" * 40,
    "1e999",
]
ROWS: list[tuple[Any, Schema]] = [
    *(([left, right], _ruled(rule, _list(schema))) for schema, left, right in PAIRS for rule in ("self[0] == self[1]", "self[0] != self[1]", "!(self[0] in [self[1]])")),
    # A rule is not evaluated on null.
    (None, _ruled("self > 5", NULLABLE)), ([None, 6], _list(_ruled("self > 5", NULLABLE))), ([None, 5], _list(_ruled("self > 5", NULLABLE))),
    ({"a": None}, _object(a=_ruled("self > 5", NULLABLE))), ({"a": None}, _ruled("has(self.a)", _object(a=NULLABLE))), ([None], _ruled("self.all(x, x > 1)", _list(NULLABLE))),
    # A text of format datetime is a string, one of format date-time is not.
    *(("2024-01-01T00:00:00Z", _ruled(rule, _format("datetime"))) for rule in ("self == '2024-01-01T00:00:00Z'", "self < '3'", "self < '1'")),
    *((text, _ruled(rule, TEXT)) for text in NUMBERS for rule in ("int(self) == 5", "int(self) != 5")),
    *((text, _ruled(f"quantity(self).{name}(quantity('1'))", TEXT)) for text in AMOUNTS for name in ("isLessThan", "isGreaterThan")),
    *((text, _ruled(f"duration(self) {sign} duration('{other}')", TEXT)) for text, other, sign in itertools.product(SPANS, ("0s", "1h", "17m24s", "922337203ns", "1ns"), ("==", ">="))),
    *((items, _ruled("self.isSorted()", _list(EITHER))) for items in ([1, "a"], [2, 1], ["a", "b"])),
    # Nothing is in an empty list, not even what cannot be evaluated.
    *(({}, _ruled(rule, _object(a=INTEGER))) for rule in ("!(self.a in [])", "self.a in []", "!(self.a in [1])", "[self.a] == []")),
    (-(2**63), _ruled("self % -1 == 0", INTEGER)), (-(2**63), _ruled("self / -1 < 0", INTEGER)),
]  # fmt: skip


@pytest.mark.envtest
def test_a_type_that_the_api_server_takes_is_not_rejected(server: Server) -> None:
    kind = resource(group="odd.example.com", version="v1")(create_model("Odd", __base__=CustomResource))
    wrong, late, evaluated = [], [], 0
    for start in range(0, len(ROWS), 30):
        rows = ROWS[start : start + 30]
        manifest: Any = build_crds([kind])[0].manifest
        properties = {f"t{number}": {**schema, "default": value} for number, (value, schema) in enumerate(rows)}
        manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
            "type": "object",
            "properties": properties,
        }
        message = server.refusal(manifest)
        refused = {int(number) for number in re.findall(r"properties\[t(\d+)\]", message)}
        for number, (value, schema) in enumerate(rows):
            found = next(iter(violations(value, schema)), "") or broken_rule(value, schema)
            if found and number not in refused:
                wrong.append((value, schema, found))
            if number in refused:
                late += [] if found else [(value, schema)]
                evaluated += bool(found)
    assert wrong == []
    assert evaluated > 2 * len(late), late


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (list(range(30_000)), Schema({"type": "array", "items": INTEGER, "x-kubernetes-list-type": "set"})),
        (
            [{"a": number} for number in range(30_000)],
            Schema({"type": "array", "items": _object(a=INTEGER), "x-kubernetes-list-map-keys": ["a"]}),
        ),
        ([{"a": number} for number in range(3000)], _ruled("self.all(x, x in self)", _list(_object(a=INTEGER)))),
        (list(range(3000)), _ruled("self.all(x, self == self)", _list(INTEGER))),
        (list(range(3000)), _ruled("self.all(x, self.isSorted())", _list(INTEGER))),
        (list(range(3000)), _ruled("self.all(x, self.exists(y, true))", _list(INTEGER))),
    ],
    ids=["set", "map", "in", "equal", "sorted", "exists"],
)
def test_a_long_default_takes_no_time(value: Any, schema: Schema) -> None:
    start = time.perf_counter()
    list(violations(value, Schema({**schema, "maxItems": len(value)})))
    assert broken_rule(value, schema) == ""
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "rule", [CEL("self != '\ud800'"), CEL("true", message="\ud800"), CEL("true", message_expression="'\ud800'")]
)
def test_a_rule_that_cannot_be_written_is_rejected(rule: CEL) -> None:
    kind = api.schema(rule)(
        resource(group="odd.example.com", version="v1")(create_model("Odd", __base__=CustomResource))
    )
    with pytest.raises(DefinitionError, match=r"^Odd: .* of a rule has half of a surrogate pair$"):
        build_crds([kind])
