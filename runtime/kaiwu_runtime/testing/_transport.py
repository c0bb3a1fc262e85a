"""An API server in memory behind the :class:`~kaiwu_runtime.client.Transport` protocol.

It supports the following, and its tests compare it with a real API server:

- create (with generateName), get, list (label selectors, ``metadata.name`` and ``metadata.namespace``, pages), delete
  (preconditions, finalizers; also of a collection), merge patch, JSON patch, server-side apply, dry run, the status
  and scale subresources, and evictions within a PodDisruptionBudget;
- required fields, as the types of the kinds have them;
- uid, resourceVersion, creationTimestamp, generation and managedFields; a write that changes nothing makes no version;
- metadata-only gets, lists and watches;
- commands in pods, logs and proxied requests, as a test says what they answer; discovery of the kinds of a group;
- watches from a version, with ADDED, MODIFIED, DELETED, BOOKMARK, and 410 after `FakeTransport.compact`.

Server-side apply has no schema here. Lists are atomic, but for these, which are merged by key: ``containers``,
``initContainers``, ``ephemeralContainers``, ``env``, ``volumes``, ``imagePullSecrets`` and ``webhooks`` by ``name``,
``volumeMounts`` by ``mountPath``, ``ports`` by ``containerPort`` or ``port`` with ``protocol``, ``conditions`` by
``type``, ``metadata.ownerReferences`` by ``uid``; ``metadata.finalizers`` is a set. ``selector`` and ``nodeSelector``
are atomic maps. A custom resource behaves so when its schema has the list type ``map`` for such a list.

It does not support: schemas (except required fields), defaults, pruning, admission (except `call_webhooks`), RBAC;
controllers, so pods never run and the garbage collector is off by default; strategic merge patch, PUT, apply of a
scale, conversion between versions. Namespaces need not exist, and their deletion deletes nothing; a list is always of
the newest version, and a watch cannot begin with one (sendInitialEvents); a write to ``status`` ignores metadata, but
for the annotations of a Deployment. For these use `kaiwu_runtime.envtest`.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kaiwu_runtime import _clock as clock
from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.client._codec import encode
from kaiwu_runtime.errors import WatchInterruptedError
from kaiwu_runtime.rest._transport import JSON, Created
from kaiwu_runtime.testing._dispatch import APPLY, Dispatcher
from kaiwu_runtime.testing._garbage import GarbageCollector
from kaiwu_runtime.testing._injection import FakeRequest, answered
from kaiwu_runtime.testing._kinds import FakeKind, Target, group_version
from kaiwu_runtime.testing._node import FakeNode
from kaiwu_runtime.testing._partial import accepted, partial_line
from kaiwu_runtime.testing._reads import selection
from kaiwu_runtime.testing._request_hooks import RequestHooks
from kaiwu_runtime.testing._served_kinds import ServedKinds
from kaiwu_runtime.testing._storage import Change, Storage
from kaiwu_runtime.testing._watch_lines import bookmark_line, check_watch_options, expired_line, watch_event
from kaiwu_runtime.testing._writes import Writer

if TYPE_CHECKING:
    from kaiwu_runtime.manager._manager import Manager
    from kaiwu_runtime.testing._admission import Admission, Unstable
    from kaiwu_runtime.webhook._admission import UserInfo

_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


class FakeTransport(RequestHooks, FakeNode):
    """An API server in memory; ``Client(FakeTransport(MyKind))`` is a client of it.

    Kubernetes' own kinds are served without being named.

    Args:
        kinds: Types decorated with ``resource``, generic lightkube kinds, or :class:`FakeKind` for one that differs.
        objects: What there is at the start, as objects of any kind that a client can write: stored as they are, status
            and system fields included, without a request.
        wall: The time of day, with a time zone, for creationTimestamp and the like.
        collect_garbage: Delete objects whose owners are gone and carry out the policies ``Foreground`` and ``Orphan``,
            as the garbage collector of a cluster does, before the write that is the reason is answered. A control plane
            of :mod:`kaiwu_runtime.envtest` has none.

    Attributes:
        requests: Every request so far, those that failed included.
        fence: Called before each write, as a manager's leader election has it; what it raises is raised.

    Raises:
        InvalidError: The API server would not have stored one of the objects.
        AlreadyExistsError: Two of them have the same kind, namespace and name.
        TypeError: One of them is not an object of a Kubernetes kind.
    """

    def __init__(
        self,
        *kinds: type[Any] | FakeKind,
        objects: Iterable[object] = (),
        wall: Callable[[], datetime] = clock.now,
        collect_garbage: bool = False,
    ) -> None:
        super().__init__()
        self._kinds = ServedKinds(kinds)
        self._storage = Storage()
        self._writer = Writer(self._storage, wall)
        self._dispatcher = Dispatcher(self._storage, self._writer)
        self._collector = GarbageCollector(self._storage, self._writer) if collect_garbage else None
        self._admission: Admission | None = None
        self.requests: list[FakeRequest] = []
        self._received_count = 0
        self.fence: Callable[[], None] | None = None
        for obj in objects:
            self._writer.seed(self._kinds.add(type(obj)), json.loads(encode(obj)))

    def serve(self, *kinds: type[Any]) -> None:
        """Serve more kinds.

        Args:
            kinds: See the class.
        """
        for kind in kinds:
            self._kinds.add(kind)

    def call_webhooks(
        self,
        manager: Manager,
        user: Callable[[], UserInfo] | None = None,
        *,
        on_unstable: Callable[[Unstable], None] | None = None,
    ) -> None:
        """Call the defaulters and validators of a manager for each write, as the API server calls its webhooks.

        The manager need not run. The rules of ``@mutating`` and ``@validating`` count, selectors and conditions do not;
        what is deleted as a collection, evicted or scaled is not reviewed.

        Args:
            manager: Has its webhooks already.
            user: Returns who sends the present request; default is an administrator.
            on_unstable: Told of each defaulter that changes its own result, for which it is called twice.

        Raises:
            ConfigurationError: The manager has no webhooks.
        """
        from kaiwu_runtime.testing._admission import ADMINISTRATOR, Admission  # noqa: PLC0415 - most tests need none

        self._admission = Admission(
            manager,
            user or (lambda: ADMINISTRATOR),
            self._dispatcher,
            self._storage,
            self._writer,
            on_unstable=on_unstable,
        )

    @property
    def version(self) -> int:
        """The resourceVersion of the last change."""
        return self._storage.version

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call a function at each change of an object, after it was stored."""
        self._storage.listen(listener)

    def stored(self) -> list[dict[str, Any]]:
        """Return every object there is, as JSON; not to be changed."""
        return self._storage.everything()

    def compact(self) -> None:
        """Forget the history, as etcd does: older watches and lists that go on are answered with 410."""
        self._storage.compact()

    def bookmark(self, kind: type[Any] | None = None) -> None:
        """Send a bookmark to the open watches of a kind; None for all."""
        self._storage.bookmark(self._kind_of(kind))

    def end_watches(self, kind: type[Any] | None = None, error: Exception | None = None) -> None:
        """End the open watches of a kind.

        Args:
            kind: None for all.
            error: What they raise, for example an APIConnectionError; None ends them as the server does.
        """
        wanted = self._kind_of(kind)
        for watcher in self._storage.watchers:
            if wanted is None or watcher.kind == wanted:
                watcher.changes.put_nowait(error)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        """Answer a request; see :class:`~kaiwu_runtime.client.Transport`."""
        await asyncio.sleep(0)  # other tasks go on meanwhile, as with a server
        if method == "GET" and (asked := group_version(path)) is not None:
            return self._storage.encoded(self._kinds.discovered(*asked))
        kind, target = self._kinds.resolve(path)
        if self.fence is not None and method != "GET":
            self.fence()
        verb = _VERBS.get(method, method)
        if method == "GET":
            verb = "get" if target.name else "list"
        elif content_type == APPLY:
            verb = "apply"
        request = await self._received(verb, kind, target, body or b"")
        if error := self._faults.next_failure(request, stored=False):
            raise error
        version = self._storage.version
        key = ObjectKey(target.namespace, target.name)
        created = verb == "create" or (verb == "apply" and self._storage.get(kind, key) is None)
        answered.set(request)
        if self._admission is None:
            found = self._dispatcher.answer(kind, request, params or {}, content_type)
            request.changed = self._storage.version != version
        else:
            found, request.changed = await self._admission.answer(kind, request, params or {}, content_type)
        if request.changed and self._collector is not None:
            self._collector.collect()
        answer = self._storage.encoded(accepted(found, accept))
        await self._faults.run_hooks(request, late=True)
        if error := self._faults.next_failure(request, stored=True):
            raise error
        return Created(answer) if created else answer

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.client.Transport`."""
        await asyncio.sleep(0)
        kind, target = self._kinds.resolve(path)
        request = await self._received("watch", kind, target, b"")
        if error := self._faults.next_failure(request, stored=False):
            raise error
        check_watch_options(params)
        selects = selection(target.namespace, params)
        watcher = self._storage.open(kind, params.get("resourceVersion", ""))
        if watcher is None:
            yield expired_line(params["resourceVersion"])
            return
        bookmarks = params.get("allowWatchBookmarks", "") in {"1", "true"}
        seconds = float(params.get("timeoutSeconds") or "inf")
        try:
            now = asyncio.get_running_loop().time
            end = now() + seconds
            deadline = min(end, now() + idle_timeout)
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        change = await watcher.changes.get()
                except TimeoutError:
                    if deadline < end:
                        raise WatchInterruptedError(f"watch of {path}: timed out") from None
                    if bookmarks:
                        yield bookmark_line(kind, self._storage.version)
                    return
                if change is None:
                    return
                if isinstance(change, Exception):
                    raise change
                if change.before is change.after:  # None
                    line = bookmark_line(kind, change.version) if bookmarks else None
                else:
                    line = watch_event(change, selects)
                if line is not None:
                    yield line if accept == JSON else partial_line(line)
                    deadline = min(end, now() + idle_timeout)
        finally:
            self._storage.watchers.remove(watcher)

    async def close(self) -> None:
        """End every watch; the objects stay, for another client."""
        self.end_watches()

    def _kind_of(self, kind: type[Any] | None) -> FakeKind | None:
        return self._kinds.resolve(identify(kind).path())[0] if kind is not None else None

    async def _received(self, verb: str, kind: FakeKind, target: Target, body: bytes) -> FakeRequest:
        self._received_count += 1
        request = FakeRequest(
            verb, kind.identity, target.namespace, target.name, target.subresource, body, self._received_count
        )
        self.requests.append(request)
        await self._faults.run_hooks(request, late=False)
        return request
