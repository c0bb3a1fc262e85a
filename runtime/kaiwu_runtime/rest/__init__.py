"""Requests to an API server: the transport protocol, its HTTP implementation, connections, pages and paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime._lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.rest._http_transport import HTTPTransport
    from kaiwu_runtime.rest._rate_limited import RateLimitedTransport
    from kaiwu_runtime.rest._raw_transport import Answer, RawTransport, Socket
    from kaiwu_runtime.rest._request_headers import request_headers
    from kaiwu_runtime.rest._transport import Transport
    from kaiwu_runtime.rest._wrapper import TransportWrapper

__all__ = [
    "Answer",
    "HTTPTransport",
    "RateLimitedTransport",
    "RawTransport",
    "Socket",
    "Transport",
    "TransportWrapper",
    "request_headers",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Answer": "_raw_transport",
        "HTTPTransport": "_http_transport",
        "RateLimitedTransport": "_rate_limited",
        "RawTransport": "_raw_transport",
        "Socket": "_raw_transport",
        "Transport": "_transport",
        "TransportWrapper": "_wrapper",
        "request_headers": "_request_headers",
    },
)
