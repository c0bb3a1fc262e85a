"""A fake node: commands in containers, logs, and answers of pods and Services.

Nothing is executed: a test defines what a command writes.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket
from kaiwu_runtime.testing._kinds import FakeKind, Target
from kaiwu_runtime.testing._refusals import not_found, refusal

if TYPE_CHECKING:
    from kaiwu_runtime.client._exec import ExecResult
    from kaiwu_runtime.client._service_proxy import ProxyResponse
    from kaiwu_runtime.testing._injection import FakeRequest, Faults
    from kaiwu_runtime.testing._served_kinds import ServedKinds
    from kaiwu_runtime.testing._storage import Storage

_V5 = "v5.channel.k8s.io"
_CLOSE_STDIN = b"\xff\0"


@dataclass(frozen=True, slots=True)
class FakeCommand:
    """A command that is to be run in a container.

    Attributes:
        pod: The pod's key.
        container: Name of the container; empty for the pod's default one.
        command: The program and its arguments.
        stdin: What was written to its standard input; None if there was none.
    """

    pod: ObjectKey
    container: str
    command: tuple[str, ...]
    stdin: bytes | None


@dataclass(frozen=True, slots=True)
class FakeProxyRequest:
    """A GET that is passed on to a pod or a Service.

    Attributes:
        kind: ``Pod``, ``Service`` or ``Node``.
        key: The object's key.
        path: Path of the request.
        port: Number or name; empty for the default one.
        scheme: ``http`` or ``https``; empty for the default one.
        params: The query.
    """

    kind: str
    key: ObjectKey
    path: str
    port: str
    scheme: str
    params: tuple[tuple[str, str], ...]


OnExec = Callable[[FakeCommand], "ExecResult | Awaitable[ExecResult]"]
OnLogs = Callable[[ObjectKey, str], "str | Awaitable[str]"]
OnProxy = Callable[[FakeProxyRequest], "ProxyResponse | Awaitable[ProxyResponse]"]


class _Server(Protocol):
    """The parts of the fake API server that are used here."""

    fence: Callable[[], None] | None
    _faults: Faults
    _kinds: ServedKinds
    _storage: Storage

    async def _received(self, verb: str, kind: FakeKind, target: Target, body: bytes) -> FakeRequest: ...


class FakeNode:
    """The part of :class:`~kaiwu_runtime.testing.FakeTransport` that answers for nodes."""

    _on_exec: OnExec | None = None
    _on_logs: OnLogs | None = None
    _on_proxy: OnProxy | None = None

    def on_exec(self, function: OnExec) -> None:
        """Set what commands in containers do.

        Args:
            function: Gets a :class:`FakeCommand` and returns an ``ExecResult``; may be async. An exception is what the
                client raises.
        """
        self._on_exec = function

    def on_logs(self, function: OnLogs) -> None:
        """Set what containers have logged.

        Args:
            function: Gets the pod's key and the container's name, and returns the log; may be async. Options such as
                ``tail`` do not count.
        """
        self._on_logs = function

    def on_proxy(self, function: OnProxy) -> None:
        """Set what pods and Services answer.

        Args:
            function: Gets a :class:`FakeProxyRequest` and returns a ``ProxyResponse``; may be async.
        """
        self._on_proxy = function

    async def answer(
        self: _Server,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        content_type: str = "",  # noqa: ARG002
        seconds: float = ANSWER_SECONDS,  # noqa: ARG002
        limit: int = ANSWER_BYTES,  # noqa: ARG002
    ) -> Answer:
        """Answer a request to a pod or a Service; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        base, _, inner = path.partition("/proxy/")
        whole, _, named = base.rpartition("/")
        scheme, name, port = _split(named)
        try:
            kind = await _object(self, f"{whole}/{name}/proxy", "get", body or b"")
        except APIStatusError as error:
            return Answer(error.code, (), json.dumps(_status(error)).encode())
        function = self._on_proxy  # type: ignore[attr-defined]  # FakeNode's
        if method != "GET" or function is None:
            message = "no endpoints available: tell FakeTransport.on_proxy what is answered"
            return Answer(503, (), json.dumps(_status(refusal(503, message))).encode())
        _, target = self._kinds.resolve(f"{whole}/{name}")
        key = ObjectKey(target.namespace, target.name)
        found = function(FakeProxyRequest(kind.identity.kind, key, f"/{inner}", port, scheme, tuple(params)))
        response: ProxyResponse = await found if inspect.isawaitable(found) else found
        return Answer(response.status, response.headers, response.body)

    async def chunks(
        self: _Server,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        idle_timeout: float,  # noqa: ARG002
    ) -> AsyncGenerator[bytes, None]:
        """Yield a log; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        await _object(self, path, "get", b"")
        function = self._on_logs  # type: ignore[attr-defined]  # FakeNode's
        if function is None:
            raise refusal(400, "the container has not started: tell FakeTransport.on_logs what it has logged")
        _, target = self._kinds.resolve(path)
        found = function(ObjectKey(target.namespace, target.name), dict(params).get("container", ""))
        text: str = await found if inspect.isawaitable(found) else found
        yield text.encode()

    async def websocket(
        self: _Server,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),  # noqa: ARG002
    ) -> Socket:
        """Open a WebSocket to a command; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        if self.fence is not None:
            self.fence()
        await _object(self, path, "create", b"")
        function = self._on_exec  # type: ignore[attr-defined]  # FakeNode's
        if function is None:
            raise refusal(500, "nothing runs here: tell FakeTransport.on_exec what the command does")
        _, target = self._kinds.resolve(path)
        query = dict(params)
        words = tuple(value for name, value in params if name == "command")
        key = ObjectKey(target.namespace, target.name)

        async def run(stdin: bytes | None) -> ExecResult:
            found = function(FakeCommand(key, query.get("container", ""), words, stdin))
            result: ExecResult = await found if inspect.isawaitable(found) else found
            return result

        return _FakeSocket(run, reads="stdin" in query)


