"""The https server that the API server calls: admission by path, conversion at ``/convert``."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._memory_limit import memory_limit
from kaiwu_runtime.serving._routes import Handler, Routes
from kaiwu_runtime.serving._serving_certificate import ServingCertificate
from kaiwu_runtime.webhook._byte_budget import ByteBudget, budget_bytes
from kaiwu_runtime.webhook._conversion import PATH, Conversions
from kaiwu_runtime.webhook._decoded_size import decoded_limit
from kaiwu_runtime.webhook._handlers import AdmissionHandler, DefaultingHandler, ValidatingHandler, answer
from kaiwu_runtime.webhook._review import decode_review, encode_review
from kaiwu_runtime.webhook._review_handler import LIMITS, review_handler

if TYPE_CHECKING:
    from kaiwu_runtime.client._client import Client
    from kaiwu_runtime.manager._options import ManagerOptions
    from kaiwu_runtime.metrics._controllers import Metrics
    from kaiwu_runtime.metrics._webhooks import WebhookMetrics
    from kaiwu_runtime.webhook._local_webhooks import LocalWebhooks
    from kaiwu_runtime.webhook._rotator import CertificateRotator

logger = logging.getLogger("kaiwu_runtime.webhook.server")

MIB = 1024 * 1024
ADMISSION_LIMIT = 7 * MIB
"""Bytes of an AdmissionReview: an update carries two objects, and the API server takes no object above 3 MiB."""

CONVERSION_LIMIT = 256 * MIB
"""Bytes of a ConversionReview: it carries every object of a list."""

_CURE = (
    "the webhooks need a certificate: pass --webhook-local on your machine, as make run does, --webhook-self-signed in "
    "a cluster, or the directory with --webhook-cert-path"
)

STOP_SECONDS = 5.0
"""What requests in progress get when the server stops."""


class WebhookServer:
    """The server that the API server calls.

    Args:
        host: Empty for every interface.
        port: 0 takes a free one.
        certificate: What is presented.
        rotator: Provides the certificate, and keeps it and the webhook configurations current; None: files do.
        local: Lets the API server call this process, which is outside the cluster.

    Attributes:
        conversions: The kinds with several versions.
    """

    def __init__(
        self,
        host: str,
        port: int,
        certificate: ServingCertificate,
        *,
        rotator: CertificateRotator | None = None,
        local: LocalWebhooks | None = None,
    ) -> None:
        self._host = host
        self._local = local
        flags = f"--webhook-host {host!r} --webhook-port {port}"
        self._listener = Listener(host, port, flags, shutdown_timeout=STOP_SECONDS, limits=LIMITS)
        self._certificate = certificate
        self._rotator = rotator
        self._handlers: dict[str, AdmissionHandler] = {}
        self._current: asyncio.Task[None] | None = None
        self._metrics: WebhookMetrics | None = None
        self.conversions = Conversions()

    @property
    def port(self) -> int:
        """The port that is served, once started."""
        return self._listener.port

    def register(self, path: str, handler: AdmissionHandler) -> None:
        """Serve an admission webhook; before the start.

        Args:
            path: Begins with a slash.
            handler: Answers its requests.

        Raises:
            ConfigurationError: The path is served already.
        """
        if self._listener.started:
            raise ConfigurationError(f"{path} cannot be served: the webhook server has started; register before that")
        if path in self._handlers or path == PATH:
            raise ConfigurationError(f"two webhooks have the path {path}; a kind has one defaulter and one validator")
        self._handlers[path] = handler

    @property
    def admission_handlers(self) -> Mapping[str, AdmissionHandler]:
        """What answers admission requests, by path."""
        return self._handlers

    @property
    def certificate(self) -> ServingCertificate:
        """What is presented."""
        return self._certificate

    @property
    def serves_conversions(self) -> bool:
        """Whether the API server may need this server to list a kind."""
        return bool(self.conversions)

    def measure(self, metrics: Metrics) -> None:
        """Put metrics of the requests and of the certificate into a registry; before the start."""
        from kaiwu_runtime.metrics._webhooks import WebhookMetrics  # noqa: PLC0415 - for those who serve metrics

        self._metrics = WebhookMetrics(metrics.registry)
        self._certificate.on_read = metrics.certificate_read

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is taken or not allowed, or there is no usable certificate.
            APIError: The certificate comes from the API server, which rejected the request.
        """
        if self._rotator is not None:
            handlers = self._handlers.values()
            self._rotator.find_targets(
                mutating=any(isinstance(each, DefaultingHandler) for each in handlers),
                validating=any(isinstance(each, ValidatingHandler) for each in handlers),
                crds=self.conversions.crds(),
            )
            await self._rotator.prepare()
        if self._local is not None:
            await self._local.check(self.conversions.crds())
            self._handlers[self._local.probe_path] = self._local.answer_probe
        self._certificate.context()  # before anything listens: it may be unusable
        routes = Routes()
        memory = memory_limit()
        budget, decoded = ByteBudget(budget_bytes(memory)), ByteBudget(decoded_limit(memory))
        self.conversions.decoded_limit = decoded.total
        handles = {path: self._admission(path, handler, budget, decoded) for path, handler in self._handlers.items()}
        if self.conversions:
            handles[PATH] = review_handler(CONVERSION_LIMIT, budget, self.conversions.answer)
        for path, handle in handles.items():
            measured = handle if self._metrics is None else self._metrics.measured(path, handle)
            routes.post(path, measured)
        try:
            await self._listener.start(routes, context=self._certificate.context, instead="use another")
        except ConfigurationError:
            await self.stop()
            raise
        if self._local is not None:
            try:
                await self._local.install(self.port)
            except BaseException:
                await self.stop()
                raise
        keep_current = self._certificate.keep_current if self._rotator is None else self._rotator.run
        self._current = asyncio.create_task(keep_current(), name="webhook certificate")
        logger.info("Serving webhook server", extra={"host": self._host, "port": self.port, "paths": list(handles)})

    async def stop(self) -> None:
        """Stop listening; requests in progress are answered."""
        async with AsyncExitStack() as ending:  # from the last to the first, also those after one that is cancelled
            ending.push_async_callback(self._listener.stop)
            if self._rotator is not None:
                ending.push_async_callback(self._rotator.close)
            ending.push_async_callback(self._stop_following)
            if self._local is not None:
                await self._local.close()  # first: no request may come any more when nothing listens

    async def _stop_following(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.cancel()
            await asyncio.gather(current, return_exceptions=True)

    async def check(self) -> None:
        """Connect as the API server would; the manager's readiness check.

        Raises:
            APIConnectionError: The server does not listen.
        """
        if not self._listener.started:
            raise APIConnectionError("the webhook server has not been started")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities, whose reading takes long
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host = {"": "localhost", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        try:
            async with asyncio.timeout(5.0):
                _, writer = await asyncio.open_connection(host, self.port, ssl=context)
        except OSError as error:
            raise APIConnectionError(f"the webhook server does not answer: {error}") from error
        writer.close()

    def _admission(self, path: str, handler: AdmissionHandler, budget: ByteBudget, decoded: ByteBudget) -> Handler:
        async def respond(body: bytes | bytearray) -> list[bytes]:
            request = decode_review(body)
            panicked = None if self._metrics is None else self._metrics.panicked
            return [encode_review(request.uid, await answer(path, handler, request, panicked=panicked))]

        return review_handler(ADMISSION_LIMIT, budget, respond, decoded=decoded)


def webhook_server(options: ManagerOptions, connect: Callable[[], Client] | None = None) -> WebhookServer:
    """Return the server that a manager's options ask for.

    Args:
        options: The manager's.
        connect: Makes the client that writes certificates; default is the options' kubeconfig.
    """
    host, port = options.webhook_host, options.webhook_port
    if options.webhook_local:
        return _local_server(options, connect)
    if options.webhook_self_signed is None:
        return WebhookServer(host, port, ServingCertificate(Path(options.webhook_cert_path), cure=_CURE))
    from kaiwu_runtime.client._client import Client  # noqa: PLC0415
    from kaiwu_runtime.webhook._rotator import CertificateRotator  # noqa: PLC0415 - loads cryptography

    certificate = ServingCertificate(None)
    rotator = CertificateRotator(
        options.webhook_self_signed,
        # A client of its own: a replica that does not lead must keep its certificate current as well.
        connect or (lambda: Client.connect(options.kubeconfig or None, context=options.context)),
        certificate.use,
    )
    return WebhookServer(host, port, certificate, rotator=rotator)


def _local_server(options: ManagerOptions, connect: Callable[[], Client] | None) -> WebhookServer:
    """Return a server that the API server calls at the address of this process."""
    from kaiwu_runtime.client._client import Client  # noqa: PLC0415
    from kaiwu_runtime.webhook._local_webhooks import LocalWebhooks  # noqa: PLC0415

    local = LocalWebhooks(
        connect or (lambda: Client.connect(options.kubeconfig or None, context=options.context)),
        host=options.webhook_local,
        manifests=Path(options.webhook_manifests),
        owner=options.field_manager,
        force=options.webhook_local_force,
    )
    certificate = ServingCertificate(None)
    certificate.use(*local.certificate())
    host = options.webhook_host or (local.host if local.is_loopback else "")
    return WebhookServer(host, options.webhook_port, certificate, local=local)
