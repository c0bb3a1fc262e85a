"""--webhook-local: its flag, and the address that the API server calls."""

from __future__ import annotations

import socket

import pytest

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager import ManagerOptions
from kaiwu_runtime.webhook._reachable_address import reachable_address


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
