"""Ports for programs that are started a little later: no two processes are given the same."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import _ports
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import ControlPlaneError

ASKING = """
import sys
from kaiwu_runtime.envtest import _ports

_ports._HIGHEST = _ports._LOWEST + 400  # four processes take 256 of them
print(*(_ports.free_port() for _ in range(64)), flush=True)
sys.stdin.read()
"""


def test_processes_that_ask_at_once_get_different_ports() -> None:
    command = [sys.executable, "-c", ASKING]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    given = [process.stdout.readline().split() for process in processes if process.stdout is not None]
    for process in processes:
        process.communicate()
    assert [len(ports) for ports in given] == [64] * 4
    assert len(set().union(*given)) == 4 * 64


def test_a_server_can_listen_on_it() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_what_a_process_holds_does_not_grow() -> None:
    for _ in range(70):
        free_port()
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(70):
        free_port()
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_is_not_given(kind: socket.SocketKind, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    os.close(_ports._reservations.pop())
    monkeypatch.setattr(_ports, "_LOWEST", port)
    monkeypatch.setattr(_ports, "_HIGHEST", port)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(ControlPlaneError, match=f"no free port on 127.0.0.1 between {port} and {port}"):
            free_port()
    assert free_port() == port


def test_few_files_may_be_open() -> None:
    program = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from kaiwu_runtime.envtest._ports import free_port
print(len({free_port() for _ in range(200)}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 150
