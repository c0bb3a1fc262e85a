"""The credentials of one transport: the headers of requests, and their renewal when the server rejects them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from kaiwu_runtime._error_text import summary
from kaiwu_runtime.config._authentication import Authentication, StaticAuthentication
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.config._rotation import PERIOD_SECONDS, Rotation
from kaiwu_runtime.errors import CredentialsError

logger = logging.getLogger("kaiwu_runtime.config.renewal")


class Sent(NamedTuple):
    """The credentials that a request was sent with.

    Attributes:
        authorization: The Authorization header; empty for none.
        generation: How often the other credentials have been replaced.
    """

    authorization: str
    generation: int


class CredentialRenewal:
    """Keeps the credentials of a transport current.

    Args:
        credentials: The initial credentials; not changed.
        use: Called with a TLS context for new connections when the certificates change.
        changed: Called when the headers change.
    """

    def __init__(
        self, credentials: Credentials, use: Callable[[ssl.SSLContext | None], None], changed: Callable[[], None]
    ) -> None:
        self._credentials = replace(credentials)  # changed in place; another transport has its own
        self._authentication = _authentication(self._credentials)
        self._certificate = self._authentication.certificate
        self._rotation = Rotation(self._credentials)
        self._reading = asyncio.Lock()
        self._use = use
        self._changed = changed
        self._last = Sent("", 0)
        self._watches = 0
        self._following: asyncio.Task[None] | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers that say on whose behalf requests are sent."""
        return self._credentials.headers

    def ready(self) -> Sent | None:
        """Return what to send now if that needs no waiting; otherwise None: use `current`."""
        if self._rotation.is_due or self._authentication.certificate is not self._certificate:
            return None
        authorization = self._authentication.authorization()
        if authorization is None:
            return None
        last = self._last
        if last.authorization != authorization or last.generation != self._rotation.generation:
            self._last = last = Sent(authorization, self._rotation.generation)
        return last

    async def current(self) -> Sent:
        """Return what to send now, after a renewal where one is needed.

        Raises:
            CredentialsError: Credentials that had to be renewed cannot be.
        """
        if self._rotation.due():
            await self.read_again(force=False)
        authorization = self._authentication.authorization()
        if authorization is None:
            await self._renew(rejected=False)
            authorization = self._authentication.authorization() or ""
        await self._use_certificate()  # another client with the same credentials may have renewed them
        return Sent(authorization, self._rotation.generation)

    async def after_rejection(self, rejected: Sent) -> bool:
        """Renew what the server has rejected, unless the rejection of another request has led to that already.

        Returns:
            Whether there is anything new, so that sending the request again makes sense.

        Raises:
            CredentialsError: They cannot be renewed.
        """
        if self._rotation.generation != rejected.generation:
            return True
        if self._authentication.authorization() not in {rejected.authorization, None}:
            return True
        if await self._renew(rejected=True) or await self.read_again(force=True):
            return True
        return self._rotation.generation != rejected.generation

    async def read_again(self, *, force: bool) -> bool:
        """Read the files that the credentials came from; tell whether anything is new.

        Args:
            force: Also when they look the same.
        """
        generation = self._rotation.generation
        async with self._reading:
            if self._rotation.generation != generation:
                return True  # another request has read them meanwhile
            found = await asyncio.to_thread(self._rotation.read, force=force)
            if found is not None:
                # In one step: a request that begins in between would be sent with a part of the old ones.
                self._rotation.adopt(found)
                self._authentication = _authentication(self._credentials)
                self._changed()
                if found.certificates:
                    self._use(found.context)
                    self._certificate = found.certificate
            await self._fit_certificate()
        return found is not None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Check the files inside the block too: an idle operator sends no requests that would do so."""
        self._watches += 1
        if self._following is None and self._credentials.reload is not None:
            self._following = asyncio.create_task(self._follow(), name="renewed credentials")
        try:
            yield
        finally:
            self._watches -= 1

    def close(self) -> None:
        """Stop checking the files."""
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        try:
            while self._watches:
                await asyncio.sleep(PERIOD_SECONDS)
                if self._rotation.due():
                    try:
                        await self.read_again(force=False)
                    except CredentialsError as error:  # which the next request reports
                        logger.warning("Cannot use the reloaded credentials", extra={"error": str(error)})
        finally:
            self._following = None

    async def _renew(self, *, rejected: bool) -> bool:
        try:
            renewed = await self._authentication.renew(rejected=rejected)
            await self._use_certificate()
        except CredentialsError:
            raise
        except Exception as error:
            said = summary(error)
            raise CredentialsError(f"cannot renew the credentials: {said}") from error
        return renewed

    async def _use_certificate(self) -> None:
        """Use the present client certificate for new connections; once for all requests that wait for it."""
        if self._authentication.certificate is not self._certificate:
            async with self._reading:
                await self._fit_certificate()

    async def _fit_certificate(self) -> None:
        """Use the client certificate of the authentication for new connections, and none where it has none.

        Raises:
            CredentialsError: There is no TLS with it.
        """
        while (certificate := self._authentication.certificate) is not self._certificate:
            if certificate != self._certificate:
                try:
                    context = await asyncio.to_thread(self._credentials.tls_context)
                except Exception as error:
                    raise CredentialsError(f"cannot use the renewed credentials: {summary(error)}") from error
                if certificate is not self._authentication.certificate:
                    continue  # renewed once more meanwhile: it is not known which of the two the context has
                self._use(context)
            self._certificate = certificate


def _authentication(credentials: Credentials) -> Authentication:
    """Return how requests are authenticated: not at all without TLS, because others could read it."""
    authentication = credentials.authentication
    if credentials.server.startswith("https://"):
        return authentication
    anonymous = isinstance(authentication, StaticAuthentication) and not authentication.authorization()
    if not anonymous or credentials.certificate is not None:
        logger.warning(
            "Sending no credentials: the server's URL is http://, not https://", extra={"server": credentials.server}
        )
    return StaticAuthentication()
