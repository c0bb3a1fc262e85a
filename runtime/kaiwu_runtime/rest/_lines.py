"""Split a stream of chunks into lines."""

from __future__ import annotations


class LineSplitter:
    """Collects chunks and gives whole lines; what comes after the last newline is kept for the next chunk.

    A line longer than a chunk is joined once, however many chunks it takes.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that a chunk completes, without their newlines and without empty ones."""
        lines = chunk.split(b"\n")
        tail = lines.pop()
        if lines and self._parts:
            self._parts.append(lines[0])
            lines[0] = b"".join(self._parts)
            self._parts.clear()
        if tail:
            self._parts.append(tail)
        return [line for line in lines if line]
