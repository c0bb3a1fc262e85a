# ruff: noqa: E501, RUF012 - tables read better in long lines; pydantic copies mutable defaults
"""What the generator says about CEL rules is what the API server says, on random rules, names and nestings."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model

from kaiwu_runtime.api import (
    CEL,
    APIModel,
    AtLeastOneOf,
    AtMostOneOf,
    CustomResource,
    Default,
    EmbeddedResource,
    ExactlyOneOf,
    Immutable,
    IntOrString,
    ListMapKeys,
    PreserveUnknownFields,
    resource,
    schema,
)
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.envtest

GROUP = "rules.example.com"
MARKERS: dict[Any, Callable[[int], bool]] = {
    AtMostOneOf: lambda n: n <= 1,
    ExactlyOneOf: lambda n: n == 1,
    AtLeastOneOf: lambda n: n >= 1,
}
server_settings = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def kind_of(annotation: Any, name: str = "Ruled") -> type[CustomResource]:
    spec = create_model("Spec", __base__=APIModel, value=(annotation, ...))
    model = create_model(name, __base__=CustomResource, spec=(spec, ...))
    return resource(group=GROUP, version="v1")(model)


def refusals(kind: type[CustomResource], server: Any) -> tuple[str, str]:
    """Return the generator's refusal and the API server's, empty where they accept.

    Without its checks the generator still cannot write a rule about a field that CEL cannot name.
    """
    try:
        build_crds([kind])
        ours = ""
    except DefinitionError as error:
        ours = str(error)
    if "that CEL can write" in ours or "needs a type" in ours:
        return ours, ""
    [crd] = build_crds([kind], check=False)
    crd.manifest["spec"]["versions"][0]["storage"] = True
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All"
    code, answer = server.send("POST", path, crd.manifest)
    return ours, "" if code == 201 else str(answer["message"])


def choices(marker: Any, count: int, required: int = 0) -> type[APIModel]:
    names = [f"f{number}" for number in range(count)]
    fields: dict[str, Any] = dict.fromkeys(names, (str | None, None))
    fields |= {f"r{number}": (str, ...) for number in range(required)}
    return schema(marker(*names))(create_model("Choices", __base__=APIModel, **fields))


@pytest.mark.parametrize("count", [2, 3, 4, 13])
@pytest.mark.parametrize("marker", list(MARKERS), ids=lambda marker: marker.__name__)
def test_one_of_rules_mean_what_they_say(marker: Any, count: int, server: Any, tmp_path: Path) -> None:
    kind = kind_of(choices(marker, count), f"{marker.__name__}{count}")
    server.install([kind], tmp_path)
    names = [f"f{number}" for number in range(count)]
    if count <= 4:
        chosen = [[n for n, on in zip(names, bits, strict=True) if on] for bits in product((0, 1), repeat=count)]
    else:
        chosen = [[], *[[name] for name in names], names[:2], names[-2:], [names[0], names[-1]], names]
    for some in chosen:
        body = {"apiVersion": f"{GROUP}/v1", "kind": kind.__name__, "metadata": {"name": "x"}}
        body["spec"] = {"value": dict.fromkeys(some, "set")}
        code, answer = server.send("POST", f"{server.path(kind)}?dryRun=All", body)
        assert (code == 201) == MARKERS[marker](len(some)), (some, answer)


def inside(container: str, most: int | None, annotation: Any) -> Any:
    generic: Any = {"list": list, "dict": dict}.get(container)
    if generic is None:
        return create_model("Around", __base__=APIModel, value=(annotation, ...))
    held = generic[annotation] if generic is list else generic[str, annotation]
    return held if most is None else Annotated[held, Field(max_length=most)]


@server_settings
@given(
    st.sampled_from(list(MARKERS)),
    st.integers(2, 15),
    st.integers(0, 2),
    st.lists(
        st.tuples(st.sampled_from(["list", "dict", "model"]), st.sampled_from([None, 3, 1000, 100_000])), max_size=3
    ),
)
def test_the_budget_is_that_of_the_api_server(
    server: Any, marker: Any, count: int, required: int, around: list[tuple[str, int | None]]
) -> None:
    annotation: Any = choices(marker, count, required)
    for container, most in around:
        annotation = inside(container, most, annotation)
    ours, theirs = refusals(kind_of(annotation), server)
    assert bool(ours) == bool(theirs), (ours, theirs)
    assert "times what the API server allows" in ours or not ours
    assert "budget" in theirs or not theirs


@server_settings
@given(
    st.sampled_from([str, int, bool, IntOrString, list[str], list[int]]),
    st.sampled_from([None, 0, 11, 19, 20, 100, 5000]),
    st.sampled_from([None, 1, 30, 31, 32, 2000, 400_000]),
)
def test_the_cost_of_immutable_is_that_of_the_api_server(
    server: Any, kind: Any, longest: int | None, most: int | None
) -> None:
    limit = [Field(max_length=longest)] if longest is not None and kind not in (int, bool) else []
    held: Any = Annotated[(kind, Immutable(), *limit)]
    model: Any = create_model("Held", __base__=APIModel, key=(str, ...), field=(held, ...))
    items: Any = list
    bounds = [Field(max_length=most)] if most is not None else []
    ours, theirs = refusals(kind_of(Annotated[(items[model], ListMapKeys("key"), *bounds)]), server)
    assert bool(ours) == bool(theirs), (ours, theirs)


@pytest.mark.parametrize("marker", list(MARKERS), ids=lambda marker: marker.__name__)
@pytest.mark.parametrize("count", [2, 3, 13])
@pytest.mark.parametrize("some", [0, 1, 2])
def test_a_default_that_breaks_a_rule_is_refused(marker: Any, count: int, some: int, server: Any) -> None:
    model: Any = choices(marker, count)
    default = Default({f"f{number}": "set" for number in range(some)})
    for annotation in (Annotated[model | None, default], Annotated[list[model], Default([default.value])]):
        fields: Any = {"value": (annotation, None)}
        spec: Any = create_model("Spec", __base__=APIModel, **fields)
        kind = resource(group=GROUP, version="v1")(create_model("Ruled", __base__=CustomResource, spec=(spec, ...)))
        ours, theirs = refusals(kind, server)
        assert bool(ours) <= bool(theirs), (ours, theirs)
        if count <= 12:
            assert bool(ours) == bool(theirs) == (not MARKERS[marker](some)), (ours, theirs)


NAMES = [
    "a", "in", "class", "var", "void", "while", "namespace", "true", "null", "x-y", "a.b", "a/b", "a__b", "___", "-", "_",
    "größe", "$x", "a b", "2fa", "a:b", "self", "has", "size", "int", "type", "A", "x" * 60,
]  # fmt: skip
TYPES: list[Any] = [
    str, int, bool, Any, dict[str, Any], dict[str, str], list[str], list[Any], dict[str, list[Any]], IntOrString,
    Annotated[dict[str, Any], EmbeddedResource(), PreserveUnknownFields()], list[dict[str, Any]],
]  # fmt: skip


@server_settings
@given(st.sampled_from(NAMES), st.sampled_from(TYPES), st.sampled_from(["plain", "map list"]), st.booleans())
def test_immutable_is_refused_where_the_api_server_refuses_it(
    server: Any, name: str, kind: Any, place: str, required: bool
) -> None:
    optional: Any = (Annotated[kind | None, Immutable(), Field(alias=name)], None)
    always: Any = (Annotated[kind, Immutable(), Field(alias=name)], ...)
    key: Any = (str, Field(max_length=20))
    model: Any = create_model("Held", __base__=APIModel, key=key, field=always if required else optional)
    annotation: Any = model
    if place == "map list":
        items: Any = list
        annotation = Annotated[items[model], ListMapKeys("key"), Field(max_length=3)]
    ours, theirs = refusals(kind_of(annotation), server)
    untyped = kind in (Any, list[Any], dict[str, list[Any]])
    unwritable = not required and name in {"größe", "$x", "a b", "2fa", "a:b"}
    assert bool(ours) == (untyped or unwritable), ours
    if ours:
        assert "Held.field" in ours
        assert "\n" not in ours
    else:
        assert theirs == ""


class Deep(APIModel):
    p: str
    q: int | None = None


class Fields(APIModel):
    a: str = "x"
    b: int = 0
    class_: str | None = None
    dashed: bool = Field(default=False, alias="x-y")
    word: str | None = Field(default=None, alias="in")
    lines: Annotated[list[str], Field(max_length=5)] = []
    counts: Annotated[dict[str, int], Field(max_length=4)] = {}
    deep: Deep | None = None
    many: Annotated[list[Deep], Field(max_length=3)] = []
    anything: Any = None
    open: dict[str, Any] = {}
    either: IntOrString = 1
    whole: Annotated[dict[str, Any], EmbeddedResource(), PreserveUnknownFields()] = {}


PARTS = [
    "self.a", "self.b", "self.deep.p", "self.deep.z", "self.lines[0]", "self.counts['k']", "self.counts.k", "self.nope",
    "self.x__dash__y", "self.__in__", "self.`a`", "self.?a", "self.class", "self.anything", "self.open.x", "self.either",
    "self.whole.kind", "self.whole.metadata.name", "self.whole.metadata.labels", "self.many[0].p", "self.many[0].z",
    "oldSelf.a", "1", "0x1F", "1.5", ".5", "'x'", '"\\u00e4"', "r'\\d'", "'''a\nb'''", "true", "null", "[]", "{'a': 1}",
    "'\\q'", "'abc", "1.", "has(self.a)", "has(self)", "has(self.z)", "has(self.deep.q)", "size(self.lines)",
    "self.lines.all(i, i == 'x')", "self.many.exists(o, o.p == 'a')", "self.many.all(o, o.z == 1)", "!has(self.deep)",
    "self.counts.all(k, self.counts[k] > 1)", "self.lines.filter(1, true)", "self.a.matches('^a')", "self.b > 1",
    "self.many.map(o, o.p)[0]", "optional.of(1)", "cel.bind(v, self.a, v)", "self.a in ['x']", "//c\n true", "self['a']",
    "(", ")", "self.", "&", "=", "dyn(self).foo", "self.a == 'x'", "self.?a", "self.?b.c.hasValue()", "self.?p", "self.deep == self.deep",
]  # fmt: skip
expressions = st.recursive(
    st.sampled_from(PARTS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["||", "&&", "==", "<", "+", "-", "in", "?", ""]), inner).map(" ".join),
        st.tuples(inner, inner, inner).map(lambda parts: f"{parts[0]} ? {parts[1]} : {parts[2]}"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"!{text}"),
    ),
    max_leaves=5,
)


@settings(server_settings, max_examples=150)
@given(expressions)
def test_what_is_refused_about_a_rule_the_api_server_refuses(server: Any, text: str) -> None:
    ours, theirs = refusals(kind_of(Annotated[Fields, CEL(text, message="no")]), server)
    assert not ours or theirs, f"{text!r}: the API server takes it, we say {ours}"
    if "Syntax error" in theirs or "undefined field" in theirs:
        assert ours, f"{text!r}: {theirs[-300:]}"
