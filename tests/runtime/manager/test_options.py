"""Flags and environment of a manager."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request
from kaiwu_runtime.controller import ControllerOptions, controller_managed_by
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.queue import ExponentialBackoff
from kaiwu_runtime.serving._address import parse_address
from kaiwu_runtime.testing import FakeTransport


def options(*arguments: str, watch: str = "", **defaults: object) -> ManagerOptions:
    return ManagerOptions.from_args(arguments, environment={"WATCH_NAMESPACE": watch}, **defaults)


def test_defaults() -> None:
    found = options()
    assert found == ManagerOptions()
    assert (found.metrics_bind_address, found.health_probe_bind_address) == ("0", ":8081")
    assert not found.leader_elect
    assert found.metrics_secure
    assert (found.webhook_host, found.webhook_port) == ("", 9443)
    assert found.webhook_cert_path == "/tmp/k8s-webhook-server/serving-certs"
    assert found.webhook_self_signed is None


@pytest.mark.parametrize(
    ("arguments", "attribute", "value"),
    [
        (["--metrics-bind-address", ":8443"], "metrics_bind_address", ":8443"),
        (["--metrics-bind-address=0"], "metrics_bind_address", "0"),
        (["--metrics-secure=false"], "metrics_secure", False),
        (["--metrics-secure"], "metrics_secure", True),
        (["--metrics-cert-path=/certs", "--metrics-bind-address=:1"], "metrics_cert_path", "/certs"),
        (["--health-probe-bind-address=[::1]:9"], "health_probe_bind_address", "[::1]:9"),
        (["--webhook-host=::1"], "webhook_host", "::1"),
        (["--webhook-port=8443"], "webhook_port", 8443),
        (["--webhook-cert-path=/certs"], "webhook_cert_path", "/certs"),
        (["--leader-elect", "--leader-election-id=a.b"], "leader_elect", True),
        (["--leader-elect=false"], "leader_elect", False),
        (["--leader-election-namespace=x"], "leader_election_namespace", "x"),
        (["--namespace=a,b", "--namespace=c"], "namespaces", ("a", "b", "c")),
        (["--kubeconfig=k"], "kubeconfig", "k"),
        (["--context=c"], "context", "c"),
        (["--grace-period=1.5"], "grace_period", 1.5),
        (["--cache-sync-timeout=7"], "cache_sync_timeout", 7.0),
        (["--dry-run"], "dry_run", True),
        (["--metrics-request-latency"], "metrics_request_latency", True),
        (["--kube-api-qps=7.5"], "kube_api_qps", 7.5),
        (["--kube-api-qps=5", "--kube-api-burst=9"], "kube_api_burst", 9),
        (["--log-level=debug"], "log_level", "debug"),
        (["--log-format=json"], "log_format", "json"),
    ],
)
def test_every_flag(arguments: list[str], attribute: str, value: object) -> None:
    assert getattr(options(*arguments), attribute) == value


def test_controllers_take_the_manager_s_options_unless_they_have_their_own() -> None:
    defaults = ControllerOptions(max_concurrent_reconciles=5, reconcile_timeout=30)
    manager = Manager(
        ManagerOptions(controller=defaults, health_probe_bind_address="0"), client=Client(FakeTransport())
    )

    class Idle(Reconciler):
        def setup_with_manager(self, manager: Any) -> None:
            raise AssertionError("not called")

        async def reconcile(self, request: Request) -> None:
            raise AssertionError("not called")

    def built(**own: Any) -> ControllerOptions:
        builder = controller_managed_by(manager).named(f"idle-{len(own)}").for_(ConfigMap)
        return builder.with_options(**own).complete(Idle(manager.client)).options

    assert built() == defaults
    assert built(reconcile_timeout=5) == ControllerOptions(max_concurrent_reconciles=5, reconcile_timeout=5)


def test_controllers_cannot_share_a_rate_limiter() -> None:
    with pytest.raises(ConfigurationError, match=r"controller\.rate_limiter: .*with_options"):
        ManagerOptions(controller=ControllerOptions(rate_limiter=ExponentialBackoff()))


def test_the_environment_names_namespaces_and_the_flag_wins() -> None:
    assert options(watch="a, b").namespaces == ("a", "b")
    assert options("--namespace=c", watch="a").namespaces == ("c",)


def test_defaults_of_the_project_can_be_overridden() -> None:
    assert options(leader_election_id="x.y", grace_period=1.0).leader_election_id == "x.y"
    assert options("--leader-election-id=z", leader_election_id="x.y").leader_election_id == "z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--metrics-bind-address=8443"], "--metrics-bind-address: invalid address '8443'"),
        (["--health-probe-bind-address=:99999"], "--health-probe-bind-address: invalid address ':99999'"),
        (["--leader-elect"], "--leader-elect needs --leader-election-id"),
        (["--leader-elect=perhaps"], "'perhaps' is not a valid boolean: use true or false"),
        (["--namespace=Upper"], "--namespace: invalid namespace 'Upper'"),
        (["--log-level=loud"], "invalid choice: 'loud'"),
        (["--webhook-port=70000"], "--webhook-port: invalid port 70000: use 1 to 65535"),
        (["--webhook-port=https"], "invalid int value: 'https'"),
        (["--grace-period=soon"], "invalid float value: 'soon'"),
        (["--grace-period=-1"], "--grace-period: invalid number of seconds -1"),
        (["--kube-api-qps=nan"], "--kube-api-qps nan and --kube-api-burst 0: use 0 or more"),
        (["--kube-api-qps=-1"], "--kube-api-qps -1"),
        (["--kube-api-burst=3"], "--kube-api-burst needs --kube-api-qps"),
        (["--cache-sync-timeout=nan"], "--cache-sync-timeout: invalid number of seconds nan"),
        (["--metrics-cert-path=/certs"], "--metrics-cert-path is for metrics over https"),
        (
            ["--metrics-bind-address=:1", "--metrics-secure=false", "--metrics-cert-path=/certs"],
            "--metrics-cert-path is for metrics over https",
        ),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options(*arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("watch", ["Upper", "a,-b", "x" * 64])
def test_a_wrong_environment_is_one_line_and_status_2(watch: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options(watch=watch)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: WATCH_NAMESPACE: ")
    assert error.count("\n") == 1


def test_help_lists_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options("--help")
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for flag in ("--kubeconfig", "--namespace", "--metrics-secure", "--leader-elect", "--log-format"):
        assert flag in printed


@pytest.mark.parametrize(
    ("address", "parts"), [(":8081", ("", 8081)), ("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:80", ("::1", 80))]
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert parse_address(address, "--flag") == parts


@pytest.mark.parametrize(
    "address", ["x", ":", ":65536", ":-1", ": 80", ":8_0", ":\uff18\uff10", ":\u0663", ":1\n"], ids=ascii
)
def test_a_wrong_address_names_the_flag(address: str) -> None:
    with pytest.raises(ConfigurationError, match="--flag: invalid address '"):
        parse_address(address, "--flag")


@pytest.mark.parametrize(
    ("lease", "renew", "retry", "fine"),
    [
        ("15", "10", "2", True),
        ("60", "40", "5", True),
        ("1", "0.5", "0.1", True),
        ("10", "10", "2", False),
        ("15", "2", "2", False),
        ("15", "10", "0", False),
        ("0.9", "0.5", "0.1", False),
        ("inf", "10", "2", False),
        ("nan", "10", "2", False),
        ("15", "nan", "2", False),
        ("-1", "-2", "-3", False),
    ],
)
def test_the_times_of_the_lease(
    lease: str, renew: str, retry: str, fine: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        f"--leader-elect-lease-duration={lease}",
        f"--leader-elect-renew-deadline={renew}",
        f"--leader-elect-retry-period={retry}",
    )
    if fine:
        found = options(*flags)
        assert (found.lease_duration, found.renew_deadline, found.retry_period) == (
            float(lease),
            float(renew),
            float(retry),
        )
        return
    with pytest.raises(SystemExit) as ended:
        options(*flags)
    assert ended.value.code == 2
    assert "each must be greater than the next" in capsys.readouterr().err


def parser(**defaults: object) -> argparse.ArgumentParser:
    """Return a project's own parser."""
    made = argparse.ArgumentParser()
    made.add_argument("--registry", default="none")
    ManagerOptions.add_arguments(made, environment={"WATCH_NAMESPACE": "a,b"}, **defaults)
    return made


