"""Reading an address of the network or a file, within times and sizes: for what envtest downloads."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_TIMEOUT = 5.0
"""Seconds to resolve and connect to a host."""
STALL_TIMEOUT = 20.0
"""Seconds in which at least :data:`STALL_BYTES` have to arrive."""
STALL_BYTES = 20_000
OPEN_TIMEOUT = 30.0
"""Seconds until the head of an answer is there, redirects included."""
CHUNK = 1 << 16
_Result = TypeVar("_Result")


class NetworkError(ControlPlaneError):
    """A failure that another attempt may not have."""


def open_url(url: str) -> http.client.HTTPResponse:
    """Open an address through the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ControlPlaneError(f"invalid address {shown(url)}: {error}") from error
    if parts.scheme not in {"https", "http", "file"}:
        raise ControlPlaneError(f"invalid address {shown(url)}: use http, https or file")
    if parts.scheme != "file":
        _resolve(parts.scheme, parts.hostname or "", url)
    # An opener of its own: the shared one keeps the proxies there were when it was first used.
    opener = urllib.request.build_opener(_Redirects)
    try:
        response: http.client.HTTPResponse = _within(OPEN_TIMEOUT, lambda: opener.open(url, timeout=CONNECT_TIMEOUT))
    except urllib.error.HTTPError as error:
        error.close()
        raise ControlPlaneError(f"{shown(url)} answered {error.code} {printable(error.reason)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NetworkError(f"{shown(url)} cannot be reached: {_reason(error)}") from error
    _set_timeout(response, STALL_TIMEOUT)
    return response


def receive(response: http.client.HTTPResponse, url: str, limit: int) -> bytes:
    parts = bytearray()
    deadline = time.monotonic() + STALL_TIMEOUT
    while chunk := read(response, url):
        parts += chunk
        if len(parts) > limit:
            raise ControlPlaneError(f"{shown(url)} is larger than {limit} bytes; is this the address of the index?")
        if time.monotonic() > deadline:
            raise NetworkError(f"{shown(url)} is too slow: not complete after {STALL_TIMEOUT:g} s")
    return bytes(parts)


def read(response: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise NetworkError(f"{shown(url)} broke off: {_reason(error)}") from error


def check_step(before: str, after: str, what: str) -> None:
    """Reject to go on from an encrypted address to another, or from the network to a file of this machine."""
    if after == before or (before, after) in {("http", "https"), ("file", "https"), ("file", "http")}:
        return
    if (before, after) == ("https", "http"):
        raise ControlPlaneError(f"{what}, which is not encrypted; not followed")
    raise ControlPlaneError(f"{what}, which is not an https address; not followed")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917  (as the class it overrides has it)
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        what = f"{shown(req.full_url)} redirects to {shown(newurl)}"
        check_step(req.type, urlsplit(newurl).scheme, what)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Return what `call` returns, or raise TimeoutError; sockets limit the time of one read, not of all.

    A call that is given up goes on in its thread until the next limit of the socket's.
    """
    results: list[_Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (raised again below)
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]


def _set_timeout(response: http.client.HTTPResponse, seconds: float) -> None:
    stream: IO[bytes] | None = getattr(response, "fp", None)
    connection = getattr(getattr(stream, "raw", None), "_sock", None)
    if isinstance(connection, socket.socket):
        connection.settimeout(seconds)


def _resolve(scheme: str, host: str, url: str) -> None:
    """Fail early when a name has no address; the system's resolver may take half a minute over it."""
    proxy = urllib.request.getproxies().get(scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        host = urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname or host
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT)
    if thread.is_alive():
        raise NetworkError(f"{shown(url)} cannot be reached: no address for {host} in {CONNECT_TIMEOUT:g} s")
    if failure:
        raise NetworkError(f"{shown(url)} cannot be reached: no address for {host} ({_reason(failure[0])})")


def shown(url: str) -> str:
    """Return an address for a message: without a user's name, a password or a query that may have a key in it."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    shown = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}".partition("?")[0].partition("#")[0]
    return printable(shown)


def printable(value: object) -> str:
    return "".join(character if character.isprintable() else "?" for character in str(value))[:300]


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)  # urllib's URLError has what it wraps there, or a text
    return reason(inner) if isinstance(inner, BaseException) else str(inner)
