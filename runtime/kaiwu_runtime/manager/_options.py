"""The options of a manager, from the command line and the environment.

The flags are those of controller-runtime and kubebuilder, so that existing Deployments work.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, cast

from kaiwu_runtime import _log as log
from kaiwu_runtime._names import is_dns_label
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._feature_gates import check_gates, parse_gates
from kaiwu_runtime.serving._address import parse_address

if TYPE_CHECKING:
    import argparse

    from kaiwu_runtime.controller._options import ControllerOptions
    from kaiwu_runtime.rest._transport import Transport
    from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions

_HOST = re.compile(r"[0-9A-Za-z.-]+|[0-9A-Fa-f:.]+").fullmatch

OFF = "0"
"""Instead of an address: do not serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """How a manager runs.

    The options are flat: each has the name of its flag (``metrics_secure`` for ``--metrics-secure``), so that the
    command line, the defaults of `from_args` and the constructor share one set of names. The first word of a name is
    the group that controller-runtime has for it: metrics, webhook, leader election.

    Attributes:
        kubeconfig: Kubeconfig file; if empty, KUBECONFIG, the pod's service account and ``~/.kube/config`` are tried.
        context: Context of the kubeconfig; empty for the current one.
        namespaces: Namespaces to watch; empty for all. Default is WATCH_NAMESPACE, a comma-separated list.
        field_manager: Name under which server-side apply records what this operator owns.
        kube_api_qps: Requests to the API server per second in the long run; 0 for no limit, the default: the API server
            shares its capacity out itself. The lease has a client and a limit of its own.
        kube_api_burst: How many requests may be sent at once after a pause; 0 for twice `kube_api_qps`.
        wrap_transport: Gets the transport of every client and returns a wrapper of it; there is no flag for it. See
            :class:`~kaiwu_runtime.rest.TransportWrapper`.
        metrics_bind_address: ``host:port`` of /metrics; ``0`` turns it off.
        metrics_secure: Serve metrics over https, to callers whose token may get /metrics; False: http, without
            authentication.
        metrics_cert_path: Directory with tls.crt and tls.key; if empty, a self-signed certificate is used.
        metrics_request_latency: Measure how long requests to the API server take.
        health_probe_bind_address: ``host:port`` of /healthz and /readyz; ``0`` turns them off.
        webhook_host: Bind address of the webhook server; empty for every interface.
        webhook_port: Port of the webhook server.
        webhook_cert_path: Directory with tls.crt and tls.key of the webhook server.
        webhook_self_signed: Create and renew the webhook server's certificate instead.
        webhook_local: Let the API server call the webhooks of this process, which is outside the cluster, at this host;
            ``auto`` finds the address. Configurations and CRDs are restored at the end.
        webhook_local_force: Also where the operator is deployed, or another process serves its webhooks.
        webhook_manifests: File with the webhook configurations, for `webhook_local`.
        leader_elect: Run the controllers in only one of several replicas.
        leader_election_id: Name of the Lease.
        leader_election_namespace: Namespace of the Lease; empty for the pod's or the context's.
        lease_duration: Seconds that other replicas wait after the last renewal they observed.
        renew_deadline: Seconds that the leader retries a renewal before it gives up; less than `lease_duration`.
        retry_period: Seconds between attempts to acquire or renew the Lease; less than `renew_deadline`.
        grace_period: Seconds that reconciles in progress may take at shutdown.
        cache_sync_timeout: Seconds to wait for the caches to sync at startup.
        controller: Defaults of every controller, which its own ``with_options`` overrides; there is no flag for it.
            Default None: those of :class:`~kaiwu_runtime.controller.ControllerOptions`.
        streaming_list: Begin each watch with all objects instead of listing pages; Kubernetes 1.32 and later.
        feature_gates: The gates to turn on or off, by name; see :class:`~kaiwu_runtime.manager.FeatureGate`.
        dry_run: Read as ever, let the API server check each write without storing it, print what it would change as a
            diff on standard output, and stop once every object has been reconciled. Without leader election, servers
            and commands in pods.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``console``, ``json`` or ``auto``.
    """

    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    field_manager: str = "kaiwu-runtime"
    kube_api_qps: float = 0.0
    kube_api_burst: int = 0
    wrap_transport: Callable[[Transport], Transport] | None = None
    metrics_bind_address: str = OFF
    metrics_secure: bool = True
    metrics_cert_path: str = ""
    metrics_request_latency: bool = False
    health_probe_bind_address: str = ":8081"
    webhook_host: str = ""
    webhook_port: int = 9443
    webhook_cert_path: str = "/tmp/k8s-webhook-server/serving-certs"  # noqa: S108 - controller-runtime's
    webhook_self_signed: WebhookCertificateOptions | None = None
    webhook_local: str = ""
    webhook_local_force: bool = False
    webhook_manifests: str = "config/webhook/manifests.yaml"
    leader_elect: bool = False
    leader_election_id: str = ""
    leader_election_namespace: str = ""
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    grace_period: float = 30.0
    cache_sync_timeout: float = 120.0
    controller: ControllerOptions | None = None
    streaming_list: bool = False
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    dry_run: bool = False
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
        check_gates(self.feature_gates, complete=False)
        _check_rate(self.kube_api_qps, self.kube_api_burst)
        if not 0 <= self.webhook_port <= 65535:
            raise ConfigurationError(f"--webhook-port: invalid port {self.webhook_port}: use 1 to 65535")
        if self.webhook_local and not _HOST(self.webhook_local):
            raise ConfigurationError(
                f"--webhook-local: invalid host {self.webhook_local!r}: use an address of this machine: 192.168.1.5"
            )
        if self.webhook_local and self.webhook_self_signed is not None:
            raise ConfigurationError(
                "--webhook-local makes its own certificate: leave out --webhook-self-signed, which is for a Service"
            )
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
            if not 0 <= seconds < math.inf:  # which also rejects nan
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
        if self.controller is not None and self.controller.rate_limiter is not None:
            raise ConfigurationError(
                "controller.rate_limiter: one rate limiter cannot serve several controllers: set it with with_options"
            )
        _check_namespaces(self.namespaces, "--namespace")

    def in_effect(self) -> Self:
        """Return the options as a manager uses them: a dry run serves nothing, and leads without a Lease."""
        if not self.dry_run:
            return self
        return replace(
            self, metrics_bind_address=OFF, metrics_cert_path="", health_probe_bind_address=OFF, leader_elect=False
        )

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
            from kaiwu_runtime.manager._flags import Parser  # noqa: PLC0415 - see the end

            Parser().error(str(error))
        argv = sys.argv[1:] if argv is None else argv
        if not argv:
            return base  # nothing to parse: argparse takes a hundredth of an operator's memory
        from kaiwu_runtime.manager._flags import Parser, add_flags  # noqa: PLC0415

        parser = Parser(description="Run the operator.", allow_abbrev=False)
        add_flags(parser, base)
        return cls.from_arguments(parser.parse_args(argv))

    @classmethod
    def add_arguments(
        cls,
        parser: argparse.ArgumentParser,
        *,
        environment: Mapping[str, str] | None = None,
        **defaults: Any,  # noqa: ANN401
    ) -> None:
        """Add the flags of a manager to a parser that has the project's own; see `from_arguments`.

        ::

            parser = argparse.ArgumentParser()
            parser.add_argument("--registry")
            ManagerOptions.add_arguments(parser, field_manager="site-operator")
            arguments = parser.parse_args()
            manager = Manager(ManagerOptions.from_arguments(arguments))

        Args:
            parser: Gets the flags, in groups.
            environment: Default is the process's.
            defaults: Values that the command line can override, by attribute name.

        Raises:
            ConfigurationError: A default, or WATCH_NAMESPACE, is not valid.
        """
        environment = os.environ if environment is None else environment
        from kaiwu_runtime.manager._flags import add_flags  # noqa: PLC0415 - see from_args

        watched = _split(environment.get("WATCH_NAMESPACE", ""))
        _check_namespaces(watched, "WATCH_NAMESPACE")
        add_flags(parser, replace(cls(), **{"namespaces": watched, **defaults}))

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """Return the options of a command line that a parser with `add_arguments` has read.

        Values that cannot work are explained by the parser, which ends the process with status 2.

        Args:
            arguments: What ``parser.parse_args()`` returned.

        Raises:
            ValueError: The parser was not given to `add_arguments`.
        """
        from kaiwu_runtime.manager._flags import BASE  # noqa: PLC0415 - see from_args

        all_given = vars(arguments)
        if BASE not in all_given:
            raise ValueError("from_arguments: call ManagerOptions.add_arguments(parser) before parser.parse_args()")
        parser: argparse.ArgumentParser
        base, parser = all_given[BASE]
        given = {name: all_given[name] for name in cls.__dataclass_fields__ if name in all_given}
        if "namespaces" in given:
            given["namespaces"] = tuple(name for text in given["namespaces"] for name in _split(text))
        try:
            if "feature_gates" in given:
                given["feature_gates"] = {**base.feature_gates, **parse_gates(",".join(given["feature_gates"]))}
            return cast("Self", replace(base, **given))
        except ConfigurationError as error:
            parser.error(str(error))


def _check_rate(qps: float, burst: int) -> None:
    if not 0 <= qps < math.inf or burst < 0:
        raise ConfigurationError(f"--kube-api-qps {qps:g} and --kube-api-burst {burst}: use 0 or more")
    if burst and not qps:
        raise ConfigurationError("--kube-api-burst needs --kube-api-qps: without it there is no limit")


def _check_namespaces(names: Sequence[str], source: str) -> None:
    for name in names:
        if not is_dns_label(name):
            raise ConfigurationError(f"{source}: invalid namespace {name!r}: use a DNS label, as in team-a")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
