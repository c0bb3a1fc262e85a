"""A certificate and its key as PEM, as a Secret of the type ``kubernetes.io/tls`` holds them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from kaiwu_runtime.errors import CertificateError

RENEWAL = 2 / 3
"""The part of its lifetime after which a certificate is renewed, as cert-manager has it."""


def read_certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text.

    Args:
        pem: The text.
        what: Names it in errors.

    Raises:
        CertificateError: There is none, or one cannot be read.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
        for each in found:  # their parts are parsed when they are first looked at
            _ = each.public_key(), each.extensions, each.subject, each.issuer
            _ = each.not_valid_before_utc, each.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        found = []
    if not found:
        raise CertificateError(f"{what}: not a readable certificate in PEM")
    return found


def renewal_time(certificate: bytes) -> datetime:
    """Return when a certificate is to be renewed: after two thirds of its lifetime.

    Args:
        certificate: PEM; of a chain the first one counts.

    Raises:
        CertificateError: It is not a certificate.
    """
    leaf = read_certificates(certificate, "certificate")[0]
    begins, expires = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return begins + (expires - begins) * RENEWAL


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key; the key never shows in a representation.

    Attributes:
        certificate: PEM; followed by the authorities between it and the root, if there are any.
        key: PEM.
        authority: PEM of the root that clients and servers have to trust.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes = b""

    @classmethod
    def from_secret(cls, data: Mapping[str, str]) -> Self:
        """Return the pair that a Secret holds.

        Args:
            data: The Secret's ``data``: base64 under ``tls.crt``, ``tls.key`` and ``ca.crt``.

        Raises:
            CertificateError: A field is missing or not base64. What is in it is not looked at: see `check_chain`.
        """
        values = []
        for name in ("tls.crt", "tls.key", "ca.crt"):
            if name not in data and name != "ca.crt":
                raise CertificateError(f"Secret: data has no {name!r}")
            try:
                values.append(base64.b64decode(data.get(name) or "", validate=True))
            except ValueError:
                raise CertificateError(f"Secret: data[{name!r}] is not base64") from None
        return cls(*values)

    def secret_data(self) -> dict[str, str]:
        """Return the ``data`` of a Secret of the type ``kubernetes.io/tls``, with ``ca.crt``."""
        content = {"tls.crt": self.certificate, "tls.key": self.key, "ca.crt": self.authority}
        return {name: base64.b64encode(value).decode() for name, value in content.items() if value}

    @property
    def expires(self) -> datetime:
        """When the certificate expires."""
        return read_certificates(self.certificate, "certificate")[0].not_valid_after_utc

    @property
    def renewal_time(self) -> datetime:
        """When to renew it: after two thirds of its lifetime."""
        return renewal_time(self.certificate)

    def needs_renewal(self, now: datetime | None = None) -> bool:
        """Return whether it is time to renew the certificate.

        Args:
            now: With a time zone; default is the present.

        Raises:
            CertificateError: It is not a certificate.
        """
        return (now or datetime.now(UTC)) >= self.renewal_time
