"""Paths of objects: texts of every class give the same path, in whatever order they are asked for."""

from __future__ import annotations

from enum import Enum, StrEnum

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Node

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.rest._paths import collection_path, object_path


class Mixed(str, Enum):  # noqa: UP042 - its text is not its value when it is formatted
    NAME = "name-a"


class Plain(StrEnum):
    NAME = "name-b"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("special", "text"), [(Mixed.NAME, "name-a"), (Plain.NAME, "name-b"), (Text("name-c"), "name-c")]
)
def test_a_name_is_its_text(special: str, text: str, first: bool) -> None:
    for name in (special, text) if first else (text, special):
        assert object_path(identify(ConfigMap), name, name) == f"/api/v1/namespaces/{text}/configmaps/{text}"
        assert collection_path(identify(Deployment), name) == f"/apis/apps/v1/namespaces/{text}/deployments"
        assert object_path(identify(Node), "", name, "status") == f"/api/v1/nodes/{text}/status"


@pytest.mark.parametrize("name", [".", "..", "a/b", "a%2fb", "../x", "%"])
def test_a_name_that_is_another_path_is_rejected(name: str) -> None:
    for place in ((name, "a"), ("a", name)):
        with pytest.raises(ValueError, match="is not a valid name"):
            object_path(identify(ConfigMap), *place)


@pytest.mark.parametrize(
    ("name", "expected"), [("a b", "a%20b"), ("ä", "%C3%A4"), ("a?b#c", "a%3Fb%23c"), ("system:node", "system:node")]
)
def test_other_characters_are_quoted(name: str, expected: str) -> None:
    assert object_path(identify(ConfigMap), "a", name) == f"/api/v1/namespaces/a/configmaps/{expected}"
