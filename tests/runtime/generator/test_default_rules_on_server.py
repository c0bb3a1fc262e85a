"""Random rules beside random defaults: what the generator says of a default is what the API server says.

`KAIWU_RANDOM_RULES=2000 pytest ...` tries more.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model

from kaiwu_runtime.api import (
    CEL,
    APIModel,
    CustomResource,
    Default,
    Duration,
    Float,
    IntOrString,
    ListMapKeys,
    ListType,
    Quantity,
    Time,
    resource,
)
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

pytestmark = pytest.mark.envtest

EXAMPLES = int(os.environ.get("KAIWU_RANDOM_RULES", "200"))
INTEGERS = st.integers(-3, 5) | st.sampled_from([2**53 + 1, 2**63 - 1, -(2**63)])
TEXTS = st.sampled_from(["", "a", "ab", "B", "é", "日本", "😀", "10", "-1", "1h", "2Gi", "\n", "'"])
MOMENTS = st.sampled_from(["2024-01-01T00:00:00Z", "2023-12-31T23:30:00-01:00", "0001-01-01T00:00:00Z"])
FLOATS = st.sampled_from([0, 1, 1.5, -0.5, 1e18, 1e19, 2**53 + 1])


class Part(APIModel):
    name: Annotated[str, Field(max_length=5)]
    size: int | None = None


class Whole(APIModel):
    count: int | None = None
    text: Annotated[str | None, Field(max_length=9)] = None
    ratio: Float | None = None
    either: Annotated[IntOrString | None, Field(max_length=9)] = None
    amount: Annotated[Quantity | None, Field(max_length=9)] = None
    span: Duration | None = None
    since: Time | None = None
    flag: bool | None = None
    numbers: Annotated[list[int] | None, Field(max_length=3)] = None
    tags: Annotated[list[str] | None, ListType("set"), Field(max_length=3)] = None
    parts: Annotated[list[Part] | None, ListMapKeys("name"), Field(max_length=3)] = None
    labels: Annotated[dict[str, str] | None, Field(max_length=3)] = None
    in_: int | None = None
    part: Part | None = None


PARTS = st.fixed_dictionaries({"name": st.sampled_from(["a", "b"])}, optional={"size": INTEGERS})
FULL = st.fixed_dictionaries(
    {
        "count": INTEGERS,
        "text": TEXTS,
        "ratio": FLOATS,
        "either": INTEGERS | TEXTS,
        "amount": st.sampled_from(["1", "500m", "2Gi", "-1k", 3]),
        "span": st.sampled_from(["1s", "-1h", "999ms", "1h0.5s", "1µs"]),
        "since": MOMENTS,
        "flag": st.booleans(),
        "numbers": st.lists(INTEGERS, max_size=3),
        "tags": st.lists(st.sampled_from(["a", "é", "z"]), max_size=3, unique=True),
        "parts": st.lists(PARTS, max_size=2, unique_by=lambda part: part["name"]),
        "labels": st.dictionaries(st.sampled_from(["a", "é", "x.y"]), TEXTS, max_size=2),
        "in": INTEGERS,
        "part": PARTS,
    }
)
DEFAULTS = st.tuples(FULL, st.sets(st.sampled_from(["count", "text", "numbers", "labels", "part"]), max_size=2)).map(
    lambda chosen: {name: value for name, value in chosen[0].items() if name not in chosen[1]}
)

integers = st.recursive(
    st.sampled_from(["self.count", "self.__in__", "self.part.size", "size(self.text)", "self.numbers.size()"])
    | st.sampled_from(["self.numbers[0]", "self.labels.size()", "self.text.indexOf('b')", "int(self.text)", "int(2.7)"])
    | st.sampled_from(
        ["quantity(string(self.amount)).compareTo(quantity('1'))", "self.parts[0].size", "0x2", "2", "-3"]
    )
    | INTEGERS.map(str),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner).map(" ".join)
        | inner.map(lambda text: f"-({text})")
        | st.tuples(inner, inner).map(lambda two: f"(has(self.count) ? {two[0]} : {two[1]})")
    ),
    max_leaves=3,
)
strings = st.sampled_from(
    [
        *("self.text", "self.part.name", "self.labels['a']", "self.labels.a", "string(self.count)", "self.tags[0]"),
        *("'é'", r"'\u00e9'", "'a' + self.text", "r'\\n'", "self.text.upperAscii()", "self.text.lowerAscii()"),
        "string(self.flag)",
    ]
)
lists = st.sampled_from(
    ["self.numbers", "[1, 2]", "self.numbers.map(n, n * 2)", "self.numbers.filter(n, n > 0)", "self.numbers + [1]"]
)
comparisons = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
equalities = st.sampled_from(["==", "!="])
FLAGS = [
    "self.flag", "has(self.count)", "has(self.text)", "has(self.part.size)", "has(self.labels.a)", "'a' in self.labels",
    "'a' in self.tags", "self.ratio > 1", "self.ratio <= 1.5", "self.ratio == 1.0", "self.count in self.numbers",
    "self.either == 'a'", "self.either == 1", "self.either > 1", "type(self.either) == int",
    "type(self.amount) == string",
    "self.span > duration('1s')", "duration(self.span) == self.span", "self.since >= timestamp('2024-01-01T00:00:00Z')",
    "self.parts.all(p, p.size > 1)", "self.parts.exists(p, p.name == 'a')", "self.parts.exists_one(p, has(p.size))",
    "self.labels.all(k, self.labels[k] != '')", "self.numbers.isSorted()", "self.text.startsWith('a')",
    "self.text.matches('^[a-z]+$')", "self.text.contains('é')", "self.text.endsWith('')", "self == oldSelf",
    "self.count == oldSelf.count", "self.numbers.exists(n, 6 / n > 1)", "self.numbers.all(n, 6 / n > 1)",
    "quantity(string(self.amount)).isGreaterThan(quantity('1'))", "self.part == self.part", "self.tags == ['a', 'z']",
]  # fmt: skip
rules = st.recursive(
    st.sampled_from(FLAGS)
    | st.tuples(integers, comparisons, integers).map(" ".join)
    | st.tuples(strings, comparisons, strings).map(" ".join)
    | st.tuples(lists, equalities, lists).map(" ".join),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["||", "&&"]), inner).map(" ".join)
        | inner.map(lambda text: f"!({text})")
        | st.tuples(inner, inner, inner).map(lambda three: f"(({three[0]}) ? ({three[1]}) : ({three[2]}))")
    ),
    max_leaves=4,
)
UNKNOWN = ("self.tags == ['a', 'z']", "self == oldSelf")
"""Comparisons of lists that are sets, directly or inside an object, are left to the API server."""

counts: Counter[str] = Counter()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rules, DEFAULTS)
def check_one(server: Any, rule: str, default: dict[str, Any]) -> None:
    annotation = Annotated[Whole | None, Default(default), CEL(rule)]
    spec: Any = create_model("Spec", __base__=APIModel, value=(annotation, None))
    kind = resource(group="defaults.example.com", version="v1")(
        create_model("Ruled", __base__=CustomResource, spec=(spec, ...))
    )
    try:
        build_crds([kind])
        ours = ""
    except DefinitionError as error:
        ours = str(error)
    [crd] = build_crds([kind], check=False)
    crd.manifest["spec"]["versions"][0]["storage"] = True
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All"
    code, answer = server.send("POST", path, crd.manifest)
    theirs = "" if code == 201 else str(answer["message"])
    assert not ours or theirs, f"{rule!r} beside {default}: the API server takes it, we say {ours}"
    evaluated = "failed rule" in theirs or "evaluating rule" in theirs
    counts["violated" if evaluated else "not compiled" if theirs else "accepted"] += 1
    if evaluated and not any(text in rule for text in UNKNOWN):
        assert ours, f"{rule!r} beside {default}: {theirs[-300:]}"


def test_a_default_is_rejected_if_the_api_server_rejects_it(server: Any) -> None:
    counts.clear()
    check_one(server)
    print("\nrandom rules:", dict(counts))
    assert min(counts["violated"], counts["accepted"]) > 30, counts
