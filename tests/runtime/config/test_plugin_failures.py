"""Exec plugins that fail, in every way a program can: one CredentialsError, and all is well when they work again."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config import _exec_process as process_module
from kaiwu_runtime.config._exec_plugin import ExecAuthentication
from kaiwu_runtime.config._kubeconfig import ClusterEntry, ExecEntry
from kaiwu_runtime.errors import APIError, ConfigurationError, CredentialsError

from ..rest.scripted_server import Server, answer

V1 = "client.authentication.k8s.io/v1"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def pid_in(path: Path) -> int:
    return int(path.with_suffix(".pid").read_text())


def credential(token: str = "good", **status: str) -> str:
    return json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": token, **status}})


class Plugin:
    """A shell script, which a test replaces while it is in use."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "plugin"
        self.runs = folder / "runs"

    def does(self, script: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(f"#!/bin/sh\necho run >> {self.runs}\n{script}\n", encoding="utf-8")
        new.chmod(0o755)
        new.replace(self.path)

    def prints(self, text: str) -> None:
        self.does(f"cat <<'END'\n{text}\nEND")

    def saw(self) -> None:
        """Let a script go on that waits for what it said to be seen."""
        self.path.with_suffix(".seen").touch()

    def count(self) -> int:
        return len(self.runs.read_text().splitlines()) if self.runs.exists() else 0

    def authentication(self, seconds: float = 20.0, mode: str = "Never") -> ExecAuthentication:
        entry = ExecEntry(api_version=V1, command=str(self.path), interactive_mode=mode)
        return ExecAuthentication(entry, ClusterEntry(server="https://x"), self.path.parent, timeout=seconds)


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


SECRET = "s3cr3t-value"
SCRIPTS = {
    "exits with 1": "echo the identity provider is down >&2; exit 1",
    "says where with a password": f"echo cannot reach https://me:{SECRET}@login.test/ >&2; exit 1",
    "is killed": "kill -9 $$",
    "hangs": "sleep 60",
    "hangs with its output closed": "exec >&- 2>&-; sleep 60",
    "prints nothing": "true",
    "prints another JSON": "echo '[]'",
    "prints half": f'printf \'{{"kind":"ExecCredential","status":{{"token":"{SECRET}\'',
    "prints no UTF-8": 'printf \'{"kind":"\\377"}\'',
    "prints UTF-16": "printf '\\377\\376{\\000'",
    "prints for ever": f"yes {SECRET}",
    "complains for ever": f"yes {SECRET} >&2",
    "prints a token of two lines": f"printf '%s' '{credential(SECRET + chr(10) + 'x')}'",
    "prints a token with a null": f"printf '%s' '{credential(SECRET + chr(0))}'",
    "prints a token beyond ASCII": f"printf '%s' '{credential(SECRET + 'é')}'",
    "prints a number as the token": f"echo '{credential().replace(chr(34) + 'good' + chr(34), '7')}'",
    "prints a broken certificate": f"echo '{credential(clientCertificateData='x', clientKeyData=SECRET)}'",
    "prints a date that is none": f"echo '{credential(expirationTimestamp='tomorrow')}'",
    "prints an error page": "echo '<html>502 Bad Gateway</html>'",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_a_plugin_fails_for_a_while(
    tls_server: Server, plugin: Plugin, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "OUTPUT_LIMIT", 1 << 16)
    tls_server.answers = [answer()]
    plugin.does(script)
    transport = HTTPTransport(tls_server.credentials(plugin.authentication(2.0)))
    try:
        with pytest.raises(CredentialsError) as caught:
            await transport.request("POST", "/x", body=b"{}")
        # Both: what retries an APIError retries it, what asks for a configuration that can be used gets told.
        assert isinstance(caught.value, APIError)
        assert isinstance(caught.value, ConfigurationError)
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value)
        assert tls_server.requests == []  # it would have been anonymous
        plugin.prints(credential())
        await transport.request("POST", "/x", body=b"{}")
        assert tls_server.requests[0].headers["Authorization"] == "Bearer good"
    finally:
        await transport.close()


def test_a_plugin_that_cannot_be_started(plugin: Plugin) -> None:
    async def fails(prepare: str) -> str:
        with pytest.raises(CredentialsError) as caught:
            await plugin.authentication().renew(rejected=False)
        return f"{prepare}: {caught.value}"

    assert "No such file" in asyncio.run(fails("missing"))
    plugin.path.write_text("#!/bin/sh\n", encoding="utf-8")
    assert "Permission denied" in asyncio.run(fails("not executable"))
    plugin.path.chmod(0o755)
    plugin.path.write_bytes(b"\x7fELF")
    assert "Exec format error" in asyncio.run(fails("not a program"))
    plugin.path.write_text("#!/no/such/interpreter\n", encoding="utf-8")
    assert "No such file" in asyncio.run(fails("no interpreter"))
    plugin.path.unlink()
    plugin.path.mkdir()
    assert "Permission denied" in asyncio.run(fails("a folder"))


MOMENTS = st.datetimes(timezones=st.none() | st.just(UTC))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=MOMENTS)
async def test_whatever_the_expiry_is_the_credentials_are_used_once(plugin: Plugin, moment: datetime) -> None:
    """In the past, in the year 1, in 9999: this machine's clock may be wrong."""
    authentication = plugin.authentication()
    status = json.loads(credential(expirationTimestamp=moment.isoformat()))
    authentication._credentials.accept(authentication._parse("x", json.dumps(status).encode()))
    assert authentication.authorization() == "Bearer good"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(output=st.binary(max_size=40) | st.text(max_size=40).map(lambda text: credential(text).encode()))
