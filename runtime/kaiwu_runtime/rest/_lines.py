"""Split a stream of chunks into lines."""

from __future__ import annotations

from kaiwu_runtime.rest._connection import BrokenConnectionError

MAX_LINE = 64 << 20
"""Maximum bytes of a line: an API server stores objects of a few megabytes; a line is kept in memory until it ends."""


class LineSplitter:
    """Collects chunks and gives whole lines; what comes after the last newline is kept for the next chunk.

    A line longer than a chunk is joined once, however many chunks it takes.

    Args:
        cut: Bytes from which on the rest of a line may be left out, in place of an error.
    """

    def __init__(self, *, cut: int | None = None) -> None:
        self._cut = cut
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that a chunk completes, without their newlines and without empty ones.

        Raises:
            BrokenConnectionError: A line is longer than `MAX_LINE`, and lines are not cut.
        """
        lines: list[bytes] = []
        start = 0
        # Not with `split`, which looks at each byte: it takes nearly three times as long.
        while (end := chunk.find(b"\n", start)) >= 0:
            line = chunk[start:end]
            if self._parts:
                self._parts.append(line)
                line = b"".join(self._parts)
                self._parts.clear()
                self._size = 0
            if line:
                lines.append(line)
            start = end + 1
        if start < len(chunk) and (self._cut is None or self._size < self._cut):
            self._parts.append(chunk[start:])
            self._size += len(chunk) - start
            if self._cut is None and self._size > MAX_LINE:
                raise BrokenConnectionError(f"a line is longer than {MAX_LINE} bytes")
        return lines
