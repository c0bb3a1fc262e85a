"""Authentication of requests: none, a fixed header, or a token file that is replaced while the process runs."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaiwu_runtime.config._tls import ClientCertificate

TOKEN_PERIOD = 60.0


class Authentication(Protocol):
    """The source of the Authorization header of requests."""

    @property
    def certificate(self) -> ClientCertificate | None:
        """Client certificate that is part of the credentials, or None."""
        ...

    @property
    def source(self) -> object:
        """Identity of the source; two sources that are equal give the same header."""
        ...

    def authorization(self) -> str | None:
        """Return the Authorization header's value, the empty string for none, or None: :meth:`renew` first."""
        ...

    async def renew(self, *, rejected: bool) -> bool:
        """Get fresh credentials.

        Args:
            rejected: The API server answered 401 to the present ones.

        Returns:
            Whether the credentials changed, so that a retry may succeed.

        Raises:
            CredentialsError: No credentials are available at the moment.
        """
        ...


class StaticAuthentication:
    """A header that never changes: a token, user name and password, or none at all."""

    certificate: ClientCertificate | None = None

    def __init__(self, header: str = "") -> None:
        self._header = header

    @property
    def source(self) -> object:
        """The header."""
        return self._header

    @classmethod
    def bearer(cls, token: str) -> StaticAuthentication:
        """Return authentication with a fixed bearer token."""
        return cls(f"Bearer {token}")

    @classmethod
    def basic(cls, username: str, password: str) -> StaticAuthentication:
        """Return authentication with user name and password; since Kubernetes 1.19 only a proxy accepts it."""
        return cls("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii"))

    def authorization(self) -> str | None:
        """Return the header."""
        return self._header

    async def renew(self, *, rejected: bool) -> bool:  # noqa: ARG002
        """Do nothing: the header never changes."""
        return False


class TokenFileAuthentication:
    """A bearer token in a file that another process replaces, such as the kubelet for a service account.

    The file is reloaded every minute, long before the kubelet's tokens expire, and at once if the API server rejects
    the token.

    Args:
        path: The token file.
        period: Seconds between two reads.
        clock: Monotonic clock, for tests.

    See https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
    """

    certificate: ClientCertificate | None = None

    def __init__(
        self, path: str | Path, *, period: float = TOKEN_PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = Path(path)
        self._period = period
        self._clock = clock
        self._header: str | None = None
        self._read_at = 0.0

    @property
    def source(self) -> object:
        """The file."""
        return self._path

    def authorization(self) -> str | None:
        """Return the header, read again when it is older than the period."""
        now = self._clock()
        if self._header is None or now - self._read_at >= self._period:
            self._read(now)
        return self._header

    async def renew(self, *, rejected: bool) -> bool:  # noqa: ARG002
        """Read the file now; return whether the token changed."""
        before = self._header
        self._read(self._clock())
        return self._header != before

    def _read(self, now: float) -> None:
        try:
            token = self._path.read_text(encoding="ascii").strip()
            if not token:
                raise ValueError("is empty")
            if not token.isprintable() or " " in token:
                raise ValueError("has spaces or control characters inside the token")
        except (OSError, ValueError) as error:
            if self._header is not None:
                self._read_at = now  # the file is being replaced: the old token may still be valid
                return
            raise CredentialsError(f"token file {self._path}: {_reason(error)}") from error
        self._header = f"Bearer {token}"
        self._read_at = now


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not ASCII text"  # not the codec's own message, which shows bytes of the token
    return reason(error)
