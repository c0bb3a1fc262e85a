"""What an operator asks of Pods through the API server in memory: commands, which may be effects, logs and requests."""

from __future__ import annotations

import asyncio

from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._raw_transport import Socket
from kaiwu_runtime.testing._node import command_result
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._history import History
from kaiwu_runtime.testing.faults._outside import Call, Life, shortened
from kaiwu_runtime.testing.faults._plans import HANG, KILLED, TIMEOUT

_HANGING_SECONDS = 600.0
"""How long a command does not answer if the operator does not give up; then the connection ends."""


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
        history: Is told while the command does not answer.
    """

    def __init__(self, inner: Socket, life: Life, changes: Changes, command: Call, history: History) -> None:
        self._inner = inner
        self._life = life
        self._changes = changes
        self._command = command
        self._history = history
        self._is_killed = command.fails == KILLED
        self.subprotocol = inner.subprotocol

    async def send(self, message: bytes) -> None:
        """Send standard input."""
        await self._inner.send(message)

    async def receive(self) -> bytes | None:
        """Return what comes; the first time, after the command has run."""
        life = self._life
        if life.dead:
            await life.end()
        if self._command.fails == KILLED:
            return self._killed()
        if self._command.fails == HANG:
            await self._hang()
            self._command.check_answer()
        ended = await self._changes.wait(self._inner.receive(), keep_cancellation=True)
        if life.dead and ended.cancellation is not None:
            ended.result()
        if life.dead:  # killed by another effect meanwhile
            await life.end()
        self._command.count(changed=bool(ended.changed))
        if life.dead:
            await life.end()
        if ended.cancellation is None:
            if self._command.fails == TIMEOUT:
                await self._hang()
            self._command.check_answer()
        message: bytes | None = ended.result()
        return message

    def _killed(self) -> bytes | None:
        """Return the result of a command that was killed, once."""
        found, self._is_killed = self._is_killed, False
        return command_result(int(KILLED)) if found else None

    async def _hang(self) -> None:
        self._history.hanging += 1
        try:
            await asyncio.sleep(_HANGING_SECONDS)
        finally:
            self._history.hanging -= 1

    async def close(self) -> None:
        """Close it."""
        await self._inner.close()


def _failure(call: str, _lost: bool) -> Exception:
    return APIConnectionError(f"the fault kit lets {call} fail")
