"""One HTTP server of a manager: probes, metrics and webhooks listen in the same way."""

from __future__ import annotations

import ssl

from aiohttp import web

from kaiwu_runtime.errors import ConfigurationError


class Listener:
    """Serves an application on an address.

    Args:
        host: Empty for every interface.
        port: 0 takes a free one.
        flags: How the command line says this address, for messages.
        shutdown_timeout: Seconds that requests in progress get when it stops.
    """

    def __init__(self, host: str, port: int, flags: str, *, shutdown_timeout: float = 1.0) -> None:
        self._host = host
        self._port = port
        self._flags = flags
        self._shutdown_timeout = shutdown_timeout
        self._runner: web.AppRunner | None = None

    @property
    def started(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._runner is not None

    @property
    def port(self) -> int:
        """The port that is served, once started."""
        return int(self._runner.addresses[0][1]) if self._runner and self._runner.addresses else self._port

    async def start(
        self, application: web.Application, *, context: ssl.SSLContext | None = None, instead: str = "use another, or 0"
    ) -> None:
        """Listen.

        Args:
            application: Answers the requests.
            context: For https; None serves plain http.
            instead: What the message of a failure advises.

        Raises:
            ConfigurationError: The address is taken or not allowed.
        """
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=self._shutdown_timeout)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host or None, self._port, ssl_context=context).start()
        except OSError as error:
            await self.stop()
            raise ConfigurationError(f"{self._flags}: {error.strerror or error}; {instead}") from error

    async def stop(self) -> None:
        """Stop listening; requests in progress are answered."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
