"""Messages of a WebSocket that have come and are not read yet, with what they take in memory."""

from __future__ import annotations

from collections import deque

from websockets.frames import Frame, Opcode

MESSAGE_OVERHEAD = 64
"""Bytes that a message takes in memory beside its content."""

_DATA = frozenset({Opcode.CONT, Opcode.TEXT, Opcode.BINARY})


class Messages:
    """A queue of messages, put together from frames; false if it is empty.

    Attributes:
        size: Bytes that the messages take.
    """

    def __init__(self) -> None:
        self._whole: deque[bytes] = deque()
        self._parts = bytearray()
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._whole)

    def add(self, frame: Frame) -> None:
        """Add a frame; one of control is left out."""
        if frame.opcode not in _DATA:
            return
        if frame.fin and not self._parts:
            self._keep(bytes(frame.data))
            return
        self._parts += frame.data
        if frame.fin:
            self._keep(bytes(self._parts))
            self._parts.clear()

    def pop(self) -> bytes:
        """Return the first message, which is not kept any longer."""
        message = self._whole.popleft()
        self.size -= len(message) + MESSAGE_OVERHEAD
        return message

    def _keep(self, message: bytes) -> None:
        self._whole.append(message)
        self.size += len(message) + MESSAGE_OVERHEAD