class _FakeSocket:
    """A WebSocket to a command, which runs when its standard input is complete."""

    subprotocol = _V5

    def __init__(self, run: Callable[[bytes | None], Awaitable[ExecResult]], *, reads: bool) -> None:
        self._run = run
        self._stdin: list[bytes] | None = [] if reads else None
        self._complete = asyncio.Event()
        if not reads:
            self._complete.set()
        self._messages: list[bytes] | None = None

    async def send(self, message: bytes) -> None:
        """Take standard input."""
        if message == _CLOSE_STDIN:
            self._complete.set()
        elif self._stdin is not None:
            self._stdin.append(message[1:])

    async def receive(self) -> bytes | None:
        """Return what the command writes, then its result."""
        await self._complete.wait()
        if self._messages is None:
            result = await self._run(None if self._stdin is None else b"".join(self._stdin))
            self._messages = [b"\1" + result.stdout, b"\2" + result.stderr, command_result(result.exit_code)]
        return self._messages.pop(0) if self._messages else None

    async def close(self) -> None:
        """Do nothing."""


async def _object(server: _Server, path: str, verb: str, body: bytes) -> FakeKind:
    """Record a request for what belongs to an object, which must exist, and return its kind."""
    kind, target = server._kinds.resolve(path)  # noqa: SLF001 - a part of it
    request = await server._received(verb, kind, target, body)  # noqa: SLF001
    if error := server._faults.next_failure(request, stored=False):  # noqa: SLF001
        raise error
    if server._storage.get(kind, ObjectKey(target.namespace, target.name)) is None:  # noqa: SLF001
        raise not_found(kind, target.name)
    return kind


def _split(named: str) -> tuple[str, str, str]:
    """Return scheme, name and port of what is named ``https:name:port``, ``name:port`` or ``name``."""
    parts = named.split(":")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return "", parts[0], parts[1] if len(parts) == 2 else ""


def _status(error: APIStatusError) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "details": error.details,
        "code": error.code,
    }


def command_result(exit_code: int) -> bytes:
    """Return the message that ends a command."""
    if exit_code == 0:
        return b'\3{"metadata":{},"status":"Success"}'
    causes = [{"reason": "ExitCode", "message": str(exit_code)}]
    return (
        b"\3" + json.dumps({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}).encode()
    )