async def test_whatever_it_prints_only_one_kind_of_error_comes_of_it(plugin: Plugin, output: bytes) -> None:
    authentication = plugin.authentication()

    async def run() -> object:
        return authentication._parse("x", output)

    authentication._run = run  # type: ignore[method-assign, assignment]
    (failure,) = await asyncio.gather(authentication.renew(rejected=False), return_exceptions=True)
    assert failure is True or isinstance(failure, CredentialsError)
    assert "\n" not in str(failure)


async def test_many_requests_start_one_process(tls_server: Server, plugin: Plugin) -> None:
    tls_server.answers = [answer()]
    plugin.does("sleep 0.3; exit 1")
    transport = HTTPTransport(tls_server.credentials(plugin.authentication()))
    try:
        failures = await asyncio.gather(*(transport.request("GET", "/x") for _ in range(20)), return_exceptions=True)
        assert {type(failure) for failure in failures} == {CredentialsError}
        assert plugin.count() == 1
        plugin.does(f"sleep 0.3; echo '{credential()}'")
        await asyncio.gather(*(transport.request("GET", "/x") for _ in range(20)))
        assert plugin.count() == 2
    finally:
        await transport.close()


async def test_a_slow_login_outlives_the_requests_that_wait_for_it(tls_server: Server, plugin: Plugin) -> None:
    """The election gives each try a few seconds; the login must not start over with each of them."""
    tls_server.answers = [answer()]
    plugin.does(f"sleep 1; echo '{credential()}'")
    transport = HTTPTransport(tls_server.credentials(plugin.authentication()))
    try:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(transport.request("GET", "/x"), 0.1)
        await transport.request("GET", "/x")
        assert plugin.count() == 1
    finally:
        await transport.close()


def test_clients_in_several_threads_log_in_once(plugin: Plugin) -> None:
    """The manager, its election and its webhooks have one each; two prompts at a time could not be answered."""
    plugin.does(f"sleep 0.5; echo '{credential()}'")
    clients = [plugin.authentication() for _ in range(4)]

    async def log_in(client: ExecAuthentication) -> str | None:
        await client.renew(rejected=False)
        return client.authorization()

    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda client: asyncio.run(log_in(client)), clients)
    assert list(found) == ["Bearer good"] * 4
    assert plugin.count() == 1
    other = ExecAuthentication(
        ExecEntry(api_version=V1, command=str(plugin.path), interactive_mode="Never", args=["other"]),
        ClusterEntry(server="https://x"),
        plugin.path.parent,
    )
    assert asyncio.run(log_in(other)) == "Bearer good"
    assert plugin.count() == 2


async def test_a_login_is_forgotten_with_its_last_client(plugin: Plugin) -> None:
    plugin.prints(credential())
    for _ in range(2):
        await plugin.authentication().renew(rejected=False)
        await asyncio.sleep(0)
    assert plugin.count() == 2


async def test_a_client_that_is_given_up_does_not_keep_the_others_from_logging_in(plugin: Plugin) -> None:
    plugin.does("sleep 60")
    first, second = plugin.authentication(), plugin.authentication()
    renewing = asyncio.create_task(first.renew(rejected=False))
    await asyncio.sleep(0.3)
    assert first._running is not None
    first._running.cancel()  # as the end of its event loop does
    with pytest.raises(asyncio.CancelledError):
        await renewing
    plugin.prints(credential())
    async with asyncio.timeout(20):
        await second.renew(rejected=False)
    assert second.authorization() == "Bearer good"


async def test_credentials_that_are_still_good_outlive_a_failed_renewal(tls_server: Server, plugin: Plugin) -> None:
    tls_server.answers = [answer()]
    expiry = (datetime.now(UTC) + timedelta(seconds=600)).isoformat()
    plugin.prints(credential(expirationTimestamp=expiry))
    authentication = plugin.authentication()
    transport = HTTPTransport(tls_server.credentials(authentication))
    try:
        await transport.request("GET", "/x")
        plugin.does("exit 1")
        authentication._credentials._renew_at = datetime.now(UTC)  # as half a minute before the end
        await transport.request("GET", "/x")
        await transport.request("GET", "/x")
        assert plugin.count() == 2  # and not again at once
        authentication._credentials._renew_at = authentication._credentials.expires = datetime.now(UTC)
        with pytest.raises(CredentialsError):
            await transport.request("GET", "/x")
    finally:
        await transport.close()


