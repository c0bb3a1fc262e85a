"""The options of a manager, from the command line and the environment.

The flags are those of controller-runtime and kubebuilder, so that existing Deployments work.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Self, cast

from kaiwu_runtime import log
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.serving.address import parse_address
from kaiwu_runtime.serving.certificate_options import WebhookCertificateOptions

OFF = "0"
"""Instead of an address: do not serve."""

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """How a manager runs.

    Attributes:
        kubeconfig: Kubeconfig file; if empty, KUBECONFIG, the pod's service account and ``~/.kube/config`` are tried.
        context: Context of the kubeconfig; empty for the current one.
        namespaces: Namespaces to watch; empty for all. Default is WATCH_NAMESPACE, a comma-separated list.
        field_manager: Name under which server-side apply records what this operator owns.
        metrics_bind_address: ``host:port`` of /metrics; ``0`` turns it off.
        metrics_secure: Serve metrics over https, to callers whose token may get /metrics; False: http, without
            authentication.
        metrics_cert_path: Folder with tls.crt and tls.key; if empty, a self-signed certificate is used.
        health_probe_bind_address: ``host:port`` of /healthz and /readyz; ``0`` turns them off.
        webhook_host: Bind address of the webhook server; empty for every interface.
        webhook_port: Port of the webhook server.
        webhook_cert_path: Folder with tls.crt and tls.key of the webhook server.
        webhook_self_signed: Create and renew the webhook server's certificate instead; there is no flag for it.
        leader_elect: Run the controllers in only one of several replicas.
        leader_election_id: Name of the Lease.
        leader_election_namespace: Namespace of the Lease; empty for the pod's or the context's.
        lease_duration: Seconds that other replicas wait after the last renewal they observed.
        renew_deadline: Seconds that the leader retries a renewal before it gives up; less than `lease_duration`.
        retry_period: Seconds between attempts to acquire or renew the Lease; less than `renew_deadline`.
        grace_period: Seconds that reconciles in progress may take at shutdown.
        cache_sync_timeout: Seconds to wait for the caches to sync at startup.
        streaming_list: Begin each watch with all objects instead of listing pages; Kubernetes 1.32 and later.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``console``, ``json`` or ``auto``.
    """

    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    field_manager: str = "kaiwu-runtime"
    metrics_bind_address: str = OFF
    metrics_secure: bool = True
    metrics_cert_path: str = ""
    health_probe_bind_address: str = ":8081"
    webhook_host: str = ""
    webhook_port: int = 9443
    webhook_cert_path: str = "/tmp/k8s-webhook-server/serving-certs"  # noqa: S108 - controller-runtime's
    webhook_self_signed: WebhookCertificateOptions | None = None
    leader_elect: bool = False
    leader_election_id: str = ""
    leader_election_namespace: str = ""
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    grace_period: float = 30.0
    cache_sync_timeout: float = 120.0
    streaming_list: bool = False
    log_level: str = "info"
    log_format: log.LogFormat = "auto"

    def __post_init__(self) -> None:
        """Validate the options.

        Raises:
            ConfigurationError: A value is not valid.
        """
        for flag, address in (
            ("--metrics-bind-address", self.metrics_bind_address),
            ("--health-probe-bind-address", self.health_probe_bind_address),
        ):
            if address != OFF:
                parse_address(address, flag)
        if not 0 <= self.webhook_port <= 65535:
            raise ConfigurationError(f"--webhook-port: invalid port {self.webhook_port}: use 1 to 65535")
        if self.leader_elect and not self.leader_election_id:
            raise ConfigurationError("--leader-elect needs --leader-election-id: the name of the Lease")
        if self.metrics_cert_path and (self.metrics_bind_address == OFF or not self.metrics_secure):
            raise ConfigurationError(
                "--metrics-cert-path is for metrics over https: give --metrics-bind-address and --metrics-secure too"
            )
        for flag, seconds in (
            ("--grace-period", self.grace_period),
            ("--cache-sync-timeout", self.cache_sync_timeout),
        ):
            if not 0 <= seconds < math.inf:  # which also refuses nan
                raise ConfigurationError(f"{flag}: invalid number of seconds {seconds:g}: use 0 or more")
        if (
            not (math.inf > self.lease_duration > self.renew_deadline > self.retry_period > 0)
            or self.lease_duration < 1
        ):
            raise ConfigurationError(
                f"--leader-elect-lease-duration {self.lease_duration:g}, --leader-elect-renew-deadline "
                f"{self.renew_deadline:g} and --leader-elect-retry-period {self.retry_period:g}: each must be greater "
                "than the next, the first 1 second or more and the last greater than 0"
            )
        _check_namespaces(self.namespaces, "--namespace")

    @classmethod
    def from_args(
        cls,
        argv: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        **defaults: Any,  # noqa: ANN401
    ) -> Self:
        """Parse the command line; an invalid one prints an error and ends the process with status 2.

        Args:
            argv: Arguments without the program's name; default is the process's.
            environment: Default is the process's.
            defaults: Values that the command line can override, by attribute name.
        """
        environment = os.environ if environment is None else environment
        try:
            watched = _split(environment.get("WATCH_NAMESPACE", ""))
            _check_namespaces(watched, "WATCH_NAMESPACE")
            base = replace(cls(), **{"namespaces": watched, **defaults})
        except ConfigurationError as error:
            _Parser().error(str(error))
        parser = _parser(base)
        given = vars(parser.parse_args(argv))
        namespaces = given.pop("namespaces", None)
        if namespaces is not None:
            given["namespaces"] = tuple(name for text in namespaces for name in _split(text))
        try:
            return replace(base, **given)
        except ConfigurationError as error:
            parser.error(str(error))


def _check_namespaces(names: Sequence[str], source: str) -> None:
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise ConfigurationError(f"{source}: invalid namespace {name!r}: use a DNS label, as in team-a")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is not a valid boolean: use true or false")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print the error in one line and exit with status 2."""
        sys.stderr.write(f"error: {message}; --help lists the flags\n")
        raise SystemExit(2)


