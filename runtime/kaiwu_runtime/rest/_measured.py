"""Measurement of requests, whatever transport sends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.rest._transport import JSON, Created, Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper


class MeasuredTransport(TransportWrapper):
    """Tell how requests end, and how long they take with their repetitions.

    Args:
        inner: Sends the requests.

    Attributes:
        on_response: Called with method and status of each answer; None where the transport within counts them itself.
        on_duration: Called with the method and the seconds of each request that was answered.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.on_response: Callable[[str, int], None] | None = None
        self.on_duration: Callable[[str, float], None] | None = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        """Send a request and measure it; see :class:`~kaiwu_runtime.rest.Transport`."""
        began = monotonic()
        status = 0
        try:
            answer = await self.inner.request(
                method, path, params=params, body=body, content_type=content_type, accept=accept
            )
            status = 201 if isinstance(answer, Created) else 200
        except APIStatusError as error:
            status = error.code
            raise
        else:
            return answer
        finally:
            if status:
                if self.on_response is not None:
                    self.on_response(method, status)
                if self.on_duration is not None:
                    self.on_duration(method, monotonic() - began)
