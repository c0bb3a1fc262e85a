"""The way to the API server that does not go through the code under test, for the driver and the fault proxy."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

PAGE = 1000


class RefusedError(Exception):
    """The server did not answer with what was asked for: it is starting, for instance."""


class Server:
    """One API server, as the user of a kubeconfig with a client certificate.

    Args:
        kubeconfig: Path of the file.

    Attributes:
        url: Address of the API server.
        anonymous: TLS without a client certificate, for requests that bring a token.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.url: str = cluster["server"]
        self.anonymous = ssl.create_default_context(cadata=authority)
        self.admin = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            file.write(base64.b64decode(user["client-key-data"]))
            file.flush()
            self.admin.load_cert_chain(file.name)

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def request(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Send one request and return status and JSON object of the answer; any other text as its message.

        Raises:
            aiohttp.ClientError: There is none.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if data is not None else {}
        async with (
            asyncio.timeout(20),
            self.session.request(method, self.url + path, data=data, headers=headers, ssl=self.admin) as answer,
        ):
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, {"message": text}

    async def list(self, path: str) -> dict[str, dict[str, Any]]:
        """Return the objects of a collection by name, without the members that a list leaves out.

        Raises:
            RefusedError: The server rejected the request.
        """
        found: dict[str, dict[str, Any]] = {}
        token = ""
        while True:
            status, page = await self.request("GET", f"{path}?limit={PAGE}{f'&continue={token}' if token else ''}")
            if status != 200:
                raise RefusedError(f"{path}: {status} {page.get('message')}")
            found.update({item["metadata"]["name"]: item for item in page["items"]})
            token = page["metadata"].get("continue", "")
            if not token:
                return found
