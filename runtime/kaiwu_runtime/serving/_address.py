"""Bind addresses as Go programs write them."""

from __future__ import annotations

import re

from kaiwu_runtime.errors import ConfigurationError

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:]*):(?P<port>[0-9]{1,5})")


def parse_address(address: str, flag: str) -> tuple[str, int]:
    """Return host and port of a Go-style bind address; ``:8081`` binds every interface.

    Raises:
        ConfigurationError: The address is not valid.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise ConfigurationError(f"{flag}: invalid address {address!r}: use :8081, 127.0.0.1:8081, or 0 to turn it off")
    return match["host"].strip("[]"), int(match["port"])
