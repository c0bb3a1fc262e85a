"""What an operator asks of Pods through the API server in memory: commands, which may be effects, logs and requests."""

from __future__ import annotations

from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._raw_transport import Socket
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._outside import Call, Life, shortened


def call_through_server(text: str, life: Life) -> Call:
    """Begin a call that passes through the API server.

    Args:
        text: For people.
        life: Whose call it is.

    Raises:
        APIConnectionError: The plan lets it fail before it takes effect.
    """
    return Call(shortened(text), life, _failure)


class CountedSocket:
    """A WebSocket to a command: an effect if the command changes what lives outside Kubernetes.

    Args:
        inner: The WebSocket.
        life: Whose command it is.
        changes: Runs it.
        command: The call.
    """

    def __init__(self, inner: Socket, life: Life, changes: Changes, command: Call) -> None:
        self._inner = inner
        self._life = life
        self._changes = changes
        self._command = command
        self.subprotocol = inner.subprotocol

    async def send(self, message: bytes) -> None:
        """Send standard input."""
        await self._inner.send(message)

    async def receive(self) -> bytes | None:
        """Return what comes; the first time, after the command has run."""
        life = self._life
        if life.dead:
            await life.end()
        ended = await self._changes.wait(self._inner.receive(), keep_cancellation=True)
        if life.dead and ended.cancellation is not None:
            ended.result()
        if life.dead:  # killed by another effect meanwhile
            await life.end()
        self._command.count(changed=bool(ended.changed))
        if life.dead:
            await life.end()
        if ended.cancellation is None:
            self._command.check_answer()
        message: bytes | None = ended.result()
        return message

    async def close(self) -> None:
        """Close it."""
        await self._inner.close()


def _failure(call: str, _lost: bool) -> Exception:
    return APIConnectionError(f"the fault kit lets {call} fail")
