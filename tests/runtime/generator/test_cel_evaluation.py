# ruff: noqa: E501 - rows of a table read better on one line
"""What a rule says of a default: it is false, it cannot be evaluated, or it is not known to be violated."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kaiwu_runtime.generator._cel_evaluation import broken
from kaiwu_runtime.generator._schema import Schema

STRING, INTEGER, EITHER = (
    Schema({"type": "string"}),
    Schema({"type": "integer"}),
    Schema({"x-kubernetes-int-or-string": True}),
)
FLOAT, BOOLEAN = Schema({"type": "number"}), Schema({"type": "boolean"})
SPAN, INSTANT = Schema({"type": "string", "format": "duration"}), Schema({"type": "string", "format": "date-time"})
NUMBERS = Schema({"type": "array", "items": INTEGER})
SET = Schema({"type": "array", "items": INTEGER, "x-kubernetes-list-type": "set"})
MAP = Schema({"type": "object", "additionalProperties": INTEGER})
OBJECT = Schema(
    {
        "type": "object",
        "properties": {
            "a": INTEGER,
            "x-y": INTEGER,
            "in": STRING,
            "open": Schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
            "any": Schema({"x-kubernetes-preserve-unknown-fields": True}),
        },
    }
)

FALSE: list[tuple[str, Any, Schema]] = [
    ("self > 2 && self < 8", 9, INTEGER), ("self % 2 == 1", -2, INTEGER), ("self / 2 == 3", -7, INTEGER), ("!(self == 1)", 1, INTEGER),
    ("self in [1, 2]", 3, INTEGER), ("self >= 0x10", 2, INTEGER), ("self > 1.5", 1, INTEGER), ("- -self == 1", 2, INTEGER), ("--self == 1", 2, INTEGER),
    ("string(self) == '5'", 6, INTEGER), ("self > 2 // a comment", 2, INTEGER), ("self > oldSelf", 2, INTEGER), ("self == -1", 1, INTEGER),
    ("self.startsWith('é')", "e", STRING), ("self.matches('^[a-z]+$')", "A", STRING), ("size(self) > 1", "😀", STRING), ("self < 'b'", "c", STRING),
    (r"self == '\u00e9\x41\101\n'", "é", STRING), (r"self == r'\n'", "\n", STRING), ("int(self) > 2", "2", STRING), ("self.lowerAscii() == self", "A", STRING),
    ("self", False, BOOLEAN), ("self ? false : true", True, BOOLEAN), ("self == 2.0", 2.5, FLOAT), ("self < 1e18", 1e19, FLOAT),
    ("type(self) == int ? self > 2 : self == 'abc'", "x", EITHER), ("type(self) == int ? self > 2 : self == 'abc'", 1, EITHER), ("self == 1", "1", EITHER),
    ("quantity(string(self)).compareTo(quantity('1Gi')) >= 0", "1023Mi", EITHER), ("quantity(self).isLessThan(quantity('1k'))", "1Ki", STRING),
    ("self >= duration('1s')", "999ms", SPAN), ("duration(self) > duration('1s')", "1s", SPAN), ("self >= timestamp('2024-01-01T00:00:00Z')", "2024-01-01T04:00:00+05:00", INSTANT),
    ("self.all(x, x > 1)", [2, 1], NUMBERS), ("self.exists(x, x > 2)", [2, 1], NUMBERS), ("self.exists_one(x, x > 1)", [2, 3], NUMBERS), ("self.isSorted()", [2, 1], NUMBERS),
    ("self.filter(x, x > 1).size() == 2", [2, 1], NUMBERS), ("self.map(x, x * 2) == [4, 3]", [2, 1], NUMBERS), ("self[0] == 1", [2], NUMBERS), ("self.all(i, self.exists_one(j, i == j))", [1, 1], NUMBERS),
    ("self.map(k, k) == ['a']", {"b": 1}, MAP), ("self.map(k, self[k]).size() > 2", {"a": 1, "b": 2}, MAP), ("3 in self.map(k, self[k])", {"a": 1, "b": 2}, MAP),
    ("self.all(k, k.startsWith('a'))", {"b": 1}, MAP), ("'a' in self", {"b": 1}, MAP), ("has(self.a)", {"b": 1}, MAP), ("self['b'] > 1", {"b": 1}, MAP),
    ("self.a > 1 && !has(self.x__dash__y)", {"a": 1}, OBJECT), ("has(self.x__dash__y)", {"a": 1}, OBJECT), ("has(self.a)", {"a": None}, OBJECT), ("self.__in__ == 'x'", {"in": "y"}, OBJECT),
    ("self.a > 1", {"a": 1, "open": {"z": 1}, "any": 1}, OBJECT),
]  # fmt: skip
ERRORS: list[tuple[str, Any, Schema, str]] = [
    ("self.a > 1", {}, OBJECT, "'a' is not set"),
    ("self['a'] > 1", {}, MAP, "'a' is not set"),
    ("self[1] > 1", [1], NUMBERS, "index 1 is out of range"),
    ("10 / self > 1", 0, INTEGER, "it divides by zero"),
    ("self + 1 > 1", 2**63 - 1, INTEGER, "an integer overflows 64 bits"),
    ("int(self) > 1", "x", STRING, "'x' is not an integer"),
    ("self % -1 == 0", -(2**63), INTEGER, "an integer overflows 64 bits"),
    ("int(self) > 1", "9" * 5000, STRING, "an integer overflows 64 bits"),
    ("self > 1", "x", EITHER, "string and int cannot be compared"),
    ("duration(self) > duration('1s')", "x", STRING, "'x' is not a valid duration"),
]
NOT_VIOLATED: list[tuple[str, Any, Schema]] = [
    ("self.a > 1 || oldSelf == self", {}, OBJECT), ("oldSelf == self || self.a > 1", {}, OBJECT), ("self.all(x, 1 / x > 0) || true", [0], NUMBERS),
    ("self.exists(x, 1 / x > 0)", [0, 1], NUMBERS), ("self == 1", 1, INTEGER), ("self == self", [1, 2], NUMBERS), ("'1' in self", {"1": 1}, MAP),
    # What is not known is not reported.
    ("self == [2, 1]", [1, 2], SET), ("isURL(self)", "x", STRING), ("self.?a.hasValue()", {}, OBJECT), ("self.any == 1", {"any": 2}, OBJECT),
    ("self == b'a'", "b", STRING), ("self > 5u", 1, INTEGER), ("string(self) == '1'", 2.5, FLOAT), ("self", 1, INTEGER), ("(self", 1, INTEGER),
    ("optional.of(self).hasValue() == false", 1, INTEGER), ("self.matches('(')", "a", STRING), ("timestamp(self) > timestamp('x')", "y", STRING), ("size(self) == 9", {"a": 1}, OBJECT), ("self < duration('1s')", "300000000h", SPAN),
    ("self < " + "9" * 5000, 1, INTEGER), ("quantity(self).isLessThan(quantity('1'))", "9" * 10**6, STRING), ("int(self) == 5", "0" * 5000 + "5", STRING),
    # The API server reads a mapping in a random order.
    ("self.map(k, k) == ['a', 'b']", {"b": 1, "a": 1}, MAP), ("self.map(k, self[k]).isSorted()", {"a": 2, "b": 1}, MAP), ("self.filter(k, true)[0] == 'a'", {"b": 1, "a": 1}, MAP),
    ("self.map(k, self[k]).filter(x, x > 0).map(x, x * 2)[0] == 4", {"a": 1, "b": 2}, MAP), ("self.map(k, k, self[k])[1] == 1", {"a": 1, "b": 2}, MAP),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value", "schema"), FALSE, ids=lambda part: str(part)[:40])
def test_a_rule_that_is_false(rule: str, value: Any, schema: Schema) -> None:
    assert broken(rule, value, schema) == ""


@pytest.mark.parametrize(("rule", "value", "schema", "reason"), ERRORS, ids=lambda part: str(part)[:40])
def test_a_rule_that_cannot_be_evaluated(rule: str, value: Any, schema: Schema, reason: str) -> None:
    assert (broken(rule, value, schema) or "").startswith(reason)


@pytest.mark.parametrize(("rule", "value", "schema"), NOT_VIOLATED, ids=lambda part: str(part)[:40])
def test_a_rule_that_holds_or_is_not_known(rule: str, value: Any, schema: Schema) -> None:
    assert broken(rule, value, schema) is None


def test_an_optional_old_value_is_not_known() -> None:
    assert broken("oldSelf.hasValue() && self > 2", 1, INTEGER, optional_old=True) == ""
    assert broken("oldSelf.hasValue() || self > 2", 1, INTEGER, optional_old=True) is None


@pytest.mark.parametrize(
    "rule",
    ["self.all(a, self.all(b, self.all(c, a + b + c > 0)))", " || ".join(["self == [0]"] * 5000), "!" * 9000 + "true"],
)
def test_a_costly_rule_is_left_to_the_api_server(rule: str) -> None:
    start = time.perf_counter()
    assert broken(rule, list(range(1, 2000)), NUMBERS) is None
    assert time.perf_counter() - start < 5
