"""Free ports on loopback."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections import deque
from pathlib import Path

from kaiwu_runtime.errors import ControlPlaneError

_LOWEST, _HIGHEST = 20000, 29999
_ATTEMPTS = 200
_RESERVED = 64  # as many a process asks for before it uses the first of them; each costs a file descriptor

_reservations: deque[int] = deque()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment and that no other process is given here.

    The port lies below the range the system takes the source ports of outgoing connections from: with a port
    from that range, a client that retries while the server is down can be given the very same port as its
    source, connects to itself, and keeps the server from starting again.

    Processes that ask at the same time, as those of parallel tests do, get different ports: each holds the UDP
    ports of the same numbers as its last 64. A process that does not ask here may still take the port before it
    is used, so the caller has to be ready to ask again.

    Raises:
        ControlPlaneError: No free port was found.
    """
    picker = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = picker.randint(_LOWEST, min(_HIGHEST, _first_source_port() - 1))
        if (reservation := _reserve(port)) is None:
            continue
        if _is_free(port):
            _keep(reservation)
            return port
        reservation.close()
    raise ControlPlaneError(f"no free port on 127.0.0.1 between {_LOWEST} and {_HIGHEST}")


def _reserve(port: int) -> socket.socket | None:
    """Hold the UDP port of this number: unlike a file, the system gives it back however the process ends."""
    reservation = _socket(socket.SOCK_DGRAM)
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        return None
    return reservation


def _socket(kind: socket.SocketKind) -> socket.socket:
    """Return a new socket; where too many files are open, in the place of an earlier reservation."""
    while True:
        try:
            return socket.socket(socket.AF_INET, kind)
        except OSError as error:
            if not _reservations:
                raise ControlPlaneError(f"no free port on 127.0.0.1: {error.strerror}") from error
            os.close(_reservations.popleft())


def _keep(reservation: socket.socket) -> None:
    _reservations.append(reservation.detach())
    if len(_reservations) > _RESERVED:
        os.close(_reservations.popleft())


def _is_free(port: int) -> bool:
    with _socket(socket.SOCK_STREAM) as probe:
        # Ports in TIME_WAIT are fine for a server; SO_REUSEADDR is what Go's listener sets, too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _first_source_port() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
        if first > _LOWEST + _ATTEMPTS:
            return first
    return _HIGHEST + 1
