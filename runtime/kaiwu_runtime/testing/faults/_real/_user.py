"""The scenario's user: past the operator and its faults, and with more patience than a user has."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.config import load_credentials
from kaiwu_runtime.errors import APIError, NotFoundError
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._transport import JSON

_NO_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found').search
_NO_WEBHOOK = "failed calling webhook"
_RETRY_SECONDS = 0.2
_PATIENCE_SECONDS = 45.0


class UserTransport(HTTPTransport):
    """Makes namespaces that are missing, as in memory none is needed, and waits for webhooks of a starting operator.

    Args:
        kubeconfig: Of a cluster administrator.
        make_namespace: Makes one.
    """

    def __init__(self, kubeconfig: Path, make_namespace: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(load_credentials(kubeconfig=kubeconfig))
        self._make_namespace = make_namespace

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
        """Send a request, again where that helps."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        made: set[str] = set()
        while True:
            try:
                return await super().request(
                    method, path, params=params, body=body, content_type=content_type, accept=accept
                )
            except APIError as error:
                missing = _NO_NAMESPACE(str(error)) if isinstance(error, NotFoundError) and method != "GET" else None
                if missing is not None and missing[1] not in made:
                    made.add(missing[1])
                    await self._make_namespace(missing[1])
                elif _NO_WEBHOOK in str(error) and time.monotonic() < deadline:
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    raise


def administrator(transport: HTTPTransport, name: str, namespace: str) -> Client:
    """Return a client with all rights.

    Args:
        transport: Sends its requests.
        name: Its field manager.
        namespace: Its default namespace.
    """
    return Client(transport, field_manager=name, namespace=namespace)
