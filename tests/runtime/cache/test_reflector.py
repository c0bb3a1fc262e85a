"""How a reflector lists, watches, resumes and starts over."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.api import identify
from kaiwu_runtime.cache import CacheOptions, ListScope
from kaiwu_runtime.cache import _reflector as module
from kaiwu_runtime.cache._reflector import Reflector
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIStatusError,
    BadRequestError,
    ConfigurationError,
    ForbiddenError,
    GoneError,
    InvalidError,
    ServerError,
)

from .scripted import Recorder, ScriptedTransport, event, item, page


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_BACKOFF_SECONDS", 0.001)


async def play(
    lists: list[bytes | Exception], watches: list[list[bytes | Exception]], **options: Any
) -> tuple[ScriptedTransport, Recorder]:
    transport, sink = ScriptedTransport(lists, watches), Recorder()
    reflector = Reflector(transport, identify(ConfigMap), sink, **options)
    task = asyncio.create_task(reflector.run())
    async with asyncio.timeout(10):
        done = asyncio.create_task(transport.done.wait())
        await asyncio.wait({task, done}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    task.cancel()
    return transport, sink


GONE = GoneError("too old", code=410, reason="Expired")
ERROR_410 = event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


async def test_pages_are_handed_over_as_one_list() -> None:
    transport, sink = await play([page("5", item("a", "1"), more="next"), page("5", item("b", "2"))], [])
    assert sink.calls == [("replace", ["a", "b"])]
    assert transport.requests[1]["continue"] == "next"
    assert transport.requests[2]["resourceVersion"] == "5"
    assert transport.requests[2]["allowWatchBookmarks"] == "true"


async def test_a_watch_that_ends_is_resumed_after_the_last_event() -> None:
    transport, sink = await play(
        [page("5")],
        [[event("ADDED", item("a", "6")), event("MODIFIED", item("a", "8"))], [event("DELETED", item("a", "9"))]],
    )
    assert sink.calls == [("replace", []), ("put", "a"), ("put", "a"), ("remove", "a")]
    assert [request["resourceVersion"] for request in transport.requests[1:]] == ["5", "8", "9"]


async def test_a_bookmark_that_is_older_than_the_watch_is_of_a_restored_etcd() -> None:
    transport, sink = await play(
        [page("50", item("a", "6")), page("20", item("a", "3"))], [[event("ADDED", item("b", "60")), bookmark("20")]]
    )
    assert sink.calls == [("replace", ["a"]), ("put", "b"), ("replace", ["a"])]
    assert transport.requests[-1]["resourceVersion"] == "20"


@pytest.mark.parametrize("version", ["60", "61", "100", "", "abc"])
async def test_other_bookmarks_are_not(version: str) -> None:
    _, sink = await play([page("50")], [[event("ADDED", item("b", "60")), bookmark(version)]])
    assert sink.calls == [("replace", []), ("put", "b")]


async def test_a_bookmark_moves_the_version_and_is_no_object() -> None:
    bookmark = event(
        "BOOKMARK", {"kind": "ConfigMap", "data": None, "metadata": {"resourceVersion": "70", "name": None}}
    )
    transport, sink = await play([page("5")], [[bookmark]])
    assert sink.calls == [("replace", [])]
    assert transport.requests[-1]["resourceVersion"] == "70"


@pytest.mark.parametrize("gone", [GONE, ERROR_410], ids=["as a status", "inside the stream"])
async def test_a_version_that_is_gone_lists_again(gone: bytes | Exception) -> None:
    transport, sink = await play([page("5", item("a", "1")), page("9", item("b", "8"))], [[gone]])
    assert sink.calls == [("replace", ["a"]), ("replace", ["b"])]
    assert transport.requests[-1]["resourceVersion"] == "9"


async def test_a_page_that_is_gone_starts_over_without_pages() -> None:
    transport, sink = await play(
        [page("5", item("a", "1"), more="next"), GONE, page("6", item("a", "1"), item("b", "2"))], []
    )
    assert sink.calls == [("replace", ["a", "b"])]
    assert "limit" not in transport.requests[2]
    assert "continue" not in transport.requests[2]


async def test_a_broken_connection_resumes_and_loses_nothing() -> None:
    transport, sink = await play(
        [page("5")], [[event("ADDED", item("a", "6")), APIConnectionError("reset")], [event("ADDED", item("b", "7"))]]
    )
    assert sink.calls == [("replace", []), ("put", "a"), ("put", "b")]
    assert transport.requests[2]["resourceVersion"] == "6"


async def test_a_line_that_is_no_event_is_a_broken_connection() -> None:
    _, sink = await play([page("5")], [[b'{"type":"ADDED","obj'], [event("ADDED", item("a", "6"))]])
    assert sink.calls == [("replace", []), ("put", "a")]


async def test_a_list_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    refused = ForbiddenError("configmaps is forbidden", code=403)
    _, sink = await play([refused, APIConnectionError("refused"), page("5", item("a", "1"))], [])
    assert sink.calls == [("replace", ["a"])]
    explained = [record.error for record in caplog.records if hasattr(record, "error")]
    assert "missing RBAC rule: groups='' resources='configmaps' verbs=list,watch" in explained[0]


async def test_a_list_that_fails_is_not_told_of_as_a_watch(caplog: pytest.LogCaptureFixture) -> None:
    """A conversion webhook that is down fails each list: no watch was rejected."""
    caplog.set_level(logging.INFO)
    failed = ServerError("conversion webhook failed", code=500, reason="InternalError")
    _, sink = await play([*[failed] * 4, page("5", item("a", "1"))], [])
    assert sink.calls == [("replace", ["a"])]
    assert {record.message for record in caplog.records} == {"Cannot list or watch; retrying"}


async def test_one_object_without_metadata_poisons_nothing() -> None:
    _, sink = await play(
        [page("5", {"metadata": "broken"}, item("a", "1"))],
        [[event("ADDED", {"metadata": 3}), event("ADDED", item("b", "6"))]],
    )
    assert sink.calls == [("replace", ["a"]), ("put", "b")]


async def test_selectors_go_with_every_request() -> None:
    scope = ListScope(namespace="a", label_selector="app=db", field_selector="metadata.name=x")
    transport, _ = await play([page("5")], [], scope=scope)
    for request in transport.requests:
        assert request["labelSelector"] == "app=db"
        assert request["fieldSelector"] == "metadata.name=x"


@pytest.mark.parametrize(
    ("lists", "watches"),
    [
        pytest.param([page("5")], [[], [], []], id="watches that end at once"),
        pytest.param([page("5"), page("6"), page("7"), page("8")], [[GONE], [ERROR_410], [GONE]], id="410 every time"),
        pytest.param([GONE, GONE, GONE, page("5")], [], id="410 to a list"),
    ],
)
async def test_a_server_that_answers_the_same_at_once_is_not_asked_without_a_pause(
    lists: list[bytes | Exception], watches: list[list[bytes | Exception]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[str] = []
    back_off = Reflector._back_off

    async def counted(self: Reflector, error: Any) -> None:
        pauses.append(str(error))
        await back_off(self, error)

    monkeypatch.setattr(Reflector, "_back_off", counted)
    await play(lists, watches)
    assert len(pauses) >= 2


async def test_a_version_that_is_gone_after_an_outage_is_listed_without_another_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused: list[str] = []

    async def no_wait(self: Reflector, error: Any) -> None:
        self._failures += 1
        refused.append(str(error))

    monkeypatch.setattr(Reflector, "_back_off", no_wait)
    outage: list[bytes | Exception] = [APIConnectionError("refused")]
    _, sink = await play([page("5", item("a", "1")), page("9", item("b", "8"))], [outage, outage, [GONE]])
    assert sink.calls == [("replace", ["a"]), ("replace", ["b"])]
    assert refused == ["refused", "refused"]


async def test_a_version_that_the_server_never_had_is_given_up() -> None:
    unknown = ServerError("Too large resource version", code=504, reason="Timeout")
    transport, sink = await play([page("500", item("a", "1")), page("7", item("b", "6"))], [[unknown]] * 3)
    assert sink.calls == [("replace", ["a"]), ("replace", ["b"])]
    assert transport.requests[-1]["resourceVersion"] == "7"


async def test_credentials_that_cannot_be_renewed_are_waited_for() -> None:
    failed = ConfigurationError("exec plugin login: exit status 1")
    _, sink = await play([page("5")], [[failed], [event("ADDED", item("a", "6"))]])
    assert sink.calls == [("replace", []), ("put", "a")]


STREAMING = CacheOptions(streaming_list=True)


def bookmark(version: str, *, end: bool = False) -> bytes:
    annotations = {"k8s.io/initial-events-end": "true"} if end else {}
    return event("BOOKMARK", {"metadata": {"resourceVersion": version, "annotations": annotations, "name": None}})


async def test_a_streaming_list_is_handed_over_when_it_is_complete() -> None:
    first: list[bytes | Exception] = [
        event("ADDED", item("a", "1")),
        bookmark("3"),
        event("ADDED", item("b", "2")),
        event("MODIFIED", item("a", "4")),
        event("DELETED", item("b", "5")),
        bookmark("5", end=True),
        event("ADDED", item("c", "6")),
    ]
    transport, sink = await play([], [first, []], options=STREAMING)
    assert sink.calls == [("replace", ["a"]), ("put", "c")]
    initial, resumed = transport.requests[0], transport.requests[1]
    assert (initial["sendInitialEvents"], initial["resourceVersionMatch"]) == ("true", "NotOlderThan")
    assert "resourceVersion" not in initial
    assert resumed["resourceVersion"] == "6"
    assert "sendInitialEvents" not in resumed


@pytest.mark.parametrize("end", [None, GONE, ERROR_410, APIConnectionError("broken")])
async def test_half_a_streaming_list_is_dropped(end: bytes | Exception | None) -> None:
    """Handed over, it would look as if all that had not come yet were deleted."""
    half: list[bytes | Exception] = [event("ADDED", item("a", "1")), *([end] if end is not None else [])]
    whole: list[bytes | Exception] = [event("ADDED", item("b", "2")), bookmark("2", end=True)]
    transport, sink = await play([], [half, whole], options=STREAMING)
    assert sink.calls == [("replace", ["b"])]
    assert "sendInitialEvents" in transport.requests[1]


@pytest.mark.parametrize("kind", [BadRequestError, InvalidError])
async def test_a_server_without_streaming_lists_is_listed(kind: type[APIStatusError]) -> None:
    refusal = kind("sendInitialEvents is forbidden for watch", code=422)
    transport, sink = await play([page("5", item("a", "1"))], [[refusal]], options=STREAMING)
    assert sink.calls == [("replace", ["a"])]
    assert transport.requests[2]["resourceVersion"] == "5"


async def test_a_transform_that_fails_keeps_the_object(caplog: pytest.LogCaptureFixture) -> None:
    def transform(obj: dict[str, Any]) -> dict[str, Any]:
        if obj["metadata"]["name"] == "bad":
            raise KeyError("spec")
        return obj

    listed = page("5", item("bad", "1"), item("good", "2"))
    _, sink = await play([listed], [], options=CacheOptions(transform=transform))
    assert sink.calls == [("replace", ["bad", "good"])]
    assert "A transform function failed" in caplog.text


async def test_a_server_that_says_to_wait_for_a_day_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in maintenance says so; the cache would be a day old long after the API server is back."""
    assert module.MAX_RETRY_AFTER_SECONDS == 300
    monkeypatch.setattr(module, "MAX_RETRY_AFTER_SECONDS", 0.001)
    busy = ServerError("maintenance", code=503, reason="ServiceUnavailable", retry_after=86400.0)
    _, sink = await play([busy, page("5", item("a", "1"))], [])
    assert sink.calls == [("replace", ["a"])]
