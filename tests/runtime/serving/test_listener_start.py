"""The addresses that a port is served on, and what a listener needs to start."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.serving._listener import Listener

from .peers import LIMITS, routes


async def test_every_address_of_a_host_is_served_on_one_port() -> None:
    listener = Listener("", 0, "--x", limits=LIMITS)
    await listener.start(routes())
    try:
        for host in ("127.0.0.1", "::1"):
            try:
                _, writer = await asyncio.open_connection(host, listener.port)
            except OSError:
                if host == "::1":
                    pytest.skip("no IPv6 here")
                raise
            writer.close()
    finally:
        await listener.stop()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a..b", "ü" * 64])
async def test_an_address_that_cannot_be_served_is_one_line(host: str) -> None:
    listener = Listener(host, 0, f"--x {host}:0")
    with pytest.raises(ConfigurationError, match=rf"^--x {host}:0: .*; use another, or 0$"):
        await listener.start(routes())
    assert not listener.started


STARTED = """
import asyncio, sys
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._routes import Routes

async def main():
    listener = Listener("127.0.0.1", 0, "--port")
    await listener.start(Routes())
    print("h11" in sys.modules)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
    print((await reader.read()).split(b"\\r\\n")[0].decode())
    await listener.stop()

asyncio.run(main())
"""


def test_it_starts_before_h11_is_loaded() -> None:
    """Which takes longer than to listen, and no operator is probed while it starts."""
    done = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False", "HTTP/1.1 404 Not Found"], done.stderr


EXHAUSTED = """
import asyncio, os, resource, socket
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._routes import Routes

async def answer(port, free):
    client, files = socket.socket(), []
    client.setblocking(False)
    try:
        while True:
            files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for _ in range(free):
        os.close(files.pop())
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        return (await loop.sock_recv(client, 1024)).split(b"\\r\\n")[0].decode()
    except OSError:
        return ""
    finally:
        client.close()
        for each in files:
            os.close(each)

async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    listener = Listener("127.0.0.1", 0, "--port")
    await listener.start(Routes())
    print(repr(await asyncio.wait_for(answer(listener.port, 1), 5)), listener.connections)
    print(repr(await asyncio.wait_for(answer(listener.port, 10), 5)))
    await listener.stop()

asyncio.run(main())
"""


def test_first_connection_is_closed_when_h11_cannot_be_loaded() -> None:
    """The process has a descriptor for the connection and none for the file of a module."""
    done = subprocess.run([sys.executable, "-c", EXHAUSTED], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["'' 0", "'HTTP/1.1 404 Not Found'"], done.stderr
    assert set(done.stderr.splitlines()) == {"Cannot accept connections"}