def test_a_projects_flags_stand_beside_the_managers() -> None:
    read = parser(field_manager="own", leader_election_id="x").parse_args(
        ["--registry=r", "--leader-elect", "--namespace=c", "--webhook-port=1"]
    )
    found = ManagerOptions.from_arguments(read)
    assert read.registry == "r"
    assert (found.field_manager, found.leader_elect, found.namespaces, found.webhook_port) == ("own", True, ("c",), 1)
    assert ManagerOptions.from_arguments(parser().parse_args([])).namespaces == ("a", "b")


def test_the_flags_are_grouped_in_the_help() -> None:
    shown = parser().format_help()
    places = [
        shown.index(title)
        for title in (
            "--registry REGISTRY",
            "API server:",
            "metrics and probes:",
            "webhook server:",
            "leader election:",
        )
    ]
    assert places == sorted(places)


def test_values_that_cannot_work_end_a_projects_parser(capsys: pytest.CaptureFixture[str]) -> None:
    made = parser()
    with pytest.raises(SystemExit) as ended:
        ManagerOptions.from_arguments(made.parse_args(["--leader-elect"]))
    assert ended.value.code == 2
    assert "--leader-elect needs --leader-election-id" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="WATCH_NAMESPACE"):
        ManagerOptions.add_arguments(argparse.ArgumentParser(), environment={"WATCH_NAMESPACE": "A_"})


def test_arguments_of_another_parser_are_refused() -> None:
    with pytest.raises(ValueError, match=r"call ManagerOptions\.add_arguments"):
        ManagerOptions.from_arguments(argparse.Namespace())
