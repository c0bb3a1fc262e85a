"""Reload credentials whose files are replaced while the process runs: certificates, authorities, kubeconfig files.

Token files and exec plugins renew themselves, see :mod:`~kaiwu_runtime.config._authentication`; everything else that
was read from a file is read again here: about once a minute, and at once when the API server rejects the credentials
or shows a certificate that is not trusted.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kaiwu_runtime._error_text import summary

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from kaiwu_runtime.config._credentials import Credentials
    from kaiwu_runtime.config._tls import ClientCertificate

logger = logging.getLogger("kaiwu_runtime.config.rotation")

PERIOD_SECONDS = 60.0
"""Seconds between two checks of the files while requests are sent."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


class Reloaded(NamedTuple):
    """New credentials that were found in the files, to be taken over with `Rotation.adopt`.

    Attributes:
        credentials: The new credentials.
        stamp: State of the files before they were read.
        certificates: Whether the certificates are new.
        context: TLS for new connections where the certificates are new, else None.
        certificate: The client certificate of the authentication that the context has, or None.
    """

    credentials: Credentials
    stamp: _Stamp
    certificates: bool
    context: ssl.SSLContext | None
    certificate: ClientCertificate | None


class Rotation:
    """Reload credentials when their files change.

    Args:
        credentials: Changed in place when the files have changed.
        clock: Monotonic clock in seconds, for tests.
    """

    def __init__(self, credentials: Credentials, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._credentials = credentials
        self._clock = clock
        self._next = clock() + PERIOD_SECONDS if credentials.reload is not None else float("inf")
        self._stamp = _stamp(credentials.files)
        self._complaint = ""
        self.generation = 0
        """How often the credentials have changed."""

    @property
    def is_due(self) -> bool:
        """Whether it is time to look at the files."""
        return self._clock() >= self._next

    def due(self) -> bool:
        """Return whether it is time to look at the files; true for one caller each minute."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + PERIOD_SECONDS
        return True

    def read(self, *, force: bool) -> Reloaded | None:
        """Read the files again, and return what is new or None. This blocks: call it in a thread.

        The credentials stay as they are until `adopt`: requests are sent meanwhile, and the one that waits for the
        thread may be cancelled.

        What cannot be used, a certificate whose key has not been written yet for instance, is logged and read again
        later.

        Args:
            force: Read them although they look the same.
        """
        credentials = self._credentials
        if credentials.reload is None:
            return None
        stamp = _stamp(credentials.files)
        if stamp == self._stamp and not force:
            return None
        try:
            fresh = credentials.reload()
            if fresh.route != credentials.route:
                raise ValueError(f"the server {fresh.server}, its proxy or its TLS name has changed: restart to use it")
            fresh.keep_sources(credentials)
            certificate = fresh.authentication.certificate
            context = fresh.tls_context()
        except Exception as error:  # noqa: BLE001 - whatever a partly written file causes, the present credentials still work
            self._complain(summary(error))
            return None
        self._complain("")
        renewed = fresh.trust != credentials.trust
        if not renewed and fresh.identity == credentials.identity:
            self._stamp = stamp
            return None
        return Reloaded(fresh, stamp, renewed, context, certificate)

    def adopt(self, found: Reloaded) -> None:
        """Make what was read the present credentials. Call it where requests are sent, not in the thread."""
        self._stamp = found.stamp
        self._credentials.adopt(found.credentials)
        self.generation += 1
        logger.info(
            "Reloaded the credentials",
            extra={"server": self._credentials.server, "certificates": found.certificates},
        )

    def _complain(self, message: str) -> None:
        if message and message != self._complaint:
            logger.warning("Cannot reload the credentials; using the present ones", extra={"error": message})
        self._complaint = message


def _stamp(files: tuple[Path, ...]) -> _Stamp:
    """Return what changes when a file is written or replaced, also behind a symbolic link as in a mounted Secret."""
    found: list[tuple[int, int, int] | None] = []
    for path in files:
        try:
            status = os.stat(path)  # noqa: PTH116 - one call, no object
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
