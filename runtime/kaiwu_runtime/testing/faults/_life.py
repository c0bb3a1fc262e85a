"""One life of the operator: from its start until it is killed, with the transport through which it sees the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from contextvars import ContextVar
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket
from kaiwu_runtime.rest._transport import JSON
from kaiwu_runtime.testing._injection import answered
from kaiwu_runtime.testing._kinds import parse_path
from kaiwu_runtime.testing._refusals import refusal
from kaiwu_runtime.testing._transport import FakeTransport
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._commands import CountedSocket, call_through_server
from kaiwu_runtime.testing.faults._end_state import SKIPPED
from kaiwu_runtime.testing.faults._history import History
from kaiwu_runtime.testing.faults._plans import COMMAND, Observed

CATCH_UP_SECONDS = 10.0
"""How long a cache that is behind stays so."""

HELD_SECONDS = 20.0
"""How long an event is held back in the hope for the next one of the object."""

_ENDING_SECONDS = 120.0
_IGNORED = frozenset({"events", "leases"})

current: ContextVar[OperatorLife | None] = ContextVar("kaiwu_fault_life", default=None)
"""The life that a task belongs to."""


class OperatorLife:
    """A life, and the transport of its client.

    Args:
        server: The API server in memory.
        history: Counts what happens, over all lives of a run.
        on_killed: Called when the plan ends this life.
        seen_at: The version that its cache sees at first; 0 for the newest.
        changes: Runs the commands in pods: one that changes something outside Kubernetes is an effect.
        failure: Returns the error of a call to what is outside, given its type, the call, and whether it took effect.
    """

    def __init__(
        self,
        server: FakeTransport,
        history: History,
        on_killed: Callable[[], None],
        *,
        seen_at: int = 0,
        changes: Changes,
        failure: Callable[[type[Any], str, bool], Exception],
    ) -> None:
        self._server = server
        self.failure = failure
        self.changes = changes
        self._history = history
        self._on_killed = on_killed
        self._seen_at = seen_at
        self._caught_up = asyncio.Event()
        self.dead = False
        self.tasks: set[asyncio.Task[Any]] = set()
        if seen_at:
            asyncio.get_running_loop().call_later(CATCH_UP_SECONDS, self._caught_up.set)
        else:
            self._caught_up.set()

    def call(self, text: str) -> tuple[int, str]:
        """Count a call to the outside, and return its number and how it fails, or an empty text."""
        return self._history.call(text)

    def query(self, text: str, call: int) -> None:
        """Note a call to the outside that changed nothing."""
        self._history.query(text, call)

    def effect(self, text: str, request: int = 0, *, call: int = 0) -> None:
        """Count an effect; after the one that the plan names, this life is over."""
        if not request:
            self._history.written_at(self._server.version)
        if self._history.effect(text, request, call):
            self.dead = True
            self._on_killed()

    async def end(self) -> None:
        """Wait for the end of the task: a process that was killed does nothing any longer."""
        await asyncio.Event().wait()

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
        """Send a request, unless the plan has something else in mind."""
        await self._begin()
        target = parse_path(path)
        counted = method != "GET" and target is not None and target.plural not in _IGNORED
        number, refused = self._history.write() if counted else (0, "")
        if refused and refused != "lost":
            raise refusal(int(refused), f"the fault kit answers {refused}")
        if method == "GET" and not self._caught_up.is_set() and target is not None and not target.name and _informs():
            params = {**(params or {}), "resourceVersion": str(self._seen_at), "resourceVersionMatch": "Exact"}
        if counted and params is not None and "fieldManager" in params:
            self._history.managers.add(params["fieldManager"])
        version = self._server.version
        answer = await self._server.request(
            method, path, params=params, body=body, content_type=content_type, accept=accept
        )
        if self.dead:  # killed by another effect, while this request was under way
            await self.end()
        if counted and (request := answered.get()).changed:  # discovery, for one, leaves no request there
            self._history.written_at(version)
            await self._history.check()
            self.effect(f"{request.verb} {_described(request)}", number)
        if self.dead:
            await self.end()
        if refused:
            raise APIConnectionError("the fault kit lost the answer")
        return answer

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch: late while the cache is behind, and without an event that the plan leaves out."""
        await self._caught_up.wait()
        stream = f"{path} {accept}"
        pending: asyncio.Task[bytes | None] | None = None
        held: tuple[str, bytes, float] | None = None
        now = asyncio.get_running_loop().time
        lines = self._server.stream(path, params=params, idle_timeout=idle_timeout, accept=accept)
        async with aclosing(lines):
            try:
                while True:
                    pending = pending or asyncio.create_task(_next(lines))
                    timeout = None if held is None else max(0.0, held[2] - now())
                    await asyncio.wait({pending}, timeout=timeout)
                    if self.dead:
                        await self.end()
                    if not pending.done():
                        if held is not None:  # the object does not change any more
                            yield held[1]
                        held = None
                        continue
                    finished, pending = pending, None
                    # The next watch begins after what this one delivered, so it would not bring what is held back.
                    if held is not None and (finished.exception() is not None or finished.result() is None):
                        yield held[1]
                        held = None
                    line = finished.result()
                    if line is None:
                        return
                    about = self._observed(stream, line)
                    if about is not None and held is not None and held[0] == about.object:
                        held = None  # only this one is delivered
                    elif about is not None and self._history.observe(about):
                        held = (about.object, line, now() + HELD_SECONDS)
                        continue
                    yield line
            finally:
                if pending is not None:
                    pending.cancel()
                    with suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                        await pending

    async def answer(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        content_type: str = "",
        seconds: float = ANSWER_SECONDS,
        limit: int = ANSWER_BYTES,
    ) -> Answer:
        """Pass a request on to a pod or a Service."""
        await self._begin()
        call = call_through_server(f"{method.lower()} {path}", self)
        found = await self._server.answer(
            method, path, params=params, body=body, content_type=content_type, seconds=seconds, limit=limit
        )
        if self.dead:
            await self.end()
        call.count(changed=False)
        return found

    async def chunks(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), idle_timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Yield a log."""
        await self._begin()
        call = call_through_server(f"logs of {_pod(path)}", self)
        async with aclosing(self._server.chunks(path, params=params, idle_timeout=idle_timeout)) as found:
            async for chunk in found:
                if self.dead:
                    await self.end()
                yield chunk
        call.count(changed=False)

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> Socket:
        """Run a command in a pod."""
        await self._begin()
        words = " ".join(value for name, value in params if name == "command")
        command = call_through_server(f"{COMMAND}{_pod(path)}: {words}", self)
        socket = await self._server.websocket(path, params=params, subprotocols=subprotocols)
        return CountedSocket(socket, self, self.changes, command, self._history)

    async def close(self) -> None:
        """Leave the server as it is, for the next life."""

    async def kill(self) -> None:
        """End every task of this life."""
        self.dead = True
        for _ in range(3):
            left = {task for task in self.tasks if not task.done()}
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_ENDING_SECONDS)
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.exception()  # otherwise asyncio logs that it was never retrieved

    async def _begin(self) -> None:
        """Count a request; it is not sent if the operator was killed."""
        if self._history.request():
            self.dead = True
        if self.dead:
            await self.end()

    def _observed(self, stream: str, line: bytes) -> Observed | None:
        event = json.loads(line)
        obj = event["object"]
        if event["type"] not in {"ADDED", "MODIFIED", "DELETED"} or obj.get("kind") in SKIPPED:
            return None
        metadata = obj["metadata"]
        key = str(ObjectKey(metadata.get("namespace", ""), metadata["name"]))
        kind = stream.partition(" ")[0].rpartition("/")[2] if obj["kind"] == "PartialObjectMetadata" else obj["kind"]
        return Observed(f"{event['type']} {kind} {key}", stream, key, self._history.next_event(stream, key))


def tracked(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    **options: Any,  # noqa: ANN401 - of a task
) -> asyncio.Task[Any]:
    """Make a task that belongs to the life of its creator."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    life = current.get()
    if life is not None:
        life.tasks.add(task)
        task.add_done_callback(life.tasks.discard)
    return task


async def _next(lines: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(lines, None)


def _informs() -> bool:
    """Return whether an informer asks: what a reconciler reads past the cache is the newest state."""
    task = asyncio.current_task()
    return task is not None and task.get_name().startswith("reflector ")


def _pod(path: str) -> str:
    target = parse_path(path)
    return f"Pod {target.namespace}/{target.name}" if target is not None else path


def _described(request: Any) -> str:  # noqa: ANN401 - FakeRequest
    kind = request.identity.kind + (f"/{request.subresource}" if request.subresource else "")
    name = request.name or (_created_name(request.body) if request.verb == "create" else "")
    where = "/".join(filter(None, (request.namespace, name)))
    return f"{kind} {where}"


def _created_name(body: bytes) -> str:
    """Return the name of an object that is created; empty if the server makes one of its generateName."""
    return str((json.loads(body).get("metadata") or {}).get("name") or "")
