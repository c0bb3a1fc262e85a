"""Where a self-signed webhook certificate is kept, and who has to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kaiwu_runtime.errors import ConfigurationError

CA_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCertificateOptions:
    """How a manager makes the certificate of its webhook server, for clusters without cert-manager.

    The configurations that are named get the certificate authority into every ``clientConfig`` that points to the
    service, or to a URL.

    Attributes:
        service_name: Service through which the API server reaches the webhooks.
        namespace: Namespace of service and Secret; empty for the pod's own or the context's.
        secret_name: Secret of type kubernetes.io/tls that holds certificates and keys; made when it is not there.
        validating: Names of ValidatingWebhookConfigurations.
        mutating: Names of MutatingWebhookConfigurations.
        crds: Names of CustomResourceDefinitions with a conversion webhook.
        extra_names: Further DNS names and IP addresses of the certificate, for webhooks called by URL.
        ca_lifetime: Of the certificate authority, which is renewed after two thirds of it.
        lifetime: Of the serving certificate, which is renewed after two thirds of it.
        overlap: How long a new certificate authority is trusted before it signs the certificate that is presented;
            longer than all replicas and API servers need to see it.
        interval: Seconds between two looks at the Secret and the configurations.
    """

    service_name: str
    namespace: str = ""
    secret_name: str = "webhook-server-cert"  # noqa: S105 - a name
    validating: tuple[str, ...] = ()
    mutating: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    extra_names: tuple[str, ...] = ()
    ca_lifetime: timedelta = CA_LIFETIME
    lifetime: timedelta = LIFETIME
    overlap: timedelta = timedelta(minutes=5)
    interval: float = 30.0

    def __post_init__(self) -> None:
        """Check what would only show when the certificate is renewed.

        Raises:
            ConfigurationError: A value that cannot work.
        """
        if not self.service_name:
            raise ConfigurationError("webhook certificates: service_name is empty; name the Service of the webhooks")
        if not timedelta(0) < self.lifetime <= self.ca_lifetime:
            raise ConfigurationError("webhook certificates: lifetime must be above 0 and at most ca_lifetime")
        if self.interval <= 0 or self.overlap < timedelta(0):
            raise ConfigurationError("webhook certificates: interval must be above 0, and overlap not below it")
