"""What is watched of a kind: from the options of a cache to the queries of its lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Node, Secret

from kaiwu_runtime import Client, NotFoundError, ObjectKey
from kaiwu_runtime.cache import Cache, CachedClient, EventType, ObjectEvent, Selectors
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing import FakeTransport


@asynccontextmanager
async def running(*caches: Cache) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(cache.run()) for cache in caches]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def secret(name: str, namespace: str, **labels: str) -> Secret:
    return Secret(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels))


def queries(cache: Cache, kind: type[Any]) -> dict[str, dict[str, str]]:
    return {scope.namespace: scope.params() for scope in cache.informer(kind)._reflectors}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"own": {}}),
        ({"namespaces": ()}, {"": {}}),
        ({"namespaces": {}}, {"": {}}),
        ({"namespaces": ["a", "b", "a"]}, {"a": {}, "b": {}}),
        ({"label_selector": "x=y"}, {"own": {"labelSelector": "x=y"}}),
        (
            {"namespaces": {"a": Selectors("x=1"), "b": Selectors(field_selector="metadata.name=n")}},
            {"a": {"labelSelector": "x=1"}, "b": {"fieldSelector": "metadata.name=n"}},
        ),
        # What a namespace does not say is what the kind says; an empty selector is one too.
        (
            {"label_selector": "x=1", "namespaces": {"a": Selectors(), "b": Selectors(""), "c": Selectors("x=2")}},
            {"a": {"labelSelector": "x=1"}, "b": {}, "c": {"labelSelector": "x=2"}},
        ),
        # The empty name is for all others, which the API server must not send twice.
        (
            {"namespaces": {"b": Selectors("x=1"), "": Selectors("x=2"), "a": Selectors()}},
            {
                "b": {"labelSelector": "x=1"},
                "": {"labelSelector": "x=2", "fieldSelector": "metadata.namespace!=a,metadata.namespace!=b"},
                "a": {},
            },
        ),
        (
            {"field_selector": "type=Opaque", "namespaces": {"": Selectors(), "a": Selectors("x", "")}},
            {"": {"fieldSelector": "metadata.namespace!=a,type=Opaque"}, "a": {"labelSelector": "x"}},
        ),
    ],
)
def test_the_queries_of_a_kind(options: dict[str, Any], expected: dict[str, dict[str, str]]) -> None:
    cache = Cache(FakeTransport(), namespaces=("own",))
    cache.configure(Secret, **options)
    assert queries(cache, Secret) == expected


def test_a_cluster_scoped_kind_is_watched_whole_or_by_its_selectors() -> None:
    cache = Cache(FakeTransport(), namespaces=("own",))
    cache.configure(Node, label_selector="x=1")
    assert queries(cache, Node) == {"": {"labelSelector": "x=1"}}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Secret, {"namespaces": "team-a"}, r"Secret \(v1\): namespaces='team-a': use a list, \['team-a'\]"),
        (Secret, {"namespaces": ["Ä"]}, r"'Ä' is not a valid namespace name"),
        (Secret, {"namespaces": {"a/b": Selectors()}}, r"'a/b' is not a valid namespace name"),
        (Secret, {"namespaces": {"a": "x=1"}}, r"namespaces\['a'\]: invalid value 'x=1': use Selectors\(label_sel"),
        (Secret, {"namespaces": {"a": Selectors("x==")}, "label_selector": "="}, r"label_selector: invalid label"),
        (Secret, {"namespaces": {"a": Selectors("x in (")}}, r"namespaces\['a'\]: invalid label selector 'x in \('"),
        (Node, {"namespaces": {"a": Selectors()}}, r"Node \(v1\): a cluster-scoped kind has no namespaces"),
        (Node, {"namespaces": ["a"]}, r"Node \(v1\): a cluster-scoped kind has no namespaces: use label_selector"),
    ],
)
def test_a_mistake_is_named_at_once(kind: type[Any], options: dict[str, Any], message: str) -> None:
    cache = Cache(FakeTransport())
    with pytest.raises(ConfigurationError, match=message):
        cache.configure(kind, **options)


def test_the_same_options_once_more_are_fine_and_others_are_not() -> None:
    cache = Cache(FakeTransport())
    cache.configure(Secret, namespaces={"a": Selectors("x=1"), "b": Selectors()})
    cache.configure(Secret, namespaces={"b": Selectors(), "a": Selectors("x=1")})
    for options in ({"a": Selectors("x=2"), "b": Selectors()}, ["a", "b"], None):
        with pytest.raises(ConfigurationError, match=r"is watched already.*manager\.add_cache"):
            cache.configure(Secret, namespaces=options)


@pytest.mark.parametrize(
    ("name", "namespace", "held"),
    [
        ("mine", "a", True),
        ("theirs", "a", "labels 'team=a'"),
        ("theirs", "b", True),
        ("missing", "b", ""),
        ("theirs", "c", "labels 'team=c' and fields 'metadata.name=mine'"),
        ("mine", "d", "labels 'team=c' and fields 'metadata.name=mine'"),
    ],
)
async def test_reads_follow_the_selectors_of_their_namespace(name: str, namespace: str, held: str | bool) -> None:
    client = Client(FakeTransport())
    for where in ("a", "b", "c", "d"):
        await client.create(secret("mine", where, team="a" if where == "d" else where))
        await client.create(secret("theirs", where, team="other"))
    cache = Cache(client.transport)
    others = Selectors("team=c", "metadata.name=mine")
    cache.configure(Secret, namespaces={"a": Selectors("team=a"), "b": Selectors(), "": others})
    reader = CachedClient(client, cache)
    async with running(cache):
        every = {str(ObjectKey.of(found)) for found in await reader.list(Secret)}
        assert every == {"a/mine", "b/mine", "b/theirs", "c/mine"}
        if held is True:
            await reader.get(Secret, name, namespace=namespace)
            return
        with pytest.raises(NotFoundError) as caught:
            await reader.get(Secret, name, namespace=namespace)
        limited = f" in the cache, which holds {held} only; manager.api_reader reads all" if held else ""
        assert str(caught.value).endswith(f'secrets "{name}" not found{limited}')


async def test_what_an_informer_gets_is_described() -> None:
    cache = Cache(FakeTransport(), name="backups")
    cache.configure(Secret, namespaces={"a": Selectors("x=1"), "": Selectors()})
    cache.configure(ConfigMap, label_selector="x=1", namespaces=["a", "b"])
    described = [informer.describe() for informer in (cache.informer(Secret), cache.informer(ConfigMap))]
    assert described == [
        "Secret (v1) in backups: objects=0 synced=false handlers=0 selectors=(a: labels 'x=1'; others: all)",
        "ConfigMap (v1) in backups: objects=0 synced=false handlers=0 namespaces=a,b selectors=(labels 'x=1')",
    ]
    assert [cache.informer(kind).holds_all("a") for kind in (Secret, ConfigMap)] == [False, False], "not synced"
    async with running(cache):
        await cache.wait_for_sync()
        holds = {namespace: cache.informer(Secret).holds_all(namespace) for namespace in ("a", "b", "")}
        assert holds == {"a": False, "b": True, "": True}
        assert not any(cache.informer(ConfigMap).holds_all(namespace) for namespace in ("a", "b", "c"))


async def test_a_new_list_of_one_namespace_forgets_nothing_of_another() -> None:
    client = Client(FakeTransport())
    for namespace in ("a", "b", "c"):
        await client.create(secret("s", namespace, x="1"))
    cache = Cache(client.transport)
    cache.configure(Secret, namespaces={"a": Selectors("x=1"), "": Selectors("x=1")})
    informer = cache.informer(Secret)
    async with running(cache):
        await cache.wait_for_sync()
        for namespace, left in (("", {"a"}), ("a", set[str]())):
            informer.replace((), namespace, "1000")
            assert {obj.key.namespace for obj in informer.store} == left


LABELS = st.sampled_from(["", "x", "y", "z"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["one", "two"]), st.one_of(st.none(), LABELS)),
    min_size=1,
    max_size=12,
)
FIRST = {"a": Selectors("team=x"), "b": Selectors()}
SECOND = {"a": Selectors("team in (x,y)"), "": Selectors("team"), "c": Selectors("!team")}


def team_of(found: Secret) -> str:
    return (found.metadata.labels or {}).get("team", "") if found.metadata is not None else ""


def first_has(namespace: str, team: str) -> bool:
    return team == "x" if namespace == "a" else namespace == "b"


def second_has(namespace: str, team: str) -> bool:
    return {"a": team in {"x", "y"}, "c": not team}.get(namespace, bool(team))


class Followed:
    """A cache, and what its events say that it holds."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.held: dict[ObjectKey, str] = {}
        cache.informer(Secret).add_event_handler(self.follow)

    def follow(self, event: ObjectEvent) -> None:
        key = event.object.key
        assert (key in self.held) == (event.type is not EventType.ADDED)
        if event.type is EventType.DELETED:
            del self.held[key]
        else:
            self.held[key] = event.object.labels.get("team", "")


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_each_cache_holds_exactly_what_its_selectors_match(
    steps: list[tuple[str, str, str | None]],
) -> None:
    asyncio.run(_change_labels(steps))


