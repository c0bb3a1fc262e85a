"""/healthz and /readyz, with named checks as controller-runtime has them.

Append a check's name for that one alone, ``?verbose`` for a line each, and ``?exclude=NAME`` (several times for several
checks) to leave one out.

See https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kaiwu_runtime import _callback as callback
from kaiwu_runtime._error_text import summary
from kaiwu_runtime._redaction import redact

if TYPE_CHECKING:
    from kaiwu_runtime.serving._listener import Listener
    from kaiwu_runtime.serving._request import Request
    from kaiwu_runtime.serving._response import Response

logger = logging.getLogger("kaiwu_runtime.serving.probes")

LOG_SECONDS = 5.0
"""Minimum seconds between two log entries of a failing check: anyone may ask."""

Check = Callable[[], Awaitable[None] | None]
"""A check, which fails by raising an exception; its message is shown. A plain function must not block."""


class Probes:
    """The checks of a process, and the server that answers the kubelet.

    Args:
        host: Empty for every interface.
        port: 0 takes a free one.
        served: Whether `start` listens; otherwise checks can be added but are never run.
    """

    def __init__(self, host: str = "", port: int = 0, *, served: bool = True) -> None:
        self._host = host
        self._port = port
        self._served = served
        self._listener: Listener | None = None
        self._logged: dict[tuple[str, str], float] = {}
        self._checks: dict[str, dict[str, Check]] = {"healthz": {"ping": _ping}, "readyz": {"ping": _ping}}

    @property
    def port(self) -> int:
        """The port that is served, once started; 0 when none is."""
        return self._port if self._listener is None else self._listener.port

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
        if not self._served:
            return
        # Imported here: an HTTP server, for those who want one.
        from kaiwu_runtime.serving._listener import Listener  # noqa: PLC0415
        from kaiwu_runtime.serving._routes import Routes  # noqa: PLC0415

        self._listener = Listener(self._host, self._port, f"--health-probe-bind-address {self._host}:{self._port}")
        routes = Routes()
        for probe in self._checks:
            routes.get(f"/{probe}", self._answer)
            routes.get(f"/{probe}/", self._answer)
        await self._listener.start(routes)
        logger.info("Serving probes", extra={"address": f"{self._host}:{self.port}"})

    async def stop(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            await self._listener.stop()

    async def _answer(self, request: Request) -> Response:
        from kaiwu_runtime.serving._response import Response  # noqa: PLC0415 - see start

        _, probe, *names = request.path.split("/")
        checks = self._checks[probe]
        name = names[0] if names else ""
        excluded: set[str] = set()
        if name:
            if name not in checks:
                return Response.of(f"no check {name!r}\n", 404)
            checks = {name: checks[name]}
        else:
            excluded = set(request.query.get("exclude", ()))
        lines: list[str] = []
        failed: dict[str, str] = {}
        for label, check in list(checks.items()):
            if label in excluded:
                lines.append(f"[+]{label} excluded: ok")
                continue
            reason = await _failure(check)
            if reason:
                failed[label] = reason
            lines.append(f"[-]{label} failed: {reason}" if reason else f"[+]{label} ok")
        if unknown := sorted(excluded - checks.keys()):
            lines.append(f"warn: some checks cannot be excluded: no matches for {', '.join(map(repr, unknown))}")
        if failed:
            self._log(probe, failed)
            return Response.of("\n".join([*lines, f"{probe} check failed", ""]), 500)
        verbose = "verbose" in request.query
        return Response.of("\n".join([*lines, f"{probe} check passed", ""]) if verbose else "ok")

    def _log(self, probe: str, failed: dict[str, str]) -> None:
        now = time.monotonic()
        if any(now - self._logged.get((probe, name), -LOG_SECONDS) >= LOG_SECONDS for name in failed):
            self._logged.update(((probe, name), now) for name in failed)
            logger.info("A probe fails", extra={"probe": probe, "failed": failed})


async def _failure(check: Check) -> str:
    """Return what is wrong; empty when nothing is."""
    try:
        outcome = callback.call(check)
        if outcome is not None:
            await callback.wait(outcome)
    except Exception as error:  # noqa: BLE001 - any exception of a check is its result
        callback.forget_stack(error)
        return redact(summary(error))
    return ""


def _ping() -> None:
    return None
