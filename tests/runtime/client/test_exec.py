"""Commands in containers, with a scripted server for the API server: how they end, and how they do not."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Client, NamespacedClient, ObjectKey
from kaiwu_runtime.client import ExecResult, HTTPTransport
from kaiwu_runtime.client import _exec as exec_module
from kaiwu_runtime.client._exec import run_command
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import (
    APIConnectionError,
    CommandError,
    ExecInterruptedError,
    ExecTimeoutError,
    ServerError,
)

from ..rest.conftest import served
from ..rest.scripted_server import Server
from ..rest.scripted_sockets import V4, V5, cat, drop, hang, sending, socket, status

KEY = ObjectKey("ns", "a")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with served() as made:
        yield made


@pytest.fixture
async def pods(server: Server) -> AsyncIterator[Client]:
    async with Client(HTTPTransport(Credentials(server.url))) as made:
        yield made


async def test_what_is_asked_for(server: Server, pods: Client) -> None:
    server.answers = [socket(sending(b"\1a", b"\2e", b"\1b", status(3)))]
    result = await pods.exec(Pod, KEY, ["sh", "-c", "echo ü; exit 3"], container="main")
    assert result == ExecResult(3, b"ab", b"e", ("sh", "-c", "echo ü; exit 3"))
    assert result.text == "ab"
    with pytest.raises(CommandError, match=r"^sh ended with exit code 3: e$") as caught:
        result.check()
    assert (caught.value.exit_code, caught.value.stdout, caught.value.stderr) == (3, b"ab", b"e")
    (request,) = server.requests
    assert request.path == "/api/v1/namespaces/ns/pods/a/exec"
    assert request.query.getall("command") == ["sh", "-c", "echo ü; exit 3"]
    assert {name: request.query.getall(name) for name in request.query if name != "command"} == {
        "container": ["main"],
        "stdout": ["true"],
        "stderr": ["true"],
    }


async def test_success_is_its_own_check(server: Server, pods: Client) -> None:
    server.answers = [socket(sending(status(0)))]
    result = await pods.exec(Pod, KEY, ["true"])
    assert result.check() is result


async def test_a_client_of_one_namespace(server: Server, pods: Client) -> None:
    server.answers = [socket(sending(status(0)))]
    await NamespacedClient(pods, "mine").exec(Pod, "a", ["true"])
    assert server.requests[0].path == "/api/v1/namespaces/mine/pods/a/exec"
    with pytest.raises(ValueError, match="is not the client's"):
        await NamespacedClient(pods, "mine").exec(Pod, KEY, ["true"])


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for part in given:
        yield part
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("stdin", "expected"),
    [
        ("grüße", "grüße".encode()),
        (b"", b""),
        (bytes(range(256)) * 10_000, bytes(range(256)) * 10_000),
        (parts(b"a", b"", b"b" * 100_000, b"c"), b"a" + b"b" * 100_000 + b"c"),
        (parts(), b""),
    ],
    ids=["text", "empty", "large", "parts", "no parts"],
)
async def test_standard_input(server: Server, pods: Client, stdin: Any, expected: bytes) -> None:
    server.answers = [socket(cat)]
    assert (await pods.exec(Pod, KEY, ["cat"], stdin=stdin)).stdout == expected
    assert server.requests[0].query["stdin"] == "true"


async def test_input_that_nobody_reads(server: Server, pods: Client) -> None:
    server.answers = [socket(sending(b"\1done", status(0)))]
    assert (await pods.exec(Pod, KEY, ["true"], stdin=bytes(50 << 20))).stdout == b"done"


async def test_input_that_fails(server: Server, pods: Client) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise RuntimeError("the file is gone")

    server.answers = [socket(cat)]
    with pytest.raises(RuntimeError, match="the file is gone"):
        await pods.exec(Pod, KEY, ["cat"], stdin=failing())


@pytest.mark.parametrize("error", [TimeoutError("of the file"), APIConnectionError("of another pod")])
@pytest.mark.parametrize("limit", [None, 5.0])
async def test_an_error_of_the_input_is_the_callers(
    server: Server, pods: Client, error: Exception, limit: float | None
) -> None:
    """Also one of those that the command itself could have had."""

    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise error

    server.answers = [socket(cat)]
    with pytest.raises(type(error)) as caught:
        await pods.exec(Pod, KEY, ["cat"], stdin=failing(), timeout=limit)
    assert caught.value is error


async def test_a_command_that_hangs(server: Server, pods: Client) -> None:
    server.answers = [socket(hang)]
    began = time.monotonic()
    with pytest.raises(ExecTimeoutError, match=r"^exec in Pod ns/a: .* within 0.3 s") as caught:
        await pods.exec(Pod, KEY, ["sleep", "100"], timeout=0.3, stdin=b"x")
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.stdout == b"begun\n"
    assert time.monotonic() - began < 20


async def test_a_pod_that_dies(server: Server, pods: Client) -> None:
    for script in (drop, sending(b"\1begun\n"), sending(b"\1begun\n", b"\3"), sending(b"\1begun\n", b"\3{")):
        server.answers = [socket(script)]
        with pytest.raises(ExecInterruptedError, match=r"^exec in Pod ns/a: the connection ended before") as caught:
            await pods.exec(Pod, KEY, ["sleep", "100"])
        assert caught.value.stdout == b"begun\n"


async def test_a_result_counts_however_the_connection_ends(server: Server, pods: Client) -> None:
    async def dropping(opened: Any, request: Any) -> None:
        await opened.send_bytes(status(7))
        await drop(opened, request)

    server.answers = [socket(dropping)]
    assert (await pods.exec(Pod, KEY, ["a"])).exit_code == 7


async def test_a_result_counts_if_the_connection_does_not_end(
    server: Server, pods: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exec_module, "RESULT_SECONDS", 0.3)

    async def staying(opened: Any, _: Any) -> None:
        await opened.send_bytes(status(7))
        await opened.send_bytes(b"\1late")
        await asyncio.sleep(30)

    server.answers = [socket(staying)]
    result = await pods.exec(Pod, KEY, ["a"], timeout=20)
    assert (result.exit_code, result.stdout) == (7, b"late")


async def test_output_in_small_messages_takes_no_more_memory() -> None:
    messages = [b"\1ab"] * 300_000 + [status(0)]
    scripted: Any = ScriptedSocket([])
    scripted.receive = lambda: asyncio.sleep(0, messages.pop() if messages else None)
    messages.reverse()
    tracemalloc.start()
    found = await run_command(scripted, "/x", ["a"], container="", stdin=None, seconds=None, limit=1 << 20, what="exec")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.stdout) == 600_000
    assert peak < 5 << 20


async def test_a_program_that_does_not_exist(server: Server, pods: Client) -> None:
    text = b'\3{"status":"Failure","message":"executable file not found","reason":"InternalError","code":500}'
    server.answers = [socket(sending(text))]
    with pytest.raises(ServerError, match="executable file not found"):
        await pods.exec(Pod, KEY, ["nope"])


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b'{"status":"Failure"}',
        b'{"status":"Failure","reason":"NonZeroExitCode"}',
        b'{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}',
        b'{"status":"Failure","reason":"NonZeroExitCode","details":null,"code":"x"}',
        b'{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":null}}',
        b'{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":["x",1,null]}}',
        b'{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":{"a":1}}}',
        b'{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":"ExitCode"}}',
        b'{"status":7,"code":[],"message":[1],"details":5,"reason":{}}',
        b"[" * 100_000,
        b'"\xff"',
        b"\xff",
    ],
)
async def test_a_result_that_says_nothing(server: Server, pods: Client, text: bytes) -> None:
    server.answers = [socket(sending(b"\3" + text))]
    with pytest.raises((ExecInterruptedError, ServerError)):
        await pods.exec(Pod, KEY, ["a"])


async def test_output_without_end(server: Server, pods: Client) -> None:
    server.answers = [socket(sending(*[b"\1" + bytes(10_000)] * 1000, status(0)))]
    with pytest.raises(ExecInterruptedError, match="wrote more than 50000 bytes") as caught:
        await pods.exec(Pod, KEY, ["yes"], output_limit=50_000)
    assert len(caught.value.stdout) > 50_000


async def test_older_servers(server: Server, pods: Client) -> None:
    server.answers = [socket(sending(b"\1a", status(0)), V4)]
    assert (await pods.exec(Pod, KEY, ["a"])).stdout == b"a"
    with pytest.raises(APIConnectionError, match=r"stdin needs v5.channel.k8s.io"):
        await pods.exec(Pod, KEY, ["a"], stdin=b"")
    server.answers = [socket(sending(b"a"), "channel.k8s.io")]
    with pytest.raises(APIConnectionError, match="the server offers none of v5"):
        await pods.exec(Pod, KEY, ["a"])


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("ls -l", TypeError),
        (b"ls", TypeError),
        ([1], TypeError),
        ([], ValueError),
        ([""], ValueError),
        (["a\0"], ValueError),
    ],
)
async def test_commands_that_are_none(server: Server, pods: Client, command: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^exec: "):
        await pods.exec(Pod, KEY, command)
    assert not server.requests


async def test_transports_without_it() -> None:
    class Plain:
        async def request(self, *_: Any, **__: Any) -> bytes:
            return b"{}"

    with pytest.raises(TypeError, match="Plain lacks answer, chunks, websocket: use HTTPTransport"):
        await Client(Plain()).exec(Pod, KEY, ["a"])  # type: ignore[arg-type]


class ScriptedSocket:
    """A WebSocket that brings messages."""

    def __init__(self, messages: list[bytes]) -> None:
        self.subprotocol = V5
        self.messages = messages
        self.sent: list[bytes] = []

    async def websocket(self, *_: Any, **__: Any) -> ScriptedSocket:
        return self

    async def send(self, message: bytes) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)

    async def receive(self) -> bytes | None:
        await asyncio.sleep(0)
        return self.messages.pop(0) if self.messages else None

    async def close(self) -> None:
        pass


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=20)), max_size=30),
    st.integers(0, 255),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([b"", b"\1", b"\2", b"\3", b"\7?", b"\xff\1"])), max_size=5),
)
def test_any_order_of_messages(
    output: list[tuple[int, bytes]], code: int, step: int, noise: list[tuple[int, bytes]]
) -> None:
    result = status(code)
    messages = [bytes([channel]) + data for channel, data in output]
    messages += [b"\3" + result[1:][start : start + step] for start in range(0, len(result) - 1, step)]
    for position, message in noise:
        messages.insert(position, message)
    scripted: Any = ScriptedSocket(messages)
    found = asyncio.run(
        run_command(scripted, "/x", ["a"], container="", stdin=None, seconds=None, limit=1 << 20, what="exec")
    )
    expected = [b"".join(data for channel, data in output if channel == number) for number in (1, 2)]
    assert (found.exit_code, found.stdout, found.stderr) == (code, *expected)


@given(st.binary(max_size=100_000))
def test_input_arrives_as_it_is(stdin: bytes) -> None:
    scripted: Any = ScriptedSocket([b""] * 20 + [status(0)])
    asyncio.run(run_command(scripted, "/x", ["a"], container="", stdin=stdin, seconds=None, limit=9, what="exec"))
    *content, closing = scripted.sent
    assert closing == b"\xff\0"
    assert all(message[0] == 0 and len(message) <= 1 + (32 << 10) for message in content)
    assert b"".join(message[1:] for message in content) == stdin
