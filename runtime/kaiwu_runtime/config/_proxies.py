"""Select the proxy for a server: the kubeconfig's, else the environment's, by Go's rules."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from kaiwu_runtime.config._route import SOCKS_SCHEMES, without_credentials
from kaiwu_runtime.errors import ConfigurationError


def select_proxy(server: str, configured: str | None) -> str | None:
    """Return the URL of the proxy for a server, or None.

    ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` are read in upper and lower case. A loopback server is never
    reached through the environment's proxy. NO_PROXY may list hosts, domains, addresses, networks and ports.

    Args:
        server: The API server's URL.
        configured: ``proxy-url`` of the kubeconfig; wins over the environment.

    Raises:
        ConfigurationError: The proxy is of a kind that is not supported.

    See https://pkg.go.dev/golang.org/x/net/http/httpproxy
    """
    target = urlsplit(server)
    proxy = configured
    if not proxy:
        host = target.hostname or ""
        port = target.port or (443 if target.scheme == "https" else 80)
        proxy = _environment(f"{target.scheme}_proxy")
        if not proxy or _bypassed(host, port, _environment("no_proxy")):
            return None
        if "://" not in proxy:
            proxy = f"http://{proxy}"
    if not _is_proxy(proxy):
        shown = without_credentials(proxy)
        raise ConfigurationError(f"invalid proxy {shown!r}: use an http://, https:// or socks5:// URL")
    return proxy


def _is_proxy(proxy: str) -> bool:
    try:
        url = urlsplit(proxy)
        whole = "@" not in url.path + url.query + url.fragment  # a password that is not quoted would end the host
        # Spaces, control characters, and bytes of the environment that are not UTF-8.
        text = proxy.isprintable() and " " not in proxy
        return (
            url.scheme in {"http", "https", *SOCKS_SCHEMES} and bool(url.hostname) and url.port != 0 and whole and text
        )
    except ValueError:  # brackets that do not match, a port that is not a number
        return False


def _environment(name: str) -> str:
    return os.environ.get(name.upper(), "") or os.environ.get(name, "")


def _bypassed(host: str, port: int, rules: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(host, port, address, rule.strip().lower()) for rule in rules.split(",") if rule.strip())


def _matches(host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, rule: str) -> bool:
    if rule == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            pass
    name, _, wanted = rule.rpartition(":")
    if name and wanted.isdecimal() and len(wanted) < 6:
        if int(wanted) != port:
            return False
        rule = name.strip("[]")
    host = host.lower().rstrip(".")
    rule = rule.removeprefix("*")
    if rule.startswith("."):
        return host.endswith(rule)
    return host == rule or host.endswith(f".{rule}")
