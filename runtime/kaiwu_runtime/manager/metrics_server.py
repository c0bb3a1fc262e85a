"""Serves /metrics: over https to callers whom the API server vouches for, or plain when that is asked for.

A caller sends a bearer token. A TokenReview says whose it is, a SubjectAccessReview whether they may ``get`` the
path; a yes is remembered for a minute, as controller-runtime does.

See https://kubernetes.io/docs/reference/access-authn-authz/webhook/
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from lightkube.models.authentication_v1 import TokenReviewSpec
from lightkube.models.authorization_v1 import NonResourceAttributes, SubjectAccessReviewSpec
from lightkube.resources.authentication_v1 import TokenReview
from lightkube.resources.authorization_v1 import SubjectAccessReview
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from kaiwu_runtime import callback
from kaiwu_runtime.client.client import Client
from kaiwu_runtime.errors import APIError, ConfigurationError
from kaiwu_runtime.manager.listener import Listener
from kaiwu_runtime.manager.options import ManagerOptions, parse_address
from kaiwu_runtime.manager.serving_certificate import ServingCertificate

logger = logging.getLogger(__name__)

REMEMBER_SECONDS = 60.0
_MOST_REMEMBERED = 1000
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Authorize = Callable[[str, str], Awaitable[int]]
"""From a bearer token and a path to an HTTP status: 200, 401 or 403."""


class TokenAuthorizer:
    """Asks the API server about callers.

    Args:
        client: May create TokenReviews and SubjectAccessReviews.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[bytes, str], tuple[float, int]] = {}

    async def __call__(self, token: str, path: str) -> int:
        """Return 200 when the token's owner may get the path, 401 when nobody knows it, else 403."""
        # A digest, so that no token lies in memory for longer than its request.
        key = (hashlib.sha256(token.encode()).digest(), path)
        known = self._known.get(key)
        if known is not None and time.monotonic() - known[0] < REMEMBER_SECONDS:
            return known[1]
        status = await self._ask(token, path)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = (time.monotonic(), status)
        return status

    async def _ask(self, token: str, path: str) -> int:
        review = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))
        if review.status is None or not review.status.authenticated or review.status.user is None:
            return 401
        user = review.status.user
        access = await self._client.create(
            SubjectAccessReview(
                spec=SubjectAccessReviewSpec(
                    user=user.username,
                    uid=user.uid,
                    groups=user.groups,
                    extra=user.extra,
                    nonResourceAttributes=NonResourceAttributes(path=path, verb="get"),
                )
            )
        )
        return 200 if access.status is not None and access.status.allowed else 403


class MetricsServer:
    """Listens for scrapes.

    Args:
        registry: The metrics.
        host: Empty for every interface.
        port: 0 takes a free one.
        certificate: For https; None serves plain http.
        authorize: Asked about every caller; None lets everybody in.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        host: str,
        port: int,
        *,
        certificate: ServingCertificate | None = None,
        authorize: Authorize | None = None,
    ) -> None:
        self._registry = registry
        self._host = host
        self._listener = Listener(host, port, f"--metrics-bind-address {host}:{port}")
        self._certificate = certificate
        self._authorize = authorize
        self._reloading: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is served, once started."""
        return self._listener.port

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is taken or not allowed, or the certificate cannot be used.
        """
        context: ssl.SSLContext | None = None
        if self._certificate is not None:
            context = self._certificate.context()
            self._reloading = asyncio.create_task(self._certificate.keep_current(), name="metrics certificate")
        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        try:
            await self._listener.start(application, context=context)
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
        await self._listener.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        if self._authorize is not None:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                return web.Response(status=401, text="Unauthorized\n", headers={"WWW-Authenticate": "Bearer"})
            try:
                status = await self._authorize(token.strip(), request.path)
            except (APIError, ConfigurationError) as error:
                logger.warning("Cannot tell whether a caller may read the metrics", extra={"error": str(error)})
                return web.Response(status=500, text="Authorization failed\n")
            if status != 200:
                return web.Response(status=status, text="Unauthorized\n" if status == 401 else "Forbidden\n")
        body = generate_latest(self._registry) + _of_the_process()
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE})


def _of_the_process() -> bytes:
    """Return what is in prometheus_client's own registry: the process's metrics, and those a project defines."""
    try:
        return callback.call(generate_latest, REGISTRY)
    except Exception:
        # A project's collector; the manager's metrics are needed all the more.
        logger.exception("A collector of metrics failed")
        return b""


def metrics_server(options: ManagerOptions, registry: CollectorRegistry, client: Client) -> MetricsServer:
    """Return the server that a manager's options ask for.

    Args:
        options: With a metrics_bind_address.
        registry: The metrics.
        client: Asked about callers.
    """
    host, port = parse_address(options.metrics_bind_address, "--metrics-bind-address")
    if not options.metrics_secure:
        return MetricsServer(registry, host, port)
    folder = Path(options.metrics_cert_path) if options.metrics_cert_path else None
    return MetricsServer(
        registry, host, port, certificate=ServingCertificate(folder), authorize=TokenAuthorizer(client)
    )