async def _change_labels(steps: list[tuple[str, str, str | None]]) -> None:
    """Create, relabel and delete objects, and after each step compare what the caches read with what there is."""
    plain = Client(FakeTransport())
    informers = KindInformers()
    one = Cache(plain.transport, kind_informers=informers)
    one.configure(Secret, namespaces=FIRST)
    two = Cache(plain.transport, name="two", kind_informers=informers)
    two.configure(Secret, namespaces=SECOND)
    followed = [Followed(one), Followed(two)]
    readers = [CachedClient(plain, one), CachedClient(plain, two)]
    truth: dict[ObjectKey, str] = {}
    async with running(one, two):
        await one.wait_for_sync()
        await two.wait_for_sync()
        for number, (namespace, name, team) in enumerate(steps):
            key = ObjectKey(namespace, name)
            writer = (plain, *readers)[number % 3]  # a write through any of them is waited for by each
            if team is None:
                if truth.pop(key, None) is not None:
                    await writer.delete(Secret, key)
            else:
                await writer.apply(secret(name, namespace, **({"team": team} if team else {})))
                truth[key] = team
            for reader, has, followed_one in zip(readers, (first_has, second_has), followed, strict=True):
                expected = {key: team for key, team in truth.items() if has(key.namespace, team)}
                read = {ObjectKey.of(found): team_of(found) for found in await reader.list(Secret)}
                assert read == expected
                assert followed_one.held == expected
        assert not any(cache.informer(Secret).own_writes.pending for cache in (one, two))


def test_a_cache_takes_a_list_of_namespaces() -> None:
    with pytest.raises(ConfigurationError, match=r"^cache: namespaces='default': use a list, \['default'\]$"):
        Cache(FakeTransport(), namespaces="default")
