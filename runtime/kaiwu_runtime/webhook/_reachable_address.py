"""The address of this machine that an API server reaches."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from kaiwu_runtime.errors import ConfigurationError


def reachable_address(server: str) -> str:
    """Return the address of this machine for an API server: 127.0.0.1, or that of the interface towards it.

    Args:
        server: URL of the API server.

    Raises:
        ConfigurationError: There is no way to it.
    """
    parts = urlsplit(server)
    host = parts.hostname or ""
    if not host or is_loopback(host):
        return "127.0.0.1"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)  # sends nothing: it only chooses the interface
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ConfigurationError(
            f"--webhook-local: no address of this machine is known for the API server {server}: {error}; name one: "
            "--webhook-local=HOST"
        ) from error


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself, by name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
