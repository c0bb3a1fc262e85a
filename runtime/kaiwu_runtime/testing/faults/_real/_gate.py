"""What stands between the operator and a real API server: it counts effects, and one of them meets the plan's fault.

An effect is found again by what it is and how often that happened before: the order of writes that run at the same time
differs from run to run.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from aiohttp import web

from kaiwu_runtime.testing._fault_proxy._answers import PassOn, Refuse
from kaiwu_runtime.testing._fault_proxy._server import Server
from kaiwu_runtime.testing.faults._plans import KILLED, REFUSALS, Effect, Plan
from kaiwu_runtime.testing.faults._real._calls import Fate
from kaiwu_runtime.testing.faults._real._commands import Commands
from kaiwu_runtime.testing.faults._real._permissions import forbidden
from kaiwu_runtime.testing.faults._real._resources import Resources, Write, json_object

CATCH_UP_SECONDS = 2.0
"""How long the cache of a new leader stays behind."""

_PATIENCE_SECONDS = 15.0
_RETRY_SECONDS = 2.0
_POLL_SECONDS = 0.02
_KILLING = frozenset({"kill-after", "stale"})
_VOLATILE = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|\b0x[0-9a-f]+"
    r"|(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}(?![0-9A-Za-z])"
)
_WITHOUT_EFFECT = frozenset({"binding", "token", "exec", "attach", "portforward", "proxy"})


class _Place(NamedTuple):
    text: str
    number: int


class Gate:
    """An action of the HTTP fault proxy, for every request of one run.

    Args:
        server: The API server.
        resources: Its resources.
        plan: The fault.
        effects: Those of the run without faults; empty in that run itself.
        check: Looks at the invariants.
        on_killed: Called when the plan ends this life of the operator.

    Attributes:
        effects: What the operator did.
        reached: Whether the fault took place.
        forbidden: The first request that the operator has no permission for, and the cure; empty without any.
        watches: How many watches were begun.
        leading_since: When this life took its Lease, in monotonic seconds; None before.
        watched: Paths of the watches of this run.
        managers: Field managers of the operator's writes.
        written: Versions that its writes made.
        commands: Answers commands in Pods and requests for logs; None: the API server does, without nodes.
        busy_until: Until when the client may still wait before it sends a refused request again, in monotonic seconds.
    """

    def __init__(
        self,
        server: Server,
        resources: Resources,
        plan: Plan,
        effects: Sequence[Effect],
        *,
        watched: frozenset[str],
        check: Callable[[], Awaitable[None]],
        on_killed: Callable[[], None],
    ) -> None:
        self._server = server
        self._resources = resources
        self._plan = plan
        self._place = place_of(effects, plan.number) if plan.pattern in {*_KILLING, "refuse"} else None
        self._watched = watched
        self._check = check
        self._on_killed = on_killed
        self._counts: Counter[str] = Counter()
        self._versions: list[str] = []
        self._behind = ""
        self._listed: set[str] = set()
        self._born = time.monotonic()
        self.effects: list[Effect] = []
        self.reached = plan.pattern == "none"
        self.forbidden = ""
        self.watches = 0
        self.watched: set[str] = set()
        self.leading_since: float | None = None
        self.managers: set[str] = set()
        self.written: set[str] = set()
        self.commands: Commands | None = None
        self.busy_until = 0.0

    def begin_life(self) -> None:
        """Note that another process of the operator starts."""
        self.leading_since = None
        self._listed = set()
        self._born = time.monotonic()

    @property
    def is_behind(self) -> bool:
        """Whether the cache of this life is still kept behind."""
        if not self._behind:
            return False
        now, since = time.monotonic(), self.leading_since
        over = now - since > CATCH_UP_SECONDS if since is not None else now - self._born > _PATIENCE_SECONDS
        if over:
            self._behind = ""
        return not over

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        """Answer a request of the operator."""
        response = await self._answer(request, pass_on)
        if response.status == 403 and not self.forbidden:
            self.forbidden = forbidden(request, await request.read(), response, self._resources)
        return response

    async def _answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        if self.commands is not None and (target := self.commands.target(_path(request))) is not None:
            return await self.commands.answer(request, target, pass_on)
        if request.method == "GET":
            return await self._read(request, pass_on)
        write = self._resources.write(request.method, _path(request), request.content_type)
        if write is None or "dryRun" in request.query:
            return await pass_on(request)
        if write.target.plural == "leases" and request.method != "POST":
            return await self._renew(request, pass_on)
        if write.target.plural == "events":
            return await pass_on(request)
        return await self._write(request, pass_on, write)

    async def _read(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        path = _path(request)
        if request.query.get("watch") in {"1", "true"}:
            while self.is_behind:  # noqa: ASYNC110 - time passes by itself
                await asyncio.sleep(_POLL_SECONDS)
            self.watches += 1
            self.watched.add(path)
            return await pass_on(request)
        # The list of an informer; what a reconciler lists past the cache is the newest state.
        if self.is_behind and path in self._watched and path not in self._listed:
            if "continue" not in request.query:
                query = {**request.query, "resourceVersion": self._behind, "resourceVersionMatch": "Exact"}
                request = request.clone(rel_url=request.rel_url.with_query(query))
            response = await pass_on(request)
            if not json_object(_body(response)).get("metadata", {}).get("continue"):
                self._listed.add(path)
            return response
        return await pass_on(request)

    async def _renew(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        response = await pass_on(request)
        self._note_lease(response)
        return response

    def _note_lease(self, response: web.StreamResponse) -> None:
        spec = json_object(_body(response)).get("spec") or {}
        if response.status < 300 and spec.get("holderIdentity") and self.leading_since is None:
            self.leading_since = time.monotonic()

    async def _write(self, request: web.BaseRequest, pass_on: PassOn, write: Write) -> web.StreamResponse:
        self.managers.update(request.query.getall("fieldManager", []))
        text = write.text(await request.read())
        refused = ""
        if self._plan.detail in REFUSALS and not self.reached and self._is_next(text):
            refused = self._plan.detail
        if refused and refused != "lost":
            self.reached = True
            self.busy_until = time.monotonic() + _RETRY_SECONDS
            answer = Refuse(int(refused), retry_after=1 if refused == "429" else None)
            return await answer.answer(request, pass_on)
        before = await self._before(request, write)
        version = await self.version()
        response = await pass_on(request)
        if write.target.plural == "leases":
            self._note_lease(response)
        if not _has_changed(write, response, before):
            return response
        self.written.add(str((json_object(_body(response)).get("metadata") or {}).get("resourceVersion", "")))
        hit = await self._happened(Effect(text, len(self.effects) + 1), version)
        if hit and refused:
            self.reached = True
            if request.transport is not None:
                request.transport.abort()
        return response

    def failure(self, text: str) -> str:
        """Return how a call to the outside fails before it takes effect; see `Calls`."""
        if self._plan.detail not in {"unsent", KILLED} or self.reached or not self._is_next(text):
            return ""
        self.reached = True
        self.busy_until = time.monotonic() + _RETRY_SECONDS
        return self._plan.detail

    async def call(self, text: str, version: str) -> Fate:
        """Count a call to the outside that changed something there, and return what becomes of it; see `Calls`."""
        if not await self._happened(Effect(text, 0), version):
            return ""
        if self._plan.pattern in _KILLING:
            return "killed"
        if self._plan.detail != "lost":
            return ""
        self.reached = True
        self.busy_until = time.monotonic() + _RETRY_SECONDS
        return "lost"

    async def _happened(self, effect: Effect, version: str) -> bool:
        """Count an effect, and return whether it is the plan's, which has killed the operator if it is to."""
        hit = not self.reached and self._is_next(effect.text)
        self.effects.append(effect)
        self._counts[_stable(effect.text)] += 1
        self._versions.append(version)
        if effect.request:
            await self._check()
        if hit and self._plan.pattern in _KILLING:
            self.reached = True
            if self._plan.pattern == "stale":
                self._behind = self._versions[max(0, len(self._versions) - int(self._plan.detail))]
            self._on_killed()
        return hit

    def _is_next(self, text: str) -> bool:
        return self._place is not None and self._place == (_stable(text), self._counts[_stable(text)] + 1)

    async def _before(self, request: web.BaseRequest, write: Write) -> str:
        """Return the version of the object that is written; empty if there is none."""
        if not write.target.name or request.method == "POST":
            return ""
        status, found = await self._server.request("GET", _path(request))
        return str(found["metadata"]["resourceVersion"]) if status == 200 and "metadata" in found else ""

    async def version(self) -> str:
        """Return the version of the last change of any object, if the plan needs it."""
        if self._plan.pattern != "stale" or self.reached:
            return ""
        _, found = await self._server.request("GET", "/api/v1/namespaces?limit=1")
        return str(found.get("metadata", {}).get("resourceVersion", ""))


