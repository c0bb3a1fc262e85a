"""The transport protocol of the client and the cache: they send and receive bytes, and failures are typed errors.

The layers above handle objects; the layers below handle connections, credentials and retries. A test can replace
:class:`~kaiwu_runtime.rest._http_transport.HTTPTransport` by another implementation.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""What to accept for objects without anything but their metadata.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""


class Created(bytes):
    """The body of an answer with status 201: the request created what is in it."""

    __slots__ = ()


class Transport(Protocol):
    """Sends requests to one API server."""

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
        """Send a request and return the body of the answer, as `Created` where the server answered 201.

        Args:
            method: HTTP method.
            path: Path below the server's URL, without a query.
            params: The query.
            body: What to send, or None.
            content_type: Media type of the body.
            accept: Media type of the answer.

        Raises:
            APIStatusError: The server rejected the request; the subclass is the reason.
            APIConnectionError: There was no complete response.
            CredentialsError: The credentials could not be renewed; a subclass of APIConnectionError.
        """

    def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch until the server ends it.

        A last line without a newline was cut off and is not yielded.

        Args:
            path: The collection's path.
            params: The query.
            idle_timeout: Seconds without a byte after which the connection counts as dead.
            accept: Media type of the objects.

        Raises:
            APIStatusError: The server rejected the watch.
            WatchInterruptedError: The connection broke or stayed silent after the server had accepted the watch.
            APIConnectionError: There was no response.
            CredentialsError: The credentials could not be renewed; a subclass of APIConnectionError.
        """

    async def close(self) -> None:
        """Close every connection."""
