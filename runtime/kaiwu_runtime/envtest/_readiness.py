"""Wait until a control plane is ready, or report why it is not."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest._binaries import API_SERVER, CONTROLLER_MANAGER, ETCD
from kaiwu_runtime.errors import APIConnectionError, ControlPlaneError

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest._processes import Processes
    from kaiwu_runtime.envtest._rest import RestClient

_POLL = 0.03
_PROBE_TIMEOUT = 2.0  # another process on the port may accept a connection and never answer
_TAIL = 12


class PortTakenError(Exception):
    """Another process took the port after it was chosen."""


def wait_until(rest: RestClient, path: str, processes: Processes, logs: Path, *, who: str, timeout: float) -> None:
    """Wait until the API server answers a request with 200.

    Args:
        rest: Client of the API server.
        path: What to ask for.
        processes: The programs, none of which may end meanwhile.
        logs: Folder of their log files.
        who: What is waited for, in words.
        timeout: Seconds to wait.

    Raises:
        PortTakenError: A program ended because another process has its port.
        ControlPlaneError: A program ended for another reason, or the time is over; has the ends of the logs.
    """
    deadline = time.monotonic() + timeout
    while True:
        for name, status in processes.exited().items():
            _fail(name, status, logs)
        try:
            if rest.request("GET", path, timeout=_PROBE_TIMEOUT)[0] == 200:
                return
        except APIConnectionError:
            pass
        if time.monotonic() > deadline:
            ends = _ends(logs, ETCD, API_SERVER, CONTROLLER_MANAGER)
            raise ControlPlaneError(f"{who} is not ready after {timeout:g} s\n{ends}")
        time.sleep(_POLL)


def _fail(name: str, status: int, logs: Path) -> None:
    text = (logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    if "address already in use" in text:
        raise PortTakenError
    how = f"exit status {status}" if status >= 0 else signal.Signals(-status).name
    raise ControlPlaneError(f"{name} ended while starting ({how})\n{_ends(logs, name)}")


def _ends(logs: Path, *names: str) -> str:
    lines: list[str] = []
    for name in names:
        log = logs / f"{name}.log"
        if log.exists():
            text = log.read_text(encoding="utf-8", errors="replace").splitlines()
            lines += [f"last lines of {name}:", *(f"  {line}" for line in text[-_TAIL:])]
    return "\n".join(lines)
