"""Selectors as the cache evaluates them; the same tables are put to a real API server."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client
from kaiwu_runtime.cache._selector import field_selector, label_selector
from kaiwu_runtime.errors import BadRequestError

WEIGHTS = ("heavy", "light", "odd")
OBJECTS: dict[str, dict[str, str]] = {
    "plain": {},
    "db": {"app": "db"},
    "old-db": {"app": "db", "old": ""},
    "web": {"app": "web", "example.com/tier": "front"},
    "heavy": {"weight": "500"},
    "light": {"weight": "5"},
    "odd": {"weight": "five"},
    "in": {"in": "notin", "example.com/tier": "back"},
}

SELECTORS = [
    pytest.param("", {*WEIGHTS, "plain", "db", "old-db", "web", "in"}, id="empty"),
    pytest.param("app=db", {"db", "old-db"}, id="equals"),
    pytest.param("app==db", {"db", "old-db"}, id="double equals"),
    pytest.param("app = db", {"db", "old-db"}, id="equals with spaces"),
    pytest.param("app!=db", {*WEIGHTS, "plain", "web", "in"}, id="not equal holds without the label"),
    pytest.param("app != db,app", {"web"}, id="not equal and present"),
    pytest.param("app in (db)", {"db", "old-db"}, id="in"),
    pytest.param("app in (db,web)", {"db", "old-db", "web"}, id="in several"),
    pytest.param("app in ( db , web )", {"db", "old-db", "web"}, id="in with spaces"),
    pytest.param("app in(db,web)", {"db", "old-db", "web"}, id="in without a space"),
    pytest.param("app  in  (db)", {"db", "old-db"}, id="in with many spaces"),
    pytest.param("app notin (db,web)", {"plain", "in", *WEIGHTS}, id="notin holds without the label"),
    pytest.param("app notin(db)", {"plain", "web", "in", *WEIGHTS}, id="notin without a space"),
    pytest.param("app", {"db", "old-db", "web"}, id="exists"),
    pytest.param("!app", {"plain", "in", *WEIGHTS}, id="does not exist"),
    pytest.param("! app", {"plain", "in", *WEIGHTS}, id="does not exist with a space"),
    pytest.param("old=", {"old-db"}, id="empty value"),
    pytest.param("old in (,x)", {"old-db"}, id="empty value in a set"),
    pytest.param("old!=", {"plain", "db", "web", "in", *WEIGHTS}, id="not the empty value"),
    pytest.param("app=db,!old", {"db"}, id="both"),
    pytest.param(" app=db , !old ", {"db"}, id="both with spaces"),
    pytest.param("app in (db,web),example.com/tier=front", {"web"}, id="comma in a set"),
    pytest.param("example.com/tier in (front,back),!app", {"in"}, id="prefixed key"),
    pytest.param("in", {"in"}, id="a key called in"),
    pytest.param("in in (notin)", {"in"}, id="a key called in, in a set"),
    pytest.param("app=db,app=web", set(), id="contradiction"),
    pytest.param("weight>5", {"heavy"}, id="greater"),
    pytest.param("weight > 4", {"heavy", "light"}, id="greater with spaces"),
    pytest.param("weight<6", {"light"}, id="less; a word is neither"),
    pytest.param("weight>1,weight<1000", {"heavy", "light"}, id="a range"),
    pytest.param("weight<05", set(), id="leading zero"),
]

BROKEN = [
    pytest.param("app=db,", id="comma at the end"),
    pytest.param(",app=db", id="comma at the start"),
    pytest.param("app=db,,old", id="two commas"),
    pytest.param("=db", id="no key"),
    pytest.param("app=a=b", id="two signs"),
    pytest.param("app in db", id="no parentheses"),
    pytest.param("app in (db", id="open parenthesis"),
    pytest.param("app in db)", id="closed parenthesis"),
    pytest.param("app within (db)", id="unknown word"),
    pytest.param("app db", id="two words"),
    pytest.param("!app=db", id="not and equals"),
    pytest.param("!", id="not alone"),
    pytest.param("app=d b", id="space in a value"),
    pytest.param("app=(db)", id="parentheses in a value"),
    pytest.param("weight>", id="greater than nothing"),
    pytest.param("weight>b", id="greater than a word"),
    pytest.param("weight>=5", id="greater or equal"),
    pytest.param("weight>1.5", id="greater than a float"),
    pytest.param("weight>99999999999999999999", id="greater than an int64"),
    pytest.param("weight<-1", id="less than a value that is not a label"),
    pytest.param("-app", id="a key that begins with a dash"),
    pytest.param("example.com/=db", id="a prefix without a name"),
    pytest.param("app=_db", id="a value that begins with an underscore"),
    pytest.param("app in (d b)", id="a space in a set"),
    pytest.param("app=" + "x" * 64, id="a value of 64 characters"),
]


FIELDS = [
    pytest.param("metadata.name=web", [("metadata.name", "web")], id="equals"),
    pytest.param("metadata.name==web", [("metadata.name", "web")], id="double equals"),
    pytest.param("metadata.name=", [("metadata.name", "")], id="empty value"),
    pytest.param(r"metadata.name=a\,b", [("metadata.name", "a,b")], id="comma in a value"),
    pytest.param(r"metadata.name=a\=b", [("metadata.name", "a=b")], id="equals sign in a value"),
    pytest.param(r"metadata.name=a\\b", [("metadata.name", r"a\b")], id="backslash in a value"),
    pytest.param(
        "metadata.name=web,metadata.name=db", [("metadata.name", "web"), ("metadata.name", "db")], id="contradiction"
    ),
    pytest.param("metadata.name=web,", [("metadata.name", "web")], id="comma at the end"),
    pytest.param("metadata.name= web", [("metadata.name", " web")], id="space before a value"),
    pytest.param("metadata.name=web ,", [("metadata.name", "web ")], id="space after a value"),
]

BROKEN_FIELDS = [
    pytest.param("metadata.name", id="no value"),
    pytest.param("metadata.name=a=b", id="two signs"),
    pytest.param(r"metadata.name=a\b", id="backslash before a letter"),
    pytest.param("metadata.name=a\\", id="backslash at the end"),
    pytest.param("=web", id="no field"),
    pytest.param(" ", id="a space"),
    pytest.param(" metadata.name=web", id="space before the field"),
    pytest.param("metadata.name =web", id="space after the field"),
    pytest.param("metadata.name=web, metadata.name=web", id="space after a comma"),
    pytest.param("metadata.name=web, ", id="space after the last comma"),
]


@pytest.mark.parametrize(("text", "fields"), FIELDS)
def test_field_selectors(text: str, fields: list[tuple[str, str]]) -> None:
    assert field_selector(text) == fields


@pytest.mark.parametrize("text", BROKEN_FIELDS)
def test_what_is_no_field_selector(text: str) -> None:
    with pytest.raises(ValueError, match="field selector") as caught:
        field_selector(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(("text", "names"), SELECTORS)
def test_selectors(text: str, names: set[str]) -> None:
    matches = label_selector(text)
    assert {name for name, labels in OBJECTS.items() if matches(labels)} == names


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(ValueError, match="label selector") as caught:
        label_selector(text)
    assert repr(text) in str(caught.value)


@pytest.fixture
async def objects(client: Client, namespace: str) -> Client:
    for name, labels in OBJECTS.items():
        await client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels)))
    return client


@pytest.mark.envtest
async def test_the_api_server_agrees(objects: Client, namespace: str) -> None:
    for case in SELECTORS:
        text, names = case.values
        found = await objects.list(ConfigMap, namespace=namespace, label_selector=str(text))
        assert {str(obj.metadata.name) for obj in found if obj.metadata} == names, case.id


@pytest.mark.envtest
@pytest.mark.parametrize(("argument", "broken"), [("label_selector", BROKEN), ("field_selector", BROKEN_FIELDS)])
async def test_the_api_server_refuses_the_same(
    objects: Client, namespace: str, argument: str, broken: list[Any]
) -> None:
    for case in broken:
        try:
            await objects.list(ConfigMap, namespace=namespace, **{argument: str(case.values[0])})
        except BadRequestError:
            continue
        pytest.fail(f"the API server accepts {case.values[0]!r} ({case.id})")


@pytest.mark.envtest
async def test_the_api_server_takes_the_same_fields(objects: Client, namespace: str) -> None:
    for case in FIELDS:
        text, fields = case.values
        found = await objects.list(ConfigMap, namespace=namespace, field_selector=str(text))
        names = {value for _, value in fields}  # type: ignore[union-attr]  # the second value of a row
        expected = names & OBJECTS.keys() if len(names) == 1 else set()
        assert {str(obj.metadata.name) for obj in found if obj.metadata} == expected, case.id
