"""Heads of requests, valid and not."""

from __future__ import annotations

import pytest

from kaiwu_runtime.serving._request import MAX_FIELDS, Request
from kaiwu_runtime.serving._response import HTTPError, Response


class NoPeer:
    remote = ""
    is_ending = False

    async def read(self) -> bytearray:
        return bytearray()

    async def send(self, response: Response) -> None:
        raise AssertionError(response)


def request(target: str, *fields: tuple[str, str], method: str = "GET") -> Request:
    return Request(method, target, fields, NoPeer())


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", {}),
        ("/a/b?x=1&x=2&y", "/a/b", {"x": ["1", "2"], "y": [""]}),
        ("/a%2Fb%20c?%78=%31", "/a/b c", {"x": ["1"]}),
        ("/%ff?x=%ff", "/\ufffd", {"x": ["\ufffd"]}),
        ("//host/a", "//host/a", {}),
        ("/http://host/a", "/http://host/a", {}),
        ("http://host:80/a?x=1", "/a", {"x": ["1"]}),
        ("http://host", "/", {}),
        ("*", "*", {}),
        ("host:443", "host:443", {}),
        ("/a?b?c=d", "/a", {"b?c": ["d"]}),
    ],
)
def test_the_target_is_split_and_decoded(target: str, path: str, query: dict[str, list[str]]) -> None:
    found = request(target)
    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    ("status", "target", "method", "fields"),
    [
        (400, "/", "FROB", []),
        (400, "/", "get", []),
        (400, "http://[x/", "GET", []),
        (400, "/", "GET", [("x", "")] * (MAX_FIELDS + 1)),
        (400, "/", "POST", [("content-length", "1"), ("transfer-encoding", "chunked")]),
        (417, "/", "POST", [("expect", "wonders")]),
    ],
)
def test_an_invalid_head_is_rejected(status: int, target: str, method: str, fields: list[tuple[str, str]]) -> None:
    with pytest.raises(HTTPError) as caught:
        request(target, *fields, method=method)
    assert caught.value.status == status


def test_fields_of_one_name_are_joined() -> None:
    found = request("/", ("authorization", "Bearer a"), ("authorization", "Bearer b"), ("x", ""))
    assert found.headers == {"authorization": "Bearer a, Bearer b", "x": ""}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("", ""),
        (";", ""),
    ],
)
def test_the_content_type_has_no_parameters(field: str, expected: str) -> None:
    assert request("/", ("content-type", field)).content_type == expected
    assert request("/").content_type == "application/octet-stream"


def test_the_length_is_a_number_or_unknown() -> None:
    assert request("/", ("content-length", "12")).content_length == 12
    assert request("/").content_length is None
