"""An authority that signs the certificates of servers and clients.

See https://kubernetes.io/docs/setup/best-practices/certificates/
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from kaiwu_runtime.certificates._authority import CLIENT, SERVER, Authority, PrivateKey, certificate_pem, key_pem
from kaiwu_runtime.certificates._key_pair import KeyPair, read_certificates
from kaiwu_runtime.errors import CertificateError

AUTHORITY_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=90)
NAME_LENGTH = 64
"""How long a common name and an organization may be, by RFC 5280."""
HOST_LENGTH = 253
"""How long a host name may be, by RFC 1035."""


class CertificateAuthority:
    """Signs certificates; made by `create`, or from a Secret by `load`."""

    def __init__(self, authority: Authority, chain: Sequence[x509.Certificate]) -> None:
        self._authority = authority
        self._chain = list(chain)

    @classmethod
    def create(cls, name: str, *, lifetime: timedelta = AUTHORITY_LIFETIME, now: datetime | None = None) -> Self:
        """Return a new authority that signs itself.

        Args:
            name: Its common name, 64 characters at most.
            lifetime: How long it is valid; what it signs ends with it.
            now: When that begins, with a time zone; default is the present.

        Raises:
            CertificateError: A value is not valid.
        """
        _check_lifetime(lifetime)
        authority = Authority.new(_subject(name, ()), lifetime, now=now)
        return cls(authority, [authority.certificate])

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> Self:
        """Return an authority from PEM: one that was created before, or one that a user gave.

        Args:
            certificate: Its certificate; authorities above it may follow, the root last.
            key: Its key, unencrypted: EC, or RSA.

        Raises:
            CertificateError: It cannot be read, may not sign others, or does not belong to the key.
        """
        chain = read_certificates(certificate, "authority")
        signer = chain[0]
        private = _read_key(key)
        if private.public_key() != signer.public_key():
            raise CertificateError("authority: the key belongs to another certificate")
        try:
            is_authority = signer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            is_authority = False
        if not is_authority:
            raise CertificateError("authority: the certificate may not sign others: it is not a CA")
        if not _may_sign(signer):
            raise CertificateError("authority: the certificate may not sign others: its key usage lacks keyCertSign")
        return cls(Authority(signer, private), chain)

    @property
    def certificate(self) -> bytes:
        """The certificate that clients and servers have to trust, PEM: the root, if it is known."""
        return certificate_pem(self._chain[-1])

    @property
    def pair(self) -> KeyPair:
        """Certificate and key, for a Secret. With the key, other certificates can be signed."""
        chain = b"".join(map(certificate_pem, self._chain))
        return KeyPair(chain, key_pem(self._authority.key), self.certificate)

    def server(
        self,
        names: Sequence[str],
        *,
        common_name: str = "",
        lifetime: timedelta = LIFETIME,
        as_client: bool = False,
        now: datetime | None = None,
    ) -> KeyPair:
        """Return a new certificate of a server.

        Args:
            names: Host names and IP addresses that it is valid for, ``*.db.example.svc`` included.
            common_name: Its subject; default is the first name, if that is short enough.
            lifetime: How long it is valid; cut off where the authority's ends.
            as_client: Make it valid for a client too, as members of a cluster need it that connect to each other.
            now: When that begins, with a time zone; default is the present.

        Raises:
            CertificateError: A value is not valid.
        """
        if isinstance(names, str) or not names:
            raise CertificateError(f"server certificate: names={names!r}: use a list of one or more names")
        for name in names:
            _check_name(name)
        subject = common_name or (names[0] if len(names[0]) <= NAME_LENGTH else "server")
        usages = [SERVER, CLIENT] if as_client else [SERVER]
        return self._signed(_subject(subject, ()), usages, names, lifetime, now)

    def client(
        self,
        name: str,
        *,
        organizations: Sequence[str] = (),
        lifetime: timedelta = LIFETIME,
        now: datetime | None = None,
    ) -> KeyPair:
        """Return a new certificate of a client.

        Args:
            name: Its common name: the user, for Kubernetes and for most databases.
            organizations: Its groups, for Kubernetes.
            lifetime: How long it is valid; cut off where the authority's ends.
            now: When that begins, with a time zone; default is the present.

        Raises:
            CertificateError: A value is not valid.
        """
        return self._signed(_subject(name, organizations), [CLIENT], (), lifetime, now)

    def _signed(
        self,
        subject: x509.Name,
        usages: Sequence[x509.ObjectIdentifier],
        names: Sequence[str],
        lifetime: timedelta,
        now: datetime | None,
    ) -> KeyPair:
        _check_lifetime(lifetime)
        try:
            made, key = self._authority.sign(subject, lifetime, usages=usages, names=names, now=now)
        except ValueError as error:
            raise CertificateError(
                f"authority: expired on {self._authority.certificate.not_valid_after_utc:%Y-%m-%d}: create a new one"
            ) from error
        between = [each for each in self._chain if each.issuer != each.subject]
        return KeyPair(b"".join(map(certificate_pem, [made, *between])), key_pem(key), self.certificate)


def _subject(name: str, organizations: Sequence[str]) -> x509.Name:
    if isinstance(organizations, str):
        raise CertificateError(f"certificate: organizations={organizations!r}: use a list of names")
    attributes = [(NameOID.ORGANIZATION_NAME, each) for each in organizations] + [(NameOID.COMMON_NAME, name)]
    for _, value in attributes:
        # X.509 counts characters, the library and OpenSSL bytes.
        if not value.isprintable() or not 0 < len(value.encode()) <= NAME_LENGTH:
            raise CertificateError(
                f"certificate: {value[:100]!r} is not a valid name: use printable characters, 1 to {NAME_LENGTH} bytes"
            )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _may_sign(certificate: x509.Certificate) -> bool:
    """Return whether the key usage lets a certificate sign others; one without may be used for anything."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _check_name(name: str) -> None:
    """Reject what no certificate can hold as a host name; an IP address is fine."""
    with suppress(ValueError):
        ip_address(name)
        return
    labels = name.removeprefix("*.").split(".")
    fits = all(
        label and len(label) <= 63 and all(each.isascii() and (each.isalnum() or each in "-_") for each in label)
        for label in labels
    )
    if not fits or len(name) > HOST_LENGTH:
        raise CertificateError(
            f"server certificate: {name[:100]!r} is not a valid name: use an ASCII host name, *.host, or an IP address"
        )


def _check_lifetime(lifetime: timedelta) -> None:
    if lifetime <= timedelta(0):
        raise CertificateError(f"certificate: lifetime={lifetime}: use more than 0")


def _read_key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without the cause: it may quote the key.
        raise CertificateError("authority: not an unencrypted private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateError("authority: the key is not EC or RSA")
    return key