def place_of(effects: Sequence[Effect], number: int) -> _Place | None:
    """Return which of equal effects an effect is, or None if there is no such effect.

    Args:
        effects: All of them.
        number: The effect, from 1.
    """
    if not 1 <= number <= len(effects):
        return None
    text = _stable(effects[number - 1].text)
    return _Place(text, sum(_stable(effect.text) == text for effect in effects[:number]))


def _stable(text: str) -> str:
    """Return an effect without what differs from run to run: uids, times, generated names and addresses in memory."""
    return _VOLATILE.sub("*", text)


def _has_changed(write: Write, response: web.StreamResponse, before: str) -> bool:
    """Return whether a write that was answered has changed something."""
    if response.status >= 300:
        return False
    if write.verb == "create":
        return write.target.subresource not in _WITHOUT_EFFECT
    answer = json_object(_body(response))
    if write.verb == "delete" and not write.target.name:
        return bool(answer.get("items"))
    if answer.get("kind") == "Status":  # of an object that is gone
        return True
    metadata = answer.get("metadata") or {}
    if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and write.verb != "delete":
        return True  # the last finalizer was removed: the object is gone, without another version
    return str(metadata.get("resourceVersion", "")) != before


def _path(request: web.BaseRequest) -> str:
    return request.raw_path.partition("?")[0]


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return body if isinstance(body, bytes) else b""
