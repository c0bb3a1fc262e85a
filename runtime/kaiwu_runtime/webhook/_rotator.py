"""Keep a webhook server's self-signed certificate in a Secret, and the configurations that trust it up to date.

Every replica does the same: read the Secret, renew what is due, present the certificate, write the authorities into
the webhook configurations. The first replica to write the Secret wins; the others read it again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import (
    AlreadyExistsError,
    APIConnectionError,
    APIError,
    ConfigurationError,
    ConflictError,
    KaiwuError,
    NotFoundError,
)
from kaiwu_runtime.serving._certificate_options import MUTATING, SERVICE_NAME, VALIDATING, WebhookCertificateOptions
from kaiwu_runtime.webhook._ca_injection import Injector
from kaiwu_runtime.webhook._certificates import AUTHORITY_KEY, CERTIFICATE, Certificates, read_certificates, renewed

logger = logging.getLogger("kaiwu_runtime.webhook.rotator")

ATTEMPTS = 10
"""How often the Secret is read again because another replica wrote it."""

UNREACHABLE_SECONDS = 5.0
"""How long a process that starts tries to reach the API server."""


class CertificateRotator:
    """Renews certificates before they expire, without a request that fails.

    Args:
        options: Which Secret, which names, how long.
        connect: Makes the client; it may get, create and patch the Secret, and get and patch the configurations.
        use: Called with certificate and key, both PEM, whenever they are others.
        clock: Returns the time, with a time zone.
    """

    def __init__(
        self,
        options: WebhookCertificateOptions,
        connect: Callable[[], Client],
        use: Callable[[bytes, bytes], None],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._options = options
        self._connect = connect
        self._use = use
        self._clock = clock
        self._client: Client | None = None
        self._presented: tuple[bytes, bytes] = (b"", b"")
        self._trusted: tuple[bytes, datetime] | None = None
        self._complaints: dict[str, str] = {}

    def find_targets(self, *, mutating: bool, validating: bool, crds: Sequence[str]) -> None:
        """Add the configurations and CRDs of the webhooks that are served, where the options ask for it.

        Args:
            mutating: Whether a defaulter is served.
            validating: Whether a validator is served.
            crds: Names of the CRDs whose objects are converted.
        """
        options = self._options
        if not options.from_webhooks:
            return
        before, _, after = options.service_name.partition(SERVICE_NAME)
        self._options = replace(
            options,
            mutating=(*options.mutating, *([f"{before}{MUTATING}{after}"] if mutating else [])),
            validating=(*options.validating, *([f"{before}{VALIDATING}{after}"] if validating else [])),
            crds=(*options.crds, *(crd for crd in crds if crd not in options.crds)),
        )

    async def prepare(self) -> None:
        """Make or read the certificate and present it; called before the server listens.

        Raises:
            ConfigurationError: The Secret belongs to another program.
            APIError: The API server rejected the request, or cannot be reached.
        """
        deadline = time.monotonic() + UNREACHABLE_SECONDS
        while True:
            try:
                await self.rotate()
            except APIConnectionError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    async def run(self) -> None:
        """Look again and again, until cancelled; a failure is logged and tried again."""
        while True:
            await asyncio.sleep(self._options.interval)
            try:
                await self.rotate()
            except KaiwuError as error:
                self._complain("certificate", str(error))
            except Exception:
                # If the loop ended here, the failure would show only when the certificate expires.
                logger.exception("Cannot check the webhook certificates")
            else:
                self._complain("certificate", "")

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def rotate(self) -> None:
        """Look once: renew what is due, present the certificate, write the authorities where they are missing.

        Raises:
            ConfigurationError: The Secret belongs to another program.
            APIError: The Secret could not be read or written. A failure with a configuration is only logged: it may
                not be there yet.
        """
        if self._client is None:
            self._client = self._connect()
        client = self._client
        namespace = self._options.namespace or client.namespace
        certificates = await self._ensure(client, namespace)
        pair = (certificates.certificate, certificates.key)
        if pair != self._presented:
            self._use(*pair)
            self._presented = pair
        await self._inject(Injector(client, self._options, namespace), certificates.authorities)

    async def _ensure(self, client: Client, namespace: str) -> Certificates:
        """Return the certificates in the Secret, after renewing what is due."""
        for _ in range(ATTEMPTS):
            try:
                secret = await client.get(Secret, self._options.secret_name, namespace=namespace)
            except NotFoundError:
                secret = None
            found = self._read(secret, namespace) if secret is not None else None
            wanted = self._renewed(found, namespace)
            if wanted is found:
                return wanted
            try:
                await self._write(client, namespace, secret, wanted)
            except (AlreadyExistsError, ConflictError):
                continue  # another replica was first
            logger.info(
                "Wrote new webhook certificates", extra={"secretName": f"{namespace}/{self._options.secret_name}"}
            )
            return wanted
        raise ConflictError(
            f"Secret {namespace}/{self._options.secret_name} is written all the time", code=409, reason="Conflict"
        )

    def _read(self, secret: Secret, namespace: str) -> Certificates | None:
        try:
            members = {name: base64.b64decode(text) for name, text in (secret.data or {}).items()}
        except binascii.Error:
            members = {}
        where = f"Secret {namespace}/{self._options.secret_name}"
        if members.get(CERTIFICATE) and AUTHORITY_KEY not in members:
            # cert-manager, for one, would write its own again, and so for ever.
            raise ConfigurationError(
                f"{where} holds a certificate that was not made here; name another Secret, "
                "or mount this one and give --webhook-cert-path"
            )
        found = read_certificates(members)
        if found is None and members.get(CERTIFICATE):
            logger.warning("The webhook certificates cannot be used; creating new ones", extra={"secretName": where})
        return found

    def _renewed(self, found: Certificates | None, namespace: str) -> Certificates:
        options = self._options
        now = self._clock()
        trusted = (
            found is not None
            and self._trusted is not None
            and self._trusted[0] == found.authorities
            and now - self._trusted[1] >= options.overlap
        )
        service = f"{options.service_name}.{namespace}.svc"
        return renewed(
            found,
            now=now,
            names=(service, f"{service}.cluster.local", *options.extra_names),
            ca_lifetime=options.ca_lifetime,
            lifetime=options.lifetime,
            trusted=trusted,
        )

    async def _write(self, client: Client, namespace: str, secret: Secret | None, wanted: Certificates) -> None:
        name = self._options.secret_name
        data = {member: base64.b64encode(value).decode("ascii") for member, value in wanted.members().items()}
        if secret is None:
            metadata = ObjectMeta(name=name, namespace=namespace)
            await client.create(Secret(metadata=metadata, type="kubernetes.io/tls", data=data))
            return
        version = secret.metadata.resourceVersion if secret.metadata is not None else None
        patch = {"metadata": {"resourceVersion": version}, "data": data}
        await client.patch(Secret, name, patch, namespace=namespace)

    async def _inject(self, injector: Injector, authorities: bytes) -> None:
        """Write the authorities, and note since when all configurations have them."""
        complete = True
        for target in injector.targets:
            identity, name = target
            subject = f"{identity.kind} {name}"
            try:
                if await injector.inject(target, authorities):
                    logger.info("Wrote the certificate authorities", extra={"target": subject})
                    complete = False
            except (APIError, ConfigurationError) as error:
                complete = False
                self._complain(subject, str(error))
            else:
                self._complain(subject, "")
        if not complete:
            # The time counts from the first look that finds nothing to do: a replica with an older Secret in hand
            # may have written its own authorities in between.
            self._trusted = None
        elif self._trusted is None or self._trusted[0] != authorities:
            self._trusted = (authorities, self._clock())

    def _complain(self, subject: str, message: str) -> None:
        """Log a failure once, and again when it is another or has been over."""
        if message and self._complaints.get(subject) != message:
            logger.warning("Webhook certificates: %s", " ".join(message.split()), extra={"target": subject})
        self._complaints[subject] = message
