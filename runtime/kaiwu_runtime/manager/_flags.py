"""The flags of a manager, for a parser of its own or a project's.

The names are those of controller-runtime and kubebuilder, so that existing Deployments work.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from kaiwu_runtime import _log as log
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._feature_gates import known_gates

if TYPE_CHECKING:
    from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions

BASE = "_kaiwu_runtime"
"""The parser's default that has the options which the flags override, and the parser."""

_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is not a valid boolean: use true or false")


def _self_signed(service: str) -> WebhookCertificateOptions:
    from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions  # noqa: PLC0415 - few operators have one

    try:
        return WebhookCertificateOptions(service_name=service, from_webhooks=True)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Defaults(Protocol):
    """Options that flags override: an attribute for each flag's name, of which these are used by name."""

    @property
    def log_level(self) -> str:
        """The minimum log level."""

    @property
    def webhook_port(self) -> int:
        """The port of the webhook server."""


class _Group:
    """A group of flags in ``--help``; a flag that is not given leaves no trace in the parsed arguments."""

    def __init__(self, parser: argparse.ArgumentParser, base: Defaults, title: str) -> None:
        self._group = parser.add_argument_group(title)
        self._base = base

    def add(self, flag: str, name: str, summary: str, **how: Any) -> None:  # noqa: ANN401 - as argparse's own
        """Add a flag; the default is in its summary."""
        self._group.add_argument(flag, dest=name, default=argparse.SUPPRESS, help=summary, **how)

    def text(self, flag: str, name: str, summary: str, empty: str = "none") -> None:
        """Add a flag with a text."""
        self.add(flag, name, f"{summary} (default: {getattr(self._base, name) or empty})", metavar="VALUE")

    def seconds(self, flag: str, name: str, summary: str) -> None:
        """Add a flag with a time."""
        self.add(flag, name, f"{summary} (default: {getattr(self._base, name):g})", type=float, metavar="SECONDS")

    def switch(self, flag: str, name: str, summary: str) -> None:
        """Add a flag that is true or false."""
        value = str(getattr(self._base, name)).lower()
        self.add(flag, name, f"{summary} (default: {value})", nargs="?", const=True, type=_boolean, metavar="BOOL")


def add_flags(parser: argparse.ArgumentParser, base: Defaults) -> None:
    """Add the flags to a parser.

    Args:
        parser: Gets them, in groups.
        base: What they override.
    """
    parser.set_defaults(**{BASE: (base, parser)})

    api = _Group(parser, base, "API server")
    api.text("--kubeconfig", "kubeconfig", "kubeconfig file")
    api.text("--context", "context", "context of the kubeconfig")
    api.add(
        "--namespace",
        "namespaces",
        "namespaces to watch, comma-separated (default: $WATCH_NAMESPACE, else all)",
        action="append",
        metavar="NAMES",
    )

    api.add(
        "--kube-api-qps",
        "kube_api_qps",
        "requests to the API server per second (default: no limit)",
        type=float,
        metavar="N",
    )
    api.add(
        "--kube-api-burst",
        "kube_api_burst",
        "requests to the API server at once after a pause (default: twice --kube-api-qps)",
        type=int,
        metavar="N",
    )

    metrics = _Group(parser, base, "metrics and probes")
    metrics.text("--metrics-bind-address", "metrics_bind_address", "metrics bind address, 0 to turn it off")
    metrics.switch("--metrics-secure", "metrics_secure", "serve metrics over https, only to authorised callers")
    metrics.text("--metrics-cert-path", "metrics_cert_path", "directory with tls.crt and tls.key of the metrics server")
    metrics.switch(
        "--metrics-request-latency", "metrics_request_latency", "measure how long requests to the API server take"
    )
    metrics.text(
        "--health-probe-bind-address", "health_probe_bind_address", "health probe bind address, 0 to turn it off"
    )

    webhook = _Group(parser, base, "webhook server")
    webhook.text("--webhook-host", "webhook_host", "webhook server bind address", empty="all interfaces")
    webhook.add(
        "--webhook-port",
        "webhook_port",
        f"webhook server port (default: {base.webhook_port})",
        type=int,
        metavar="PORT",
    )
    webhook.text("--webhook-cert-path", "webhook_cert_path", "directory with tls.crt and tls.key of the webhook server")
    webhook.add(
        "--webhook-self-signed",
        "webhook_self_signed",
        "make and renew the certificate of the webhook server, for this Service (default: use the directory's)",
        type=_self_signed,
        metavar="SERVICE",
    )
    webhook.add(
        "--webhook-local",
        "webhook_local",
        "let the API server call this process at HOST until it ends; without HOST, at the address that it reaches",
        nargs="?",
        const="auto",
        metavar="HOST",
    )
    webhook.switch(
        "--webhook-local-force",
        "webhook_local_force",
        "also where the operator is deployed, or another process serves its webhooks",
    )

    leader = _Group(parser, base, "leader election")
    leader.switch("--leader-elect", "leader_elect", "run the controllers in only one of several replicas")
    leader.text("--leader-election-id", "leader_election_id", "name of the Lease")
    leader.text("--leader-election-namespace", "leader_election_namespace", "namespace of the Lease")
    leader.seconds(
        "--leader-elect-lease-duration", "lease_duration", "how long other replicas wait after the last renewal"
    )
    leader.seconds(
        "--leader-elect-renew-deadline", "renew_deadline", "how long the leader retries a renewal before it gives up"
    )
    leader.seconds(
        "--leader-elect-retry-period", "retry_period", "how long to wait between attempts to acquire or renew the Lease"
    )

    running = _Group(parser, base, "start, stop and log")
    running.seconds("--grace-period", "grace_period", "how long to wait for reconciles in progress at shutdown")
    running.seconds("--cache-sync-timeout", "cache_sync_timeout", "how long to wait for the caches to sync")
    # Without those of the controllers' modules, which are imported once the flags are parsed.
    gates = ", ".join(f"{gate.name} ({gate.stage}, {str(gate.enabled).lower()})" for gate in known_gates())
    running.add(
        "--feature-gates",
        "feature_gates",
        f"features to turn on or off, as NAME=true,NAME=false ({f'{gates}; ' if gates else ''}"
        "an unknown NAME makes the operator list all)",
        action="append",
        metavar="GATES",
    )
    running.switch("--dry-run", "dry_run", "write nothing, print what would change as diffs, and stop when done")
    running.add("--log-level", "log_level", f"minimum log level (default: {base.log_level})", choices=list(log.LEVELS))
    running.add(
        "--log-format",
        "log_format",
        "log format; auto: console on a terminal, JSON elsewhere (default: auto)",
        choices=["auto", "console", "json"],
    )


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def __init__(self, **how: Any) -> None:  # noqa: ANN401 - as argparse's own
        super().__init__(add_help=False, **how)
        # In a group: a flag of the parser itself makes argparse import what packs and unpacks archives.
        self.add_argument_group("options").add_argument("-h", "--help", action="help", help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        """Print the error in one line and exit with status 2."""
        sys.stderr.write(f"error: {message}; --help lists the flags\n")
        raise SystemExit(2)
