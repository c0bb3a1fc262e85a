"""/healthz and /readyz, with named checks as controller-runtime has them.

Append a check's name for that one alone, and ``?verbose`` for a line each.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from kaiwu_runtime.manager.listener import Listener

logger = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None] | None]
"""Raises when something is wrong; the message is shown."""


class Probes:
    """Answers the kubelet.

    Args:
        host: Empty for every interface.
        port: 0 takes a free one.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._listener = Listener(host, port, f"--health-probe-bind-address {host}:{port}")
        self._checks: dict[str, dict[str, Check]] = {"healthz": {"ping": _ping}, "readyz": {"ping": _ping}}

    @property
    def port(self) -> int:
        """The port that is served, once started."""
        return self._listener.port

    def add_healthz_check(self, name: str, check: Check) -> None:
        """Add a check of liveness: the process is restarted while it fails."""
        self._checks["healthz"][name] = check

    def add_readyz_check(self, name: str, check: Check) -> None:
        """Add a check of readiness: no traffic arrives while it fails."""
        self._checks["readyz"][name] = check

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: The address is taken or not allowed.
        """
        application = web.Application()
        for probe in self._checks:
            application.router.add_get(f"/{probe}", self._answer)
            application.router.add_get(f"/{probe}/", self._answer)
            application.router.add_get(f"/{probe}/{{name}}", self._answer)
        await self._listener.start(application)
        logger.info("Serving probes", extra={"address": f"{self._host}:{self.port}"})

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        probe = request.path.split("/")[1]
        checks = self._checks[probe]
        name = request.match_info.get("name", "")
        if name:
            if name not in checks:
                return web.Response(status=404, text=f"no check {name!r}\n")
            checks = {name: checks[name]}
        failed: dict[str, str] = {}
        for label, check in checks.items():
            try:
                outcome = check()
                if outcome is not None:
                    await outcome
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its answer
                failed[label] = " ".join(str(error).split()) or type(error).__name__
        lines = [f"[-]{label} failed: {failed[label]}" if label in failed else f"[+]{label} ok" for label in checks]
        if failed:
            logger.info("A probe fails", extra={"probe": probe, "failed": failed})
            return web.Response(status=500, text="\n".join([*lines, f"{probe} check failed", ""]))
        verbose = "verbose" in request.query
        return web.Response(text="\n".join([*lines, f"{probe} check passed", ""]) if verbose else "ok")


def _ping() -> None:
    return None
