"""What the client and the cache need of a connection: bytes out, bytes in, failures as typed errors.

Everything above speaks of objects; connections, credentials and retries are below. A test can put something else
in the place of :class:`~kaiwu_runtime.rest.http_transport.HTTPTransport`.
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
        """Send a request and return the body of the answer.

        Args:
            method: HTTP method.
            path: Path below the server's URL, without a query.
            params: The query.
            body: What to send, or None.
            content_type: Media type of the body.
            accept: Media type of the answer.

        Raises:
            APIStatusError: The server refused; the subclass tells why.
            APIConnectionError: No complete answer.
            CredentialsError: Credentials that had to be renewed cannot be; an APIConnectionError, too.
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
            APIStatusError: The server refused.
            WatchInterruptedError: The connection broke or stayed silent after the server had accepted the watch.
            APIConnectionError: No answer.
            CredentialsError: Credentials that had to be renewed cannot be; an APIConnectionError, too.
        """

    async def close(self) -> None:
        """Close every connection."""
