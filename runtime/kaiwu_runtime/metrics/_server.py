"""Serve /metrics: over https to callers whose token may get the path, or over http if configured."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from kaiwu_runtime import _callback as callback
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.metrics._debug_pages import LOG_LEVEL, STATE, DebugPages
from kaiwu_runtime.metrics._token_authorizer import TokenAuthorizer, TooManyQuestionsError
from kaiwu_runtime.serving._address import parse_address
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import Response
from kaiwu_runtime.serving._routes import Routes
from kaiwu_runtime.serving._serving_certificate import ServingCertificate

__all__ = ["Authorize", "MetricsServer", "TokenAuthorizer", "metrics_server"]

logger = logging.getLogger("kaiwu_runtime.metrics.server")

COMPLAIN_SECONDS = 60.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Authorize = Callable[..., Awaitable[int]]
"""From a bearer token, a path, and a verb other than ``get`` to an HTTP status: 200, 401 or 403."""


class MetricsServer:
    """Listens for scrapes.

    Args:
        registry: The metrics.
        host: Empty for every interface.
        port: 0 takes a free one.
        certificate: For https; None serves plain http.
        authorize: Called for every caller; None allows all callers.
        debug: Further pages, which are served only if callers are authorised.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        host: str,
        port: int,
        *,
        certificate: ServingCertificate | None = None,
        authorize: Authorize | None = None,
        debug: DebugPages | None = None,
    ) -> None:
        self._registry = registry
        self._host = host
        self._listener = Listener(host, port, f"--metrics-bind-address {host}:{port}")
        self._certificate = certificate
        self._authorize = authorize
        self._debug = debug if authorize is not None else None
        self._reloading: asyncio.Task[None] | None = None
        self._complaint = ("", 0.0)

    @property
    def certificate(self) -> ServingCertificate | None:
        """What is presented; None for plain http."""
        return self._certificate

    @property
    def port(self) -> int:
        """The port that is served, once started."""
        return self._listener.port

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is taken or not allowed, or the certificate cannot be used.
        """
        context: Callable[[], ssl.SSLContext] | None = None
        if self._certificate is not None:
            await self._certificate.prepare()
            self._certificate.context()  # before anything listens: it may be unusable
            context = self._certificate.context
            self._reloading = asyncio.create_task(self._certificate.keep_current(), name="metrics certificate")
        routes = Routes()
        routes.get("/metrics", self._answer)
        if self._debug is not None:
            routes.get(STATE, self._answer)
            routes.get(LOG_LEVEL, self._answer)
            routes.put(LOG_LEVEL, self._answer)
        try:
            await self._listener.start(routes, context=context)
        except ConfigurationError:
            await self.stop()
            raise
        logger.info(
            "Serving metrics server", extra={"bindAddress": f"{self._host}:{self.port}", "secure": context is not None}
        )

    async def stop(self) -> None:
        """Stop listening."""
        if self._reloading is not None:
            self._reloading.cancel()
            self._reloading = None
        try:
            await self._listener.stop()
        finally:
            if isinstance(self._authorize, TokenAuthorizer):
                await self._authorize.close()

    async def _answer(self, request: Request) -> Response:
        if self._authorize is not None:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                return Response.of("Unauthorized\n", 401, headers={"WWW-Authenticate": "Bearer"})
            try:
                verb = () if request.method in {"GET", "HEAD"} else (request.method.lower(),)
                status = await self._authorize(token.strip(), request.path, *verb)
            except TooManyQuestionsError as error:
                logger.debug("Cannot tell whether a caller may read the metrics", extra={"error": str(error)})
                return Response.of("Try again later\n", 503, headers={"Retry-After": "1"})
            except Exception as error:  # noqa: BLE001 - the API server's, or that of an exec plugin
                self._complain(describe(error))
                return Response.of("Authorization failed\n", 500)
            if status != 200:
                return Response.of("Unauthorized\n" if status == 401 else "Forbidden\n", status)
        if self._debug is not None and request.path != "/metrics":
            return await self._debug.answer(request)
        body = generate_latest(self._registry) + _of_the_process()
        return Response(body=(body,), content_type=_CONTENT_TYPE)

    def _complain(self, message: str) -> None:
        """Log a failure of the API server, the same failure only once in a while, because each scrape may cause it."""
        now = time.monotonic()
        if message != self._complaint[0] or now - self._complaint[1] >= COMPLAIN_SECONDS:
            logger.warning("Cannot tell whether a caller may read the metrics", extra={"error": message})
            self._complaint = (message, now)


def _of_the_process() -> bytes:
    """Return what is in prometheus_client's own registry: the process's metrics, and those a project defines."""
    try:
        return callback.call(generate_latest, REGISTRY)
    except Exception as error:
        # A project's collector; the manager's metrics are needed all the more.
        logger.exception("A collector of metrics failed")
        callback.forget_stack(error)
        return b""


def metrics_server(
    address: str,
    registry: CollectorRegistry,
    client: Client,
    *,
    secure: bool = True,
    folder: Path | None = None,
    debug: DebugPages | None = None,
) -> MetricsServer:
    """Return the server of a manager's metrics.

    Args:
        address: ``host:port`` to listen on.
        registry: The metrics.
        client: Asked about callers.
        secure: Serve https, to callers whose token may get the path; False: http, without authentication.
        folder: Folder of tls.crt and tls.key; None: a self-signed certificate.
        debug: Further pages, which are served over https only.

    Raises:
        ConfigurationError: The address is not valid.
    """
    host, port = parse_address(address, "--metrics-bind-address")
    if not secure:
        return MetricsServer(registry, host, port)
    certificate = ServingCertificate(folder, cure="--metrics-cert-path: it must hold tls.crt and tls.key")
    return MetricsServer(registry, host, port, certificate=certificate, authorize=TokenAuthorizer(client), debug=debug)
