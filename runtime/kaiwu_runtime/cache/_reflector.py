"""Keeps a sink equal to a collection of the API server: list once, then watch, and never lose an event.

    list (pages) -> sink.replace -> watch -> sink.put, sink.remove -> ... -> the watch ends -> resume or list again

A streaming list is a watch that begins with everything there is.

A watch that ends is resumed from the last resourceVersion that was seen, which bookmarks move forward even where
nothing happens. When that version is gone from the server's history (410, which comes as an HTTP status, as an ERROR
event inside the stream, or on a page of a list), everything is listed again and compared with what is known.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import aclosing

import msgspec

from kaiwu_runtime._back_off import back_off
from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity
from kaiwu_runtime.cache._list_pages import list_objects
from kaiwu_runtime.cache._list_scope import CacheOptions, ListScope, explain
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._reflector_store import ReflectorStore
from kaiwu_runtime.cache._relist import gives_up_version, went_back
from kaiwu_runtime.cache._transform import transformed
from kaiwu_runtime.cache._watch_event import UNREADABLE, Bookmark, parse_line, split_change
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    BadRequestError,
    ConfigurationError,
    GoneError,
    InvalidError,
    KaiwuError,
    NotFoundError,
    WatchInterruptedError,
)
from kaiwu_runtime.rest._page import PAGE_SIZE
from kaiwu_runtime.rest._transport import JSON, METADATA, METADATA_LIST, Transport

logger = logging.getLogger("kaiwu_runtime.cache.reflector")

WATCH_SECONDS = (300.0, 600.0)
"""The requested duration of a watch in seconds: random within this range, so that watches do not all end together."""

IDLE_SECONDS = 135.0
"""How long a watch may be silent. The API server sends a bookmark about once a minute, so two of them are missing then:
what is between, a half-open connection or a load balancer whose other side died, will not carry the events either. An
API without bookmarks has its watch resumed that often, from the same version."""

FIRST_BACKOFF_SECONDS = 0.8
MAX_BACKOFF_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 300.0
"""However long a server, or a proxy in maintenance, says to wait: after a day the cache would be a day old."""
HEALTHY_SECONDS = 60.0

SHORT_WATCH_SECONDS = 0.75
"""A watch that ends sooner and brought nothing counts as a failure. One that lived longer is resumed at once, however
often it is cut: there are load balancers that end what is idle for a second."""

ABSENT_SECONDS = (4.0, 6.0)
"""How long to wait before the API server is asked again for a kind that it lacks."""

_LATER_THAN_ALL = str(2**63 - 1)
"""The version of the empty list of a kind that is not served: none of its objects is waited for."""


class Reflector:
    """List and watch one collection, and keep a store equal to it.

    Args:
        transport: Sends the requests.
        identity: The resource.
        store: Takes the objects.
        scope: Namespace and selectors.
        options: What is kept of each object.
        page_size: Objects per page of a list.
        cache: Name of the cache, for the log; empty for the manager's own.
    """

    def __init__(
        self,
        transport: Transport,
        identity: ResourceIdentity,
        store: ReflectorStore,
        scope: ListScope | None = None,
        options: CacheOptions | None = None,
        *,
        page_size: int = PAGE_SIZE,
        cache: str = "",
    ) -> None:
        self._transport = transport
        self._identity = identity
        self._store = store
        self._scope = scope or ListScope()
        self._options = options or CacheOptions()
        self._streaming = self._options.streaming_list
        self._initial: dict[ObjectKey, CachedObject] | None = None
        """What a streaming list has brought so far; None when there is none."""
        self._page_size = page_size
        self._cache = cache
        self._path = identity.path(self._scope.namespace)
        self._version = ""
        self._failures = 0
        self._gone = False
        self._progress = False
        self.last_error: KaiwuError | None = None
        """Why nothing comes at the moment; None while all is well."""

    async def run(self) -> None:
        """List and watch until cancelled; a failure is logged, waited out with back-off and tried again."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                if not self._version and not self._streaming:
                    await self._list()
                    started = loop.time()
                self._progress = False
                await self._watch()
                if not self._progress and loop.time() - started < SHORT_WATCH_SECONDS:
                    # A server or a proxy that ends every watch at once would otherwise be asked without a pause.
                    raise APIConnectionError(f"watch of {self._path}: ended at once")
                self._recovered()
            except GoneError as error:
                logger.info("Listing again: the watched version is gone", extra=self._fields())
                self._version = ""
                if self._gone:  # again, with nothing received since
                    await self._back_off(error)
                # At first without a wait, however often the server was out of reach before: it has answered now.
                self._gone = True
            except (APIError, ConfigurationError) as error:
                if self._options.on_served is not None and isinstance(error, NotFoundError):
                    await self._absent(self._options.on_served)
                    continue
                if self._streaming and not self._version and isinstance(error, BadRequestError | InvalidError):
                    logger.info("The API server does not support streaming lists", extra=self._fields())
                    self._streaming = False
                    continue
                lived = loop.time() - started
                if isinstance(error, WatchInterruptedError) and self._resumable(lived):
                    logger.debug("Resuming an interrupted watch", extra={**self._fields(), "error": str(error)})
                    self._recovered()
                    continue
                if lived > HEALTHY_SECONDS and isinstance(error, APIStatusError):
                    self._recovered()
                await self._back_off(error)
                if self._version and gives_up_version(error, self._failures):
                    logger.info("Listing again: the watch was rejected", extra=self._fields())
                    self._version = ""

    def _resumable(self, lived: float) -> bool:
        """Return whether a watch that was cut after some seconds can go on without a pause.

        Half a streaming list cannot: everything would be sent again, for as long as it is cut at the same place.
        """
        return self._initial is None and (self._progress or lived >= SHORT_WATCH_SECONDS)

    async def _list(self) -> None:
        """Read every page, then hand the whole list over at once: half a list would look like deletions."""
        objects, version = await list_objects(
            self._transport,
            self._path,
            self._scope.params(),
            page_size=self._page_size,
            accept=METADATA_LIST if self._options.metadata_only else JSON,
            parse=self._known,
        )
        self._replace(objects, version)
        self._version = version
        self.last_error = None  # but the failures count until a watch brings something: see run

    async def _watch(self) -> None:
        """Follow one watch to its end."""
        seconds = random.uniform(*WATCH_SECONDS)  # noqa: S311
        self._initial = None if self._version else {}
        lines = self._transport.stream(
            self._path,
            params=self._scope.watch_params(self._version, int(seconds)),
            idle_timeout=IDLE_SECONDS,
            accept=METADATA if self._options.metadata_only else JSON,
        )
        async with aclosing(lines):  # or a line that is rejected would leave the connection open, and filling
            async for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        change = split_change(line) if self._options.transform is None else None
        if change is not None:
            kind, raw = change
            try:
                obj = CachedObject.parse(raw, strict=True)
            except UNREADABLE:
                pass  # it is not an event, or one of an object that cannot be read so
            else:
                self._take_change(kind, obj)
                return
        refused: APIStatusError | None = None
        bookmark: Bookmark | None = None
        try:
            event = parse_line(line)
            kind = event.type
            if kind == "ERROR":
                refused = event.error()
            elif kind == "BOOKMARK":
                bookmark = event.bookmark()
        except UNREADABLE as error:
            raise APIConnectionError(f"watch of {self._path}: a line that is not an event ({error})") from error
        if refused is not None:
            raise refused
        if bookmark is not None:
            self._take_bookmark(bookmark)
            return
        found = self._parsed(event.object)
        if found is not None:
            self._take_change(kind, found)

    def _take_change(self, kind: str, obj: CachedObject) -> None:
        if self._initial is not None:
            # Not yet for the sink, nor a version to resume from: half of what exists would look like deletions.
            if kind == "DELETED":
                self._initial.pop(obj.key, None)
            else:
                self._initial[obj.key] = self._store.known(obj)
            return
        if kind == "DELETED":
            self._store.remove(obj)
        else:
            self._store.put(obj)
        # Only now: an event counts as seen when the sink has it.
        self._version = obj.resource_version
        self._recovered()

    def _take_bookmark(self, bookmark: Bookmark) -> None:
        if self._initial is not None:
            if not bookmark.ends_initial_events:
                return
            self._replace(self._initial.values(), bookmark.version)
            self._initial = None
        elif went_back(self._version, bookmark.version):
            raise GoneError(f"watch of {self._path}: the resourceVersions went back", code=410, reason="Expired")
        self._version = bookmark.version or self._version
        self._recovered()

    def _parsed(self, item: msgspec.Raw) -> CachedObject | None:
        """Return an object, or None when not even its metadata can be read."""
        raw, transform = bytes(item), self._options.transform
        try:
            return CachedObject.parse(raw) if transform is None else transformed(raw, transform, self._fields())
        except UNREADABLE as error:
            logger.error(
                "Ignoring an object whose metadata cannot be read",
                extra={**self._fields(), "error": str(error)},
            )
            return None

    def _known(self, item: msgspec.Raw) -> CachedObject | None:
        """Return an object as it is kept; None when not even its metadata can be read."""
        # Most of a list that is read again is known: a second copy of everything would stay in the heap as holes.
        obj = self._parsed(item)
        return None if obj is None else self._store.known(obj)

    def _replace(self, objects: Iterable[CachedObject], version: str) -> None:
        self._store.replace(objects, self._scope.namespace, version)
        if self._options.on_served is not None:
            self._options.on_served(True)

    async def _absent(self, on_served: Callable[[bool], None]) -> None:
        """Forget the objects of a kind that the API server lacks, and wait a while for the kind."""
        self._store.replace((), self._scope.namespace, _LATER_THAN_ALL)
        on_served(False)
        self._version = ""
        self._initial = None
        self._recovered()
        await asyncio.sleep(random.uniform(*ABSENT_SECONDS))  # noqa: S311

    def _recovered(self) -> None:
        self._progress = True
        self._failures = 0
        self._gone = False
        self.last_error = None

    async def _back_off(self, error: KaiwuError) -> None:
        self.last_error = error
        pause = back_off(self._failures, first=FIRST_BACKOFF_SECONDS, max_delay=MAX_BACKOFF_SECONDS)
        self._failures += 1
        if isinstance(error, APIStatusError) and error.retry_after is not None:
            pause = max(pause, min(error.retry_after, MAX_RETRY_AFTER_SECONDS))
        logger.warning(
            "Cannot list or watch; retrying",
            extra={
                **self._fields(),
                "error": explain(error, self._identity, self._scope),
                "seconds": round(pause, 1),
            },
        )
        await asyncio.sleep(pause)

    def _fields(self) -> dict[str, str]:
        fields = {"kind": self._identity.kind, "group": self._identity.group}
        if self._cache:
            fields["cache"] = self._cache
        return {**fields, "namespace": self._scope.namespace} if self._scope.namespace else fields
