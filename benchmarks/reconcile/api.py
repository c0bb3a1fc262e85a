"""The driver's own API client, so that no contender measures itself with its own code."""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
import yaml

_encoder = msgspec.json.Encoder()


class APIFailure(RuntimeError):  # noqa: N818 - not an error of a contender
    """The API server rejected a request of the driver."""


class API:
    """Talks to one API server with the client certificate of a kubeconfig.

    Args:
        kubeconfig: Path of the file.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            file.write(base64.b64decode(user["client-key-data"]))
            file.flush()
            context.load_cert_chain(file.name)
        self._session = aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> bytes:
        """Send one request and return the body of the answer.

        Raises:
            APIFailure: The server answered with an error.
        """
        data = None if body is None else _encoder.encode(body)
        async with self._session.request(method, path, data=data, headers={"Content-Type": content_type}) as response:
            answer = await response.read()
            if response.status >= 400:
                raise APIFailure(f"{method} {path}: {response.status} {answer[:300].decode(errors='replace')}")
            return answer

    async def document(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send one request and return the JSON object of the answer."""
        answer: dict[str, Any] = msgspec.json.decode(await self.request(method, path, body))
        return answer

    async def merge(self, path: str, body: object) -> None:
        """Send a merge patch."""
        await self.request("PATCH", path, body, content_type="application/merge-patch+json")

    async def watch(self, path: str, resource_version: str) -> AsyncIterator[bytes]:
        """Yield the lines of a watch that starts at a resourceVersion, until the server ends it."""
        parameters = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": "36000"}
        async with self._session.get(path, params=parameters) as response:
            if response.status >= 400:
                raise APIFailure(f"watch {path}: {response.status} {await response.text()}")
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line
