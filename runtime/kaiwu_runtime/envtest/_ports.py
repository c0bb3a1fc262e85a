"""Free ports on loopback."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

from kaiwu_runtime.errors import ControlPlaneError

_LOWEST, _HIGHEST = 20000, 29999
_ATTEMPTS = 200


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment.

    The port lies below the range the system takes the source ports of outgoing connections from: with a port
    from that range, a client that retries while the server is down can be given the very same port as its
    source, connects to itself, and keeps the server from starting again. Another process may still take the
    port before it is used, so the caller has to be ready to ask again.

    Raises:
        ControlPlaneError: No free port was found.
    """
    picker = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = picker.randint(_LOWEST, min(_HIGHEST, _first_source_port() - 1))
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            # Ports in TIME_WAIT are fine for a server; SO_REUSEADDR is what Go's listener sets, too.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ControlPlaneError(f"no free port on 127.0.0.1 between {_LOWEST} and {_HIGHEST}")


def _first_source_port() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
        if first > _LOWEST + _ATTEMPTS:
            return first
    return _HIGHEST + 1