async def test_a_daemon_that_keeps_the_pipes_open_is_not_waited_for(plugin: Plugin) -> None:
    plugin.does(f"sleep 60 & echo $! > {plugin.path}.pid; echo '{credential()}'")
    try:
        async with asyncio.timeout(20):
            await plugin.authentication(30.0).renew(rejected=False)
    finally:
        os.kill(pid_in(plugin.path), 9)


async def test_a_plugin_that_is_given_up_is_ended(plugin: Plugin) -> None:
    plugin.does(f"echo $$ > {plugin.path}.pid; exec sleep 60")
    with pytest.raises(CredentialsError, match=r"no answer within 0\.5 s"):
        await plugin.authentication(0.5).renew(rejected=False)
    with pytest.raises(ProcessLookupError):
        os.kill(pid_in(plugin.path), 0)


async def test_no_descriptor_is_left(plugin: Plugin) -> None:
    before = descriptors()
    for script in (f"echo '{credential()}'", "exit 1", "echo x", "sleep 5"):
        plugin.does(script)
        for _ in range(3):
            await asyncio.gather(plugin.authentication(0.5).renew(rejected=False), return_exceptions=True)
    await asyncio.sleep(0.1)
    assert descriptors() <= before + 2  # the loop's own


OPERATOR = """
import asyncio, sys
from pathlib import Path
from kaiwu_runtime.config._exec_plugin import ExecAuthentication
from kaiwu_runtime.config._kubeconfig import ClusterEntry, ExecEntry

entry = ExecEntry(api_version="client.authentication.k8s.io/v1", command=sys.argv[1], interactive_mode=sys.argv[2])
authentication = ExecAuthentication(entry, ClusterEntry(server="https://x"), Path("/"), timeout=20)
asyncio.run(authentication.renew(rejected=False))
print("GOT", authentication.authorization(), flush=True)
"""


def on_a_terminal(plugin: Plugin, mode: str, *, stdin: bool, typed: bytes = b"") -> str:
    """Return what a terminal shows of a program that needs credentials, until it has them."""
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", OPERATOR, str(plugin.path), mode],
        stdin=slave if stdin else subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (b"GOT" in shown and shown.endswith(b"\n")):
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 4096)
            except OSError:  # the program has ended
                break
        if typed and b"KAIWU-7" in shown:
            os.write(master, typed)
            typed = b""
        if b"KAIWU-7" in shown:
            plugin.saw()
    program.wait(20)
    os.close(master)
    return shown.decode()


WAITS = "while [ ! -e $0.seen ]; do sleep 0.05; done"


@pytest.mark.parametrize(("mode", "stdin"), [("IfAvailable", True), ("IfAvailable", False), ("Never", True)])
@pytest.mark.parametrize("says", ["echo enter the code KAIWU-7 >&2", "printf 'enter the code KAIWU-7: ' >&2"])
def test_what_a_plugin_says_is_on_the_terminal_while_it_waits(
    plugin: Plugin, mode: str, says: str, *, stdin: bool
) -> None:
    plugin.does(f"{says}; {WAITS}; echo '{credential()}'")
    shown = on_a_terminal(plugin, mode, stdin=stdin)
    assert shown.index("KAIWU-7") < shown.index("GOT Bearer good")


@pytest.mark.parametrize("mode", ["IfAvailable", "Always"])
def test_a_plugin_that_asks_gets_what_is_typed(plugin: Plugin, mode: str) -> None:
    plugin.does(
        f"printf 'KAIWU-7, password: ' >&2; read answer; printf '%s' '{credential('TYPED')}' | sed s/TYPED/$answer/"
    )
    assert "GOT Bearer hunter2" in on_a_terminal(plugin, mode, stdin=True, typed=b"hunter2\n")


async def test_without_a_terminal_each_line_is_logged_when_it_comes(
    plugin: Plugin, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "_is_terminal", lambda _: False)
    plugin.does(f"echo open https://me:{SECRET}@login.test >&2; {WAITS}; echo '{credential()}'")
    caplog.set_level("INFO", logger=process_module.logger.name)
    running = asyncio.create_task(plugin.authentication().renew(rejected=False))
    async with asyncio.timeout(20):
        while "open https://" not in caplog.text:  # noqa: ASYNC110 - the condition is another process's
            await asyncio.sleep(0.02)
    assert not running.done()
    assert SECRET not in caplog.text
    plugin.saw()
    assert await running
