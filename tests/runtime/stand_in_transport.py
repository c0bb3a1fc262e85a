"""A base for transports of tests: one method answers every request, and there are no watches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple


class Sent(NamedTuple):
    """A request."""

    method: str
    path: str
    params: dict[str, str]
    body: bytes | None


class StandInTransport:
    """Answers nothing; a subclass overrides `answer`, and `stream` if it has watches."""

    async def answer(self, sent: Sent) -> bytes:
        raise AssertionError(f"unexpected request: {sent.method} {sent.path}")

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        return await self.answer(Sent(method, path, dict(params or {}), body))

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = ""
    ) -> AsyncGenerator[bytes, None]:
        raise AssertionError(f"unexpected watch: {path}")
        yield b""

    async def close(self) -> None:
        return None
