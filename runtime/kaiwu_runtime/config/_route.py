"""The route to an API server: its URL, the proxy in front of it, and the name in its certificate."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from kaiwu_runtime._lazy_pattern import lazy_pattern

SOCKS_SCHEMES = frozenset({"socks5", "socks5h"})

_USER_INFO = lazy_pattern(r"(?:(?<=://)|^(?!.*://)).*@", re.DOTALL)


class ProxyError(Exception):
    """The proxy failed to connect."""


@dataclass(frozen=True, slots=True)
class Route:
    """How the server is reached.

    Attributes:
        server: Its URL.
        proxy: The proxy's URL, or None.
        server_name: Name to expect in the server's certificate; None expects the URL's host.
    """

    server: str
    proxy: str | None = field(default=None, repr=False)
    server_name: str | None = None

    @property
    def host(self) -> str:
        """The value of the Host header."""
        return urlsplit(self.server).netloc.rpartition("@")[2]

    @property
    def forwarded(self) -> bool:
        """Whether a proxy forwards each request instead of connecting: an HTTP proxy, for a server without TLS."""
        server = urlsplit(self.server)
        return self.proxy is not None and server.scheme == "http" and urlsplit(self.proxy).scheme not in SOCKS_SCHEMES

    @property
    def prefix(self) -> str:
        """The prefix of the path in a request line: the server's URL, for a proxy that forwards plain HTTP."""
        url = urlsplit(self.server)
        return f"{url.scheme}://{self.host}{url.path}" if self.forwarded else url.path

    @property
    def proxy_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers for a forwarding proxy."""
        return proxy_authorization(urlsplit(self.proxy)) if self.proxy and self.forwarded else ()


def proxy_authorization(proxy: SplitResult) -> tuple[tuple[str, str], ...]:
    """Return the header with a proxy's user name and password, if its URL has them."""
    if proxy.username is None:
        return ()
    text = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return (("Proxy-Authorization", f"Basic {base64.b64encode(text.encode()).decode()}"),)


def without_credentials(url: str) -> str:
    """Return a URL as messages show it: without its user name and password.

    The URL may be invalid, for example with a slash in the password or without a scheme: messages report it.
    """
    return _USER_INFO().sub("", url)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses have brackets there."""
    return f"[{host}]" if ":" in host else host
