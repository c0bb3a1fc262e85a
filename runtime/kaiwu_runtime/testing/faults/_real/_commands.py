"""Commands in Pods and logs with a real API server, which has no nodes: `prepare` says what they answer.

The API server is asked first, so that permissions and Pods are the real ones.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import APIConnectionError, APIStatusError
from kaiwu_runtime.rest._raw_transport import Socket
from kaiwu_runtime.testing._fault_proxy._answers import PassOn
from kaiwu_runtime.testing._kinds import Target, parse_path
from kaiwu_runtime.testing._node import command_result
from kaiwu_runtime.testing._transport import FakeTransport
from kaiwu_runtime.testing.faults._changes import Changes, Ended
from kaiwu_runtime.testing.faults._outside import shortened
from kaiwu_runtime.testing.faults._plans import COMMAND, KILLED
from kaiwu_runtime.testing.faults._real._calls import Calls
from kaiwu_runtime.testing.faults._real._resources import json_object

_ANSWERED = frozenset({"exec", "log"})
_REFUSED = frozenset({401, 403, 404, 429})
_PROTOCOL = "v5.channel.k8s.io"
_RESULT = b"\3"


class Commands:
    """Runs what `prepare` has set.

    Args:
        server: The API server in memory that `prepare` has set it on.
        changes: Runs the commands.
        calls: Counts them.

    Attributes:
        changed: The types of what commands have changed outside.
    """

    def __init__(
        self,
        server: FakeTransport,
        changes: Changes,
        calls: Calls,
    ) -> None:
        self._server = server
        self._changes = changes
        self._calls = calls
        self.changed: set[type[Any]] = set()

    @staticmethod
    def target(path: str) -> Target | None:
        """Return the Pod that a command runs in, or whose log is read; None for another path."""
        target = parse_path(path)
        fits = target is not None and (target.group, target.plural) == ("", "pods") and target.subresource in _ANSWERED
        return target if fits else None

    async def answer(self, request: web.BaseRequest, target: Target, pass_on: PassOn) -> web.StreamResponse:
        """Answer a request for a command or a log.

        Args:
            request: The operator's.
            target: What `target` returned for its path.
            pass_on: Asks the API server.
        """
        runs = target.subresource == "exec"
        failure = self._calls.failure(_text(request, target)) if runs else ""
        if failure == "unsent":
            _abort(request)
            return web.Response()
        asked = await pass_on(request.clone(method="POST") if runs else request)
        if asked.status in _REFUSED or _lacks_container(asked):
            return asked
        path = request.raw_path.partition("?")[0]
        params = list(request.query.items())
        if failure:
            return await _killed(request)
        self._know(target)
        try:
            if runs:
                return await self._run(request, await self._server.websocket(path, params=params), target)
            text = b"".join([chunk async for chunk in self._server.chunks(path, params=params, idle_timeout=60.0)])
        except Exception as error:  # noqa: BLE001 - the user's own function
            status = _status(error)
            return web.json_response(status, status=status["code"])
        return web.Response(body=text, content_type="text/plain")

    def _know(self, target: Target) -> None:
        """Let the API server in memory have the Pod that the real one has."""
        kind, _ = self._server._kinds.resolve(f"/api/v1/namespaces/{target.namespace}/pods/{target.name}")  # noqa: SLF001
        if self._server._storage.get(kind, ObjectKey(target.namespace, target.name)) is None:  # noqa: SLF001
            metadata = {"name": target.name, "namespace": target.namespace}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
            self._server._writer.seed(kind, pod)  # noqa: SLF001

    async def _run(self, request: web.BaseRequest, command: Socket, target: Target) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=(_PROTOCOL,))
        await socket.prepare(request)
        reading = asyncio.create_task(_read(socket, command))
        try:
            version = await self._calls.version()
            ended = await self._changes.wait(command.receive())
            message, failed = _message(ended), ended.failure is not None
            if ended.changed:
                self.changed |= ended.changed
                if await self._calls.call(_text(request, target), version):
                    message = None
            if message is None:  # the answer is lost
                _abort(request)
                return socket
            while message is not None:
                await socket.send_bytes(message)
                message = None if failed else await command.receive()
            await socket.close()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return socket


async def _killed(request: web.BaseRequest) -> web.StreamResponse:
    """Answer as for a command that was killed before it did anything."""
    socket = web.WebSocketResponse(protocols=(_PROTOCOL,))
    await socket.prepare(request)
    await socket.send_bytes(command_result(int(KILLED)))
    await socket.close()
    return socket


def _text(request: web.BaseRequest, target: Target) -> str:
    words = " ".join(request.query.getall("command", []))
    return shortened(f"{COMMAND}Pod {target.namespace}/{target.name}: {words}")


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _message(ended: Ended) -> bytes | None:
    """Return the first message of a command, or None for no answer."""
    if ended.failure is not None and not isinstance(ended.failure, APIConnectionError):
        return _RESULT + json.dumps(_status(ended.failure)).encode()
    message: bytes | None = None if ended.failure is not None else ended.result()
    return message


def _status(error: Exception) -> dict[str, Any]:
    """Return the Status of which the client makes an error again; any other than the API's is a server's error."""
    message, reason, code = f"prepare: {describe(error)}", "InternalError", 500
    if isinstance(error, APIStatusError):
        message, reason, code = error.message, error.reason, error.code
    status = {"status": "Failure", "message": message, "reason": reason, "code": code}
    return {"kind": "Status", "apiVersion": "v1", **status}


def _lacks_container(response: web.StreamResponse) -> bool:
    """Return whether the API server does not find the container; it answers 400 as for a Pod without a node."""
    body = response.body if isinstance(response, web.Response) else None
    message = str(json_object(body).get("message", "")) if isinstance(body, bytes) else ""
    return response.status == 400 and message.startswith(("container ", "a container name "))


async def _read(socket: web.WebSocketResponse, command: Socket) -> None:
    """Give a command its standard input."""
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await command.send(message.data)
