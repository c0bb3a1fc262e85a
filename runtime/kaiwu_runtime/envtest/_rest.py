"""Requests to the control plane's own API server, with the standard library only."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kaiwu_runtime._request_body import yaml_body
from kaiwu_runtime._status import error_from_status
from kaiwu_runtime.errors import APIConnectionError

if TYPE_CHECKING:
    from pathlib import Path

FIELD_MANAGER = "kaiwu-envtest"

_APPLY = "application/apply-patch+yaml"


class RestClient:
    """A client of one HTTPS server on loopback, with a client certificate and without a proxy.

    Args:
        port: Port on 127.0.0.1.
        ca_bundle: PEM file of the authority that signed the server's certificate.
        certificate: PEM file with the client's certificate and key.
        timeout: Seconds one request may take.
    """

    def __init__(self, port: int, *, ca_bundle: Path, certificate: Path, timeout: float = 30.0) -> None:
        self._port = port
        self._timeout = timeout
        self._context = ssl.create_default_context(cafile=str(ca_bundle))
        self._context.load_cert_chain(str(certificate))

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> tuple[int, bytes]:
        """Send one request and return status code and body.

        Args:
            method: HTTP method.
            path: Path and query.
            body: Sent as JSON; None sends no body.
            content_type: Of the body.
            timeout: Seconds, when not the client's own.

        Raises:
            APIConnectionError: No answer.
        """
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, context=self._context, timeout=timeout or self._timeout
        )
        try:
            payload = None if body is None else _encoded(body, content_type)
            headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if payload else {})
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise APIConnectionError(f"{method} {path} on 127.0.0.1:{self._port}: {error}") from error
        finally:
            connection.close()

    def object(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send one request and return the JSON object the server answers with.

        Raises:
            APIConnectionError: No answer.
            APIStatusError: The API server rejected the request.
        """
        code, data = self.request(method, path, body, content_type=content_type)
        try:
            answer = json.loads(data or b"{}")
        except ValueError:
            answer = {}
        document: dict[str, Any] = answer if isinstance(answer, dict) else {}
        if code >= 400:
            raise error_from_status(document, code=code)
        return document

    def apply(self, collection: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create or change one object with server-side apply, taking over every field in `body`.

        Args:
            collection: Path of the collection, for example ``/api/v1/namespaces``.
            body: The object, with apiVersion, kind and metadata.name.
        """
        path = f"{collection}/{quote(body['metadata']['name'])}?fieldManager={FIELD_MANAGER}&force=true"
        return self.object("PATCH", path, body, content_type=_APPLY)


def _encoded(body: object, content_type: str) -> bytes:
    payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return yaml_body(payload) if content_type == _APPLY else payload
