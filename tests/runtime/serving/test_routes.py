"""Which handler answers."""

from __future__ import annotations

import pytest

from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import HTTPError, Response
from kaiwu_runtime.serving._routes import Routes


async def first(_: Request) -> Response:
    return Response()


async def second(_: Request) -> Response:
    return Response()


def routes() -> Routes:
    made = Routes()
    made.get("/a", first)
    made.put("/a", second)
    made.get("/a/", second)
    made.post("/b", second)
    return made


@pytest.mark.parametrize(
    ("method", "path", "handler"),
    [
        ("GET", "/a", first),
        ("HEAD", "/a", first),
        ("PUT", "/a", second),
        ("GET", "/a/", second),
        ("GET", "/a/x", second),
        ("POST", "/b", second),
    ],
)
def test_path_and_method_find_the_handler(method: str, path: str, handler: object) -> None:
    assert routes().find(method, path) is handler


@pytest.mark.parametrize("path", ["", "/", "a", "/a/x/y", "/b/", "/c", "*", "/A"])
def test_nothing_else_is_served(path: str) -> None:
    with pytest.raises(HTTPError, match="404: Not Found") as caught:
        routes().find("GET", path)
    assert caught.value.status == 404


def test_another_method_is_told_which_ones_there_are() -> None:
    with pytest.raises(HTTPError) as caught:
        routes().find("DELETE", "/a")
    assert (caught.value.status, caught.value.headers) == (405, {"Allow": "GET,HEAD,PUT"})
