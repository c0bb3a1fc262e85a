"""The certificate of an https server: from files that another program renews, or self-signed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from kaiwu_runtime.config._tls import secret_path
from kaiwu_runtime.errors import ConfigurationError

logger = logging.getLogger("kaiwu_runtime.serving.serving_certificate")

POLL_SECONDS = 10.0


class ServingCertificate:
    """A certificate and its key, and a TLS context for them; current as long as `keep_current` runs.

    Args:
        folder: Holds ``tls.crt`` and ``tls.key``, as a mounted Secret does; None makes a self-signed certificate.
        names: DNS names of the self-signed certificate.
        poll: Seconds between two checks of the files.
        cure: What to do when the files cannot be read, for the error.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        names: tuple[str, ...] = ("localhost",),
        poll: float = POLL_SECONDS,
        cure: str = "it must hold a PEM",
    ) -> None:
        self._folder = folder
        self._cure = cure
        self._names = names
        self._poll = poll
        self._context: ssl.SSLContext | None = None
        self._loaded: tuple[bytes, bytes] = (b"", b"")
        self.on_read: Callable[[bool], None] = _unmeasured
        """Called whenever files are read, or another certificate is given, with whether that worked."""

    async def prepare(self) -> None:
        """Make the self-signed certificate if one is needed, in a child process.

        Raises:
            ConfigurationError: It cannot be used.
        """
        if self._folder is None and self._context is None:
            from kaiwu_runtime.certificates import _child  # noqa: PLC0415 - for those who have no certificate

            self.use(*await _child.self_signed(self._names))

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for new connections, with what was loaded last.

        Raises:
            ConfigurationError: The files cannot be used.
        """
        if self._context is None:
            self.use(*self._measured_read())
        assert self._context is not None  # noqa: S101 - for the type checker
        return self._context

    def use(self, certificate: bytes, key: bytes) -> None:
        """Present another certificate from the next connection on.

        Args:
            certificate: The chain, PEM.
            key: Its private key, PEM.

        Raises:
            ConfigurationError: They cannot be used; the previous certificate stays in use.
        """
        # A new one each time: a context keeps one certificate per type of key, and would go on presenting an EC
        # certificate after one with an RSA key was loaded.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._load(context, certificate, key)
        except ConfigurationError:
            self.on_read(False)
            raise
        self.on_read(True)
        self._context = context

    async def keep_current(self) -> None:
        """Load the files again when they change; a pair that does not match is logged, and the old one stays in use."""
        while self._folder is not None:
            await asyncio.sleep(self._poll)
            try:
                pair = self._measured_read()
                if pair != self._loaded:
                    self.use(*pair)
                    logger.info("Loaded a new certificate", extra={"folder": str(self._folder)})
            except ConfigurationError as error:
                logger.warning("The new certificate cannot be used", extra={"error": str(error)})
            except Exception:
                # The server would go on with a certificate that expires.
                logger.exception("Cannot check for a new certificate", extra={"folder": str(self._folder)})

    def _measured_read(self) -> tuple[bytes, bytes]:
        try:
            pair = self._read()
        except ConfigurationError:
            self.on_read(False)
            raise
        if pair == self._loaded:
            self.on_read(True)  # otherwise `use` says whether the pair is a good one
        return pair

    def _read(self) -> tuple[bytes, bytes]:
        if self._folder is None:
            # Imported here: only a server that was given no certificate needs it.
            from kaiwu_runtime.certificates._authority import self_signed  # noqa: PLC0415 - loads cryptography

            return self_signed(self._names)
        try:
            return (self._folder / "tls.crt").read_bytes(), (self._folder / "tls.key").read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}; {self._cure}") from error

    def _load(self, context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
        try:
            with secret_path(certificate) as chain, secret_path(key) as private:
                context.load_cert_chain(chain, private, password=lambda: b"")
        except (ssl.SSLError, OSError) as error:
            where = f"{self._folder}: " if self._folder is not None else ""
            raise ConfigurationError(f"{where}tls.crt and tls.key cannot be used: {error}") from error
        self._loaded = (certificate, key)


def _unmeasured(_: bool) -> None:
    return None
