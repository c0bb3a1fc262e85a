"""--webhook-local: its flag, and the address that the API server calls."""

from __future__ import annotations

import socket

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager import ManagerOptions
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.webhook._reachable_address import reachable_address
from kaiwu_runtime.webhook._server import webhook_server


@pytest.mark.parametrize("server", ["https://127.0.0.1:6443", "https://localhost:6443", "https://[::1]:6443", ""])
def test_the_api_server_of_this_machine_calls_loopback(server: str) -> None:
    assert reachable_address(server) == "127.0.0.1"


def test_another_api_server_calls_the_interface_towards_it() -> None:
    address = reachable_address("https://192.0.2.1:6443")
    with socket.socket() as bound:
        bound.bind((address, 0))  # it is one of this machine


@pytest.mark.parametrize("host", ["https://a", "a b", "a/b", "[::1]", ""])
def test_a_host_that_is_none(host: str) -> None:
    if not host:
        assert ManagerOptions(webhook_local="").webhook_local == ""
        return
    with pytest.raises(ConfigurationError, match="--webhook-local: invalid host"):
        ManagerOptions(webhook_local=host)


def test_the_two_kinds_of_certificates_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ManagerOptions.from_args(["--webhook-local", "--webhook-self-signed", "webhook-service"])
    assert "--webhook-local makes its own certificate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "listens_on"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("192.0.2.7", ""),
    ],
)
def test_the_server_listens_where_the_api_server_calls(host: str, listens_on: str) -> None:
    options = ManagerOptions(webhook_local=host, health_probe_bind_address="0")
    server = webhook_server(options, lambda: Client(FakeTransport()))
    assert server._host == listens_on