def _parser(base: ManagerOptions) -> argparse.ArgumentParser:
    parser = _Parser(
        description="Run the operator.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )

    def text(flag: str, name: str, summary: str, empty: str = "none") -> None:
        value = getattr(base, name) or empty
        parser.add_argument(flag, dest=name, metavar="VALUE", help=f"{summary} (default: {value})")

    def seconds(flag: str, name: str, summary: str) -> None:
        parser.add_argument(
            flag, dest=name, type=float, metavar="SECONDS", help=f"{summary} (default: {getattr(base, name):g})"
        )

    def switch(flag: str, name: str, summary: str) -> None:
        value = str(getattr(base, name)).lower()
        parser.add_argument(
            flag, dest=name, nargs="?", const=True, type=_boolean, metavar="BOOL", help=f"{summary} (default: {value})"
        )

    text("--kubeconfig", "kubeconfig", "kubeconfig file")
    text("--context", "context", "context of the kubeconfig")
    parser.add_argument(
        "--namespace",
        dest="namespaces",
        action="append",
        metavar="NAMES",
        help="namespaces to watch, comma-separated (default: $WATCH_NAMESPACE, else all)",
    )
    text("--metrics-bind-address", "metrics_bind_address", "metrics bind address, 0 to turn it off")
    switch("--metrics-secure", "metrics_secure", "serve metrics over https, only to authorised callers")
    text("--metrics-cert-path", "metrics_cert_path", "folder with tls.crt and tls.key of the metrics server")
    text("--health-probe-bind-address", "health_probe_bind_address", "health probe bind address, 0 to turn it off")
    text("--webhook-host", "webhook_host", "webhook server bind address", empty="all interfaces")
    parser.add_argument(
        "--webhook-port",
        dest="webhook_port",
        type=int,
        metavar="PORT",
        help=f"webhook server port (default: {base.webhook_port})",
    )
    text("--webhook-cert-path", "webhook_cert_path", "folder with tls.crt and tls.key of the webhook server")
    switch("--leader-elect", "leader_elect", "run the controllers in only one of several replicas")
    text("--leader-election-id", "leader_election_id", "name of the Lease")
    text("--leader-election-namespace", "leader_election_namespace", "namespace of the Lease")
    seconds(
        "--leader-elect-lease-duration",
        "lease_duration",
        "how long other replicas wait after the last renewal",
    )
    seconds(
        "--leader-elect-renew-deadline",
        "renew_deadline",
        "how long the leader retries a renewal before it gives up",
    )
    seconds(
        "--leader-elect-retry-period",
        "retry_period",
        "how long to wait between attempts to acquire or renew the Lease",
    )
    seconds("--grace-period", "grace_period", "how long to wait for reconciles in progress at shutdown")
    seconds("--cache-sync-timeout", "cache_sync_timeout", "how long to wait for the caches to sync")
    parser.add_argument(
        "--log-level", dest="log_level", choices=list(log.LEVELS), help=f"minimum log level (default: {base.log_level})"
    )
    parser.add_argument(
        "--log-format",
        dest="log_format",
        choices=cast("list[str]", ["auto", "console", "json"]),
        help="log format; auto: console on a terminal, JSON elsewhere (default: auto)",
    )
    return parser
