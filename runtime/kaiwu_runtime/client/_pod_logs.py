"""Logs of containers, whole or as they are written.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from kaiwu_runtime.api._times import micro_time
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._raw_transport import ANSWER_SECONDS, RawTransport

SILENT_SECONDS = 7 * 86_400.0
"""A container may write nothing for days; a peer that is gone is noticed by TCP."""

MAX_LOG = 64 << 20
"""How long a log may be that is read as a whole: it is kept in memory."""

MAX_LINE = 1 << 20
"""A longer line is yielded in pieces: it is not kept in memory as a whole."""


def log_query(
    *,
    container: str,
    follow: bool,
    since: datetime | timedelta | float | None,
    tail: int | None,
    previous: bool,
    timestamps: bool,
    limit_bytes: int | None,
) -> list[tuple[str, str]]:
    """Return the query of a request for a log.

    Raises:
        ValueError: A number is negative, or a time has no time zone.
    """
    query = [("container", container)] if container else []
    flags = {"follow": follow, "previous": previous, "timestamps": timestamps}
    query += [(name, "true") for name, wanted in flags.items() if wanted]
    if tail is not None:
        if tail < 0:
            raise ValueError(f"logs: tail={tail}: use a number of lines, 0 or more")
        query.append(("tailLines", str(tail)))
    if limit_bytes is not None:
        if limit_bytes <= 0:
            raise ValueError(f"logs: limit_bytes={limit_bytes}: use a number of bytes, 1 or more")
        query.append(("limitBytes", str(limit_bytes)))
    return [*query, *_since(since)]


def _since(since: datetime | timedelta | float | None) -> Sequence[tuple[str, str]]:
    if since is None:
        return ()
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise ValueError(f"logs: since={since}: a time needs a time zone, as in datetime.now(UTC)")
        return (("sinceTime", micro_time(since)),)
    seconds = since.total_seconds() if isinstance(since, timedelta) else float(since)
    if not 0 < seconds < 1 << 40:
        raise ValueError(f"logs: since={since}: use a time, or seconds greater than 0")
    # Whole seconds, and at least one: the API server takes no others.
    return (("sinceSeconds", str(max(1, round(seconds)))),)


async def read_log(transport: RawTransport, path: str, query: Sequence[tuple[str, str]]) -> str:
    """Return a log as text; bytes that are not UTF-8 are replaced.

    Raises:
        APIConnectionError: It is longer than `MAX_LOG`, or the API server sends nothing for a while.
    """
    log = bytearray()
    async with aclosing(transport.chunks(path, params=query, idle_timeout=ANSWER_SECONDS)) as chunks:
        async for chunk in chunks:
            log += chunk
            if len(log) > MAX_LOG:
                raise APIConnectionError(
                    f"GET {path}: the log is longer than {MAX_LOG} bytes: use tail, since or limit_bytes, or follow it"
                )
    return log.decode(errors="replace")


async def follow_log(transport: RawTransport, path: str, query: Sequence[tuple[str, str]]) -> AsyncGenerator[str, None]:
    """Yield the lines of a log without their ends, as they come; a last one without an end as well."""
    rest = bytearray()
    async with aclosing(transport.chunks(path, params=query, idle_timeout=SILENT_SECONDS)) as chunks:
        async for chunk in chunks:
            begin = len(rest)
            rest += chunk
            if rest.find(b"\n", begin) >= 0:  # what was there before has no line end
                *lines, last = bytes(rest).split(b"\n")
                rest = bytearray(last)
                for line in lines:
                    yield line.decode(errors="replace")
            if len(rest) > MAX_LINE:
                end = _end_of_text(rest)
                yield rest[:end].decode(errors="replace")
                del rest[:end]
    if rest:
        yield rest.decode(errors="replace")


def _end_of_text(text: bytearray) -> int:
    """Return where to cut a text so that no character is cut in two."""
    for end in range(len(text), len(text) - 4, -1):
        if text[end - 1] < 0x80:
            return end
        if text[end - 1] >= 0xC0:  # a character of several bytes begins here; it may be complete
            return end - 1
    return len(text)  # not UTF-8
