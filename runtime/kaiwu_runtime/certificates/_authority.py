"""The one place that makes certificates: self-signed ones, and those that an authority signs.

An authority signs the certificates of webhooks and of the control planes of tests.

See https://www.rfc-editor.org/rfc/rfc5280#section-4.2 for the extensions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CLOCK_SKEW = timedelta(minutes=5)
"""How far another machine's clock may be behind."""

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
"""What a certificate may be used for."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others, with its key.

    Attributes:
        certificate: The authority's own.
        key: Its key.
    """

    certificate: x509.Certificate
    key: PrivateKey

    @classmethod
    def new(cls, subject: x509.Name, lifetime: timedelta, *, now: datetime | None = None) -> Self:
        """Return an authority that signs itself.

        Args:
            subject: Its name.
            lifetime: Its own; what it signs ends with it.
            now: When that begins, with a time zone; default is the present.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = now or datetime.now(UTC)
        builder = _builder(subject, subject, key.public_key(), now, _end(now, lifetime))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(signs=True), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def sign(
        self,
        subject: x509.Name,
        lifetime: timedelta,
        *,
        usages: Sequence[x509.ObjectIdentifier],
        names: Sequence[str] = (),
        now: datetime | None = None,
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Return a certificate and its key.

        Args:
            subject: Whom it names.
            lifetime: Its own; cut off where the authority's ends.
            usages: ``SERVER``, ``CLIENT`` or both.
            names: Host names and IP addresses that it is valid for.
            now: When that begins, with a time zone; default is the present.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = now or datetime.now(UTC)
        end = min(_end(now, lifetime), self.certificate.not_valid_after_utc)
        builder = _builder(subject, self.certificate.subject, key.public_key(), now, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if names:
            alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self.key, hashes.SHA256()), key


def self_signed(names: Sequence[str], lifetime: timedelta = timedelta(days=365)) -> tuple[bytes, bytes]:
    """Return a server certificate that no authority has signed, and its key, both PEM.

    Args:
        names: Host names and IP addresses that it is valid for; the first is its subject.
        lifetime: From now on.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    builder = _builder(subject, subject, key.public_key(), now, _end(now, lifetime))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([SERVER]), critical=False)
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    builder = builder.add_extension(alternatives, critical=False)
    return certificate_pem(builder.sign(key, hashes.SHA256())), key_pem(key)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: PrivateKey) -> bytes:
    """Return a private key as PEM, in the form that Go's tls package and OpenSSL both read."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _end(now: datetime, lifetime: timedelta) -> datetime:
    """Return the end of a lifetime; of one beyond the year 9999 the time that stands for no end in RFC 5280."""
    try:
        return now + lifetime
    except OverflowError:
        return datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
