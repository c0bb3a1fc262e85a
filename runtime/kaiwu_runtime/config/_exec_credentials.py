"""The credentials that an exec plugin has printed: one set per plugin and process, as in client-go.

The manager, its leader election and its webhook certificates have a client each, in event loops and threads of their
own. A user who has to log in does so once for all of them.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

import msgspec

from kaiwu_runtime.config._tls import ClientCertificate, check_certificate

logger = logging.getLogger("kaiwu_runtime.config.exec_credentials")

LEEWAY = timedelta(seconds=30)
SHORTEST = timedelta(seconds=1)
"""Minimum time for which credentials are used: those that look expired may be good by the API server's clock."""

AGAIN = timedelta(seconds=5)
"""Seconds before a failed command is retried while the present credentials are still valid."""


class ExecStatus(msgspec.Struct):
    """``status`` of an ExecCredential."""

    token: str = ""
    certificate: str = msgspec.field(name="clientCertificateData", default="")
    key: str = msgspec.field(name="clientKeyData", default="")
    expires: datetime | None = msgspec.field(name="expirationTimestamp", default=None)


class ExecCredentials:
    """The credentials of one plugin; used by several threads.

    Attributes:
        running: Held while the command runs.
        runs: How often it has returned credentials.
        header: The Authorization header, empty for none; None before the first run.
        certificate: The client certificate, or None.
        expires: When they expire; None if the plugin did not say.
    """

    def __init__(self) -> None:
        self.running = threading.Lock()
        self.runs = 0
        self.header: str | None = None
        self.certificate: ClientCertificate | None = None
        self.expires: datetime | None = None
        self._renew_at: datetime | None = None

    @property
    def current(self) -> str | None:
        """The header, or None when the command has to run first."""
        if self._renew_at is not None and datetime.now(UTC) >= self._renew_at:
            return None
        return self.header

    def accept(self, status: ExecStatus) -> None:
        """Take over what the command printed, all of it or nothing: parts of two answers would not belong together.

        Raises:
            ConfigurationError: The client certificate cannot be used.
        """
        certificate = None
        if status.certificate:
            certificate = ClientCertificate(status.certificate.encode(), status.key.encode())
            check_certificate(certificate)
            if certificate == self.certificate:
                certificate = self.certificate  # the same object: nothing changes for the connections
        renew_at = expires = None
        if status.expires is not None:
            expires = status.expires if status.expires.tzinfo else status.expires.replace(tzinfo=UTC)
            now = datetime.now(UTC)
            # A tenth, for credentials whose whole lifetime is about half a minute.
            renew_at = max(expires - min(LEEWAY, (expires - now) / 10), now + SHORTEST)
        self.certificate = certificate
        self.header = f"Bearer {status.token}" if status.token else ""
        self._renew_at, self.expires = renew_at, expires
        self.runs += 1

    def keep(self, error: Exception) -> bool:
        """After a failure, continue with credentials that have not expired yet; False when there are none."""
        now = datetime.now(UTC)
        if self.expires is None or now >= self.expires:
            return False
        logger.warning("Cannot renew the credentials; using the present ones", extra={"error": str(error)})
        self._renew_at = min(self.expires, now + AGAIN)
        return True


_lock = threading.Lock()
_shared: WeakValueDictionary[bytes, ExecCredentials] = WeakValueDictionary()


def shared_credentials(key: bytes) -> ExecCredentials:
    """Return the credentials of the plugin that a key stands for; forgotten with the last client that has them."""
    with _lock:
        found = _shared.get(key)
        if found is None:
            found = _shared[key] = ExecCredentials()
        return found
