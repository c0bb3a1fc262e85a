"""Options of a self-signed webhook certificate: where it is stored, and which configurations trust it."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta

from kaiwu_runtime.errors import ConfigurationError

CA_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=365)

SERVICE_NAME = "webhook-service"
"""What manifests call the Service before kustomize adds a prefix and a suffix to it and to the configurations."""

MUTATING, VALIDATING = "mutating-webhook-configuration", "validating-webhook-configuration"
"""Names of the configurations before kustomize adds a prefix and a suffix, as controller-gen gives them."""


def canonical_name(name: str) -> str:
    """Return a DNS name or IP address in the form that a certificate has it in.

    Raises:
        ValueError: It is neither.
    """
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        if not name or not name.isascii():
            raise
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCertificateOptions:
    """How a manager creates the certificate of its webhook server, for clusters without cert-manager.

    The certificate authority is written into every ``clientConfig`` of the named configurations that points to the
    service, or to a URL.

    Attributes:
        service_name: Service through which the API server reaches the webhooks.
        namespace: Namespace of service and Secret; empty for the pod's own or the context's.
        secret_name: Secret of type kubernetes.io/tls with certificates and keys; created if it does not exist.
        validating: Names of ValidatingWebhookConfigurations.
        mutating: Names of MutatingWebhookConfigurations.
        crds: Names of CustomResourceDefinitions with a conversion webhook.
        from_webhooks: Find the configurations and CRDs of the webhooks that the manager serves, where service and
            configurations have the names of ``kaiwuctl create webhook``. What is named here comes on top.
        extra_names: Further DNS names and IP addresses of the certificate, for webhooks called by URL.
        ca_lifetime: Lifetime of the certificate authority, which is renewed after two thirds of it.
        lifetime: Lifetime of the serving certificate, which is renewed after two thirds of it.
        overlap: How long a new certificate authority is trusted before it signs the serving certificate; must be longer
            than all replicas and API servers need to read it.
        interval: Seconds between two checks of the Secret and the configurations.
    """

    service_name: str
    namespace: str = ""
    secret_name: str = "webhook-server-cert"  # noqa: S105 - a name
    validating: tuple[str, ...] = ()
    mutating: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    from_webhooks: bool = False
    extra_names: tuple[str, ...] = ()
    ca_lifetime: timedelta = CA_LIFETIME
    lifetime: timedelta = LIFETIME
    overlap: timedelta = timedelta(minutes=5)
    interval: float = 30.0

    def __post_init__(self) -> None:
        """Validate the options, so that a mistake does not show only when the certificate is renewed.

        Raises:
            ConfigurationError: A value is not valid.
        """
        if not self.service_name:
            raise ConfigurationError("webhook certificates: service_name is empty; name the Service of the webhooks")
        if self.from_webhooks and SERVICE_NAME not in self.service_name:
            raise ConfigurationError(
                f"webhook certificates: {self.service_name!r} must contain {SERVICE_NAME!r}, so that the names of the "
                "configurations follow from it; with other names use WebhookCertificateOptions"
            )
        if not timedelta(0) < self.lifetime <= self.ca_lifetime:
            raise ConfigurationError("webhook certificates: lifetime must be above 0 and at most ca_lifetime")
        for attribute in ("validating", "mutating", "crds", "extra_names"):
            names = getattr(self, attribute)
            if isinstance(names, str):  # whose characters would be names
                raise ConfigurationError(
                    f"webhook certificates: {attribute}: invalid value {names!r}: use a tuple of names"
                )
        for name in self.extra_names:
            _check_name(name)
        overlap = self.overlap.total_seconds()
        if not 0 < self.interval < math.inf:  # which also rejects nan
            raise ConfigurationError(f"webhook certificates: interval: invalid value {self.interval:g} s: use 30")
        if overlap < 0:
            raise ConfigurationError(f"webhook certificates: overlap: invalid value {overlap:g} s: use 0 or more")


def _check_name(name: str) -> None:
    try:
        canonical_name(name)
    except ValueError:
        raise ConfigurationError(
            f"webhook certificates: extra_names: {name!r} is not a DNS name or IP address: use the xn-- form of an "
            "international name"
        ) from None
