"""Each fault that can be asked for, and that nothing else is touched by it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret

from kaiwu_runtime import Client
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.cache import _reflector as reflector
from kaiwu_runtime.errors import (
    APIConnectionError,
    ConflictError,
    ForbiddenError,
    GoneError,
    KaiwuError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
)
from kaiwu_runtime.rest._page import decode_page
from kaiwu_runtime.testing import FakeKind, FakeRequest, FakeTransport, virtual_time

from .api import Gadget


@pytest.fixture
def fake() -> FakeTransport:
    return FakeTransport(Gadget)


@pytest.fixture
def client(fake: FakeTransport) -> Client:
    return Client(fake)


def config_map(name: str = "a", **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="x"), data=data)


async def names(client: Client) -> list[str | None]:
    return [obj.metadata.name for obj in await client.list(ConfigMap, namespace="x") if obj.metadata is not None]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (429, TooManyRequestsError),
        (503, ServerError),
    ],
)
async def test_a_status_code_is_raised_as_its_error(
    fake: FakeTransport, client: Client, code: int, error: type[KaiwuError]
) -> None:
    fake.fail("create", ConfigMap, code)
    with pytest.raises(error):
        await client.create(config_map())
    assert await names(client) == []
    await client.create(config_map())


async def test_an_exception_is_raised_so_many_times(fake: FakeTransport, client: Client) -> None:
    fake.fail("get", ConfigMap, APIConnectionError("reset"), times=2)
    await client.create(config_map())
    for _ in range(2):
        with pytest.raises(APIConnectionError, match="reset"):
            await client.get(ConfigMap, "a", namespace="x")
    await client.get(ConfigMap, "a", namespace="x")


@pytest.mark.parametrize(
    ("verb", "failing"),
    [
        ("get", {"get"}),
        ("list", {"list"}),
        ("create", {"create"}),
        ("patch", {"patch", "apply"}),
        ("apply", {"apply"}),
        ("delete", {"delete"}),
        ("*", {"get", "list", "create", "patch", "apply", "delete"}),
    ],
)
async def test_only_requests_of_the_verb_and_kind_fail(
    fake: FakeTransport, client: Client, verb: Any, failing: set[str]
) -> None:
    await client.create(config_map())
    place: Any = {"namespace": "x"}
    calls: dict[str, Any] = {
        "get": lambda kind: client.get(kind, "a", **place),
        "list": lambda kind: client.list(kind, **place),
        "patch": lambda kind: client.patch(kind, "a", {"data": {"k": "1"}}, **place),
        "apply": lambda kind: client.apply(kind(metadata=ObjectMeta(name="a", namespace="x"))),
        "create": lambda kind: client.create(kind(metadata=ObjectMeta(name="b", namespace="x"))),
        "delete": lambda kind: client.delete(kind, "a", **place),
    }
    await client.create(Secret(metadata=ObjectMeta(name="a", namespace="x")))
    fake.fail(verb, ConfigMap, 500, times=99)
    failed = set()
    for name, call in calls.items():
        await call(Secret)
        try:
            await call(ConfigMap)
        except ServerError:
            failed.add(name)
    assert failed == failing


async def test_every_kind_fails_where_none_is_named(fake: FakeTransport, client: Client) -> None:
    fake.fail("create", None, 500)
    with pytest.raises(ServerError):
        await client.create(config_map())


async def test_an_answer_can_get_lost_when_the_write_is_stored(fake: FakeTransport, client: Client) -> None:
    fake.fail("create", ConfigMap, APIConnectionError("reset"), stored=True)
    with pytest.raises(APIConnectionError):
        await client.create(config_map())
    assert await names(client) == ["a"]


@pytest.mark.parametrize(("verb", "times"), [("replace", 1), ("get", 0)])
def test_a_fault_that_is_none_is_refused(fake: FakeTransport, verb: Any, times: int) -> None:
    with pytest.raises(ValueError, match=r"replace|times is 0"):
        fake.fail(verb, None, 500, times)


async def test_something_happens_between_a_read_and_a_write(fake: FakeTransport, client: Client) -> None:
    """The race that a real server shows by chance only: the object changes before a write that has its old version."""
    created = await client.create(config_map(k="1"))
    assert created.metadata is not None

    async def meanwhile(request: FakeRequest) -> None:
        assert (request.verb, request.namespace, request.name) == ("patch", "x", "a")
        await client.patch(ConfigMap, "a", {"data": {"k": "theirs"}}, namespace="x")

    fake.before("patch", ConfigMap, meanwhile)
    body = {"metadata": {"resourceVersion": created.metadata.resourceVersion}, "data": {"k": "ours"}}
    with pytest.raises(ConflictError, match="the object has been modified"):
        await client.patch(ConfigMap, "a", body, namespace="x")
    assert (await client.get(ConfigMap, "a", namespace="x")).data == {"k": "theirs"}


async def test_a_function_before_a_request_may_refuse_it(fake: FakeTransport, client: Client) -> None:
    def only_small(request: FakeRequest) -> None:
        if len(request.body) > 200:
            raise TooManyRequestsError("too large", code=429)

    fake.before("*", None, only_small)
    await client.create(config_map())
    with pytest.raises(TooManyRequestsError):
        await client.create(config_map("b", k="x" * 200))
    assert await names(client) == ["a"]


async def test_requests_are_kept(fake: FakeTransport, client: Client) -> None:
    await client.create(config_map())
    with pytest.raises(NotFoundError):
        await client.patch_status(Gadget, "none", {"phase": "x"}, namespace="x")
    assert [(request.verb, request.identity.kind, request.name, request.subresource) for request in fake.requests] == [
        ("create", "ConfigMap", "", ""),
        ("patch", "Gadget", "none", "status"),
    ]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "FIRST_BACKOFF_SECONDS", 0.01)


async def follow(fake: FakeTransport, client: Client, name: str, cache: Cache) -> None:
    """Create an object and wait until the cache has it."""
    await client.create(config_map(name))
    async with asyncio.timeout(5):
        while name not in [obj.key.name for obj in cache.informer(ConfigMap).store]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("quick")
async def test_watches_that_end_break_or_are_refused_lose_nothing(fake: FakeTransport, client: Client) -> None:
    cache = Cache(fake)
    cache.informer(ConfigMap)
    task = asyncio.create_task(cache.run())
    await cache.wait_for_sync()
    await follow(fake, client, "first", cache)
    fake.end_watches(ConfigMap)
    await follow(fake, client, "after-an-end", cache)
    fake.end_watches(ConfigMap, APIConnectionError("reset"))
    await follow(fake, client, "after-a-reset", cache)
    fake.fail("watch", ConfigMap, 500)
    fake.end_watches()
    await follow(fake, client, "after-a-refusal", cache)
    lists = sum(request.verb == "list" for request in fake.requests)
    assert lists == 1, "resumed each time"
    fake.end_watches()
    await client.create(config_map("unseen"))
    fake.compact()
    await follow(fake, client, "after-a-compaction", cache)
    assert sum(request.verb == "list" for request in fake.requests) >= 1
    assert len(cache.informer(ConfigMap).list()) == 6
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_compacted_version_is_gone_for_watches_and_pages(fake: FakeTransport, client: Client) -> None:
    for number in range(3):
        await client.create(config_map(f"c-{number}"))
    path = "/api/v1/namespaces/x/configmaps"
    page = decode_page(await fake.request("GET", path, params={"limit": "2"}), path)
    fake.compact()
    assert page.metadata.continue_
    await client.create(config_map("d"))
    fake.compact()
    with pytest.raises(GoneError):
        await fake.request("GET", path, params={"limit": "2", "continue": page.metadata.continue_})
    params = {"resourceVersion": page.metadata.resource_version, "watch": "1"}
    (line,) = [line async for line in fake.stream(path, params=params, idle_timeout=1)]
    assert b'"ERROR"' in line
    assert b"410" in line


async def test_a_bookmark_moves_a_watch_on(fake: FakeTransport, client: Client) -> None:
    await client.create(config_map())
    path = "/apis/testing.example.com/v1/namespaces/x/gadgets"
    params = {"resourceVersion": "1000", "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": "1"}
    lines: list[bytes] = []

    async def read(**more: str) -> None:
        lines.extend([line async for line in fake.stream(path, params={**params, **more}, idle_timeout=9)])

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    fake.bookmark(Gadget)
    await reading
    assert fake._storage.watchers == [], "nothing is kept for a watch that has ended"
    assert len(lines) == 2, "the second when it ends"
    assert all(b'"BOOKMARK"' in line and b'"resourceVersion": "1001"' in line for line in lines)
    await read(allowWatchBookmarks="false")
    assert len(lines) == 2


async def test_a_silent_watch_is_a_dead_connection(fake: FakeTransport) -> None:
    with pytest.raises(APIConnectionError, match="timed out"):
        _ = [line async for line in fake.stream("/api/v1/configmaps", params={"watch": "1"}, idle_timeout=0.05)]


async def test_a_watch_that_brings_lines_is_not_silent() -> None:
    fake = FakeTransport(Gadget)
    params = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": "10"}
    lines: list[bytes] = []

    async def read() -> None:
        async for line in fake.stream("/apis/testing.example.com/v1/gadgets", params=params, idle_timeout=4):
            lines.append(line)  # noqa: PERF401 - also before an error

    with virtual_time():
        reading = asyncio.create_task(read())
        for _ in range(3):
            await asyncio.sleep(3)
            fake.bookmark(Gadget)
        await reading
    assert len(lines) == 4, "the last one when its time is over"


async def test_a_kind_that_was_not_given_is_not_served() -> None:
    client = Client(FakeTransport())
    with pytest.raises(NotFoundError, match=r"has to be given to FakeTransport"):
        await client.list(Gadget)


async def test_a_kind_can_be_made_to_differ() -> None:
    client = Client(FakeTransport(FakeKind.of(Gadget, status=False, generation=False)))
    gadget = Gadget.model_validate({"metadata": {"name": "a", "namespace": "x"}, "status": {"phase": "kept"}})
    created = await client.create(gadget)
    assert created.status is not None
    assert created.status.phase == "kept"
    assert created.metadata.generation is None


async def test_the_time_can_be_told(client: Client) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    created = await Client(FakeTransport(wall=lambda: moment)).create(config_map())
    assert created.metadata is not None
    assert created.metadata.creationTimestamp == moment


async def test_cluster_scoped_kinds_of_kubernetes(client: Client) -> None:
    await client.create(Namespace(metadata=ObjectMeta(name="x")))
    assert (await client.get(Namespace, "x")).metadata is not None
    await client.create(config_map())
    assert await names(client) == ["a"]


async def test_write_stands_for_every_verb_that_changes_something(fake: FakeTransport, client: Client) -> None:
    await client.create(config_map())
    fake.fail("write", None, 500, times=99)
    await client.get(ConfigMap, "a", namespace="x")
    await names(client)
    for write in (
        client.create(config_map("b")),
        client.patch(ConfigMap, "a", {"data": {"k": "1"}}, namespace="x"),
        client.apply(config_map("a")),
        client.delete(ConfigMap, "a", namespace="x"),
    ):
        with pytest.raises(ServerError):
            await write


@pytest.mark.parametrize("number", [1, 2, 4])
async def test_one_request_is_chosen_by_its_number(fake: FakeTransport, client: Client, number: int) -> None:
    fake.fail("create", ConfigMap, 500, number=number)
    failed = []
    for index in range(1, 6):
        try:
            await client.create(config_map(f"c{index}"))
        except ServerError:
            failed.append(index)
    assert failed == [number]


async def test_requests_are_chosen_by_a_function(fake: FakeTransport, client: Client) -> None:
    fake.fail("write", None, 409, when=lambda request: request.name == "b", times=2)
    await client.apply(config_map("a"))
    for _ in range(2):
        with pytest.raises(ConflictError):
            await client.apply(config_map("b"))
    await client.apply(config_map("b"))


@pytest.mark.parametrize("argument", ["times", "number"])
async def test_counts_begin_with_one(fake: FakeTransport, argument: str) -> None:
    options: Any = {argument: 0}
    with pytest.raises(ValueError, match=f"{argument} is 0; it must be 1 or more"):
        fake.fail("write", None, 500, **options)


async def test_requests_say_whether_they_changed_anything(fake: FakeTransport, client: Client) -> None:
    async def changed(call: Any) -> bool:
        with contextlib.suppress(KaiwuError):
            await call
        return fake.requests[-1].changed

    assert await changed(client.apply(config_map(k="1")))
    assert not await changed(client.apply(config_map(k="1")))
    assert not await changed(client.apply(config_map(k="1")))
    assert not await changed(client.apply(config_map(k="2"), dry_run=True))
    assert await changed(client.apply(config_map(k="2")))
    assert not await changed(client.patch(ConfigMap, "a", {"data": {"k": "2"}}, namespace="x"))
    assert await changed(client.patch(ConfigMap, "a", {"data": {"k": "1"}}, namespace="x"))
    assert not await changed(client.get(ConfigMap, "a", namespace="x"))
    assert not await changed(client.create(config_map()))
    fake.fail("write", None, 500)
    assert not await changed(client.apply(config_map(k="3")))
    fake.fail("write", None, 500, stored=True)
    assert await changed(client.apply(config_map(k="3")))
    assert await changed(client.delete(ConfigMap, "a", namespace="x"))
    assert not await changed(client.delete(ConfigMap, "a", namespace="x"))
    assert [request.number for request in fake.requests] == list(range(1, len(fake.requests) + 1))


async def test_a_function_runs_after_a_request_took_effect(fake: FakeTransport, client: Client) -> None:
    seen = []

    async def look(request: FakeRequest) -> None:
        seen.append((request.verb, request.changed, await names(client)))

    fake.after("write", ConfigMap, look)
    await client.create(config_map())
    with pytest.raises(KaiwuError):
        await client.create(config_map())
    await client.delete(ConfigMap, "a", namespace="x")
    assert seen == [("create", True, ["a"]), ("delete", True, [])]
