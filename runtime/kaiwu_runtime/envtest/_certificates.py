"""The certificate authority of one control plane."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kaiwu_runtime.certificates._authority import CLIENT, SERVER, Authority, certificate_pem, key_pem

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIFETIME = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


class CertificateAuthority:
    """Signs the certificates of one control plane; several can live side by side.

    Args:
        common_name: Subject of the authority's own certificate.
    """

    def __init__(self, common_name: str = "kaiwu-envtest") -> None:
        self._authority = Authority.new(_name((NameOID.COMMON_NAME, common_name)), _LIFETIME)

    @property
    def pair(self) -> KeyPair:
        """The authority's own certificate and key."""
        return KeyPair(certificate_pem(self._authority.certificate), key_pem(self._authority.key))

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, PEM."""
        return self.pair.certificate

    def server(self, common_name: str, names: Sequence[str]) -> KeyPair:
        """Sign a server certificate.

        Args:
            common_name: Subject of the certificate.
            names: Host names and IP addresses it is valid for.

        The certificate is good for a client as well, because etcd's own HTTP gateway connects to etcd
        with it.
        """
        return self._sign(_name((NameOID.COMMON_NAME, common_name)), [SERVER, CLIENT], names)

    def client(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Sign a client certificate: its common name is the user, its organizations are the groups.

        See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
        """
        organizations = ((NameOID.ORGANIZATION_NAME, group) for group in groups)
        return self._sign(_name(*organizations, (NameOID.COMMON_NAME, user)), [CLIENT])

    def _sign(self, subject: x509.Name, usages: Sequence[x509.ObjectIdentifier], names: Sequence[str] = ()) -> KeyPair:
        certificate, key = self._authority.sign(subject, _LIFETIME, usages=usages, names=names)
        return KeyPair(certificate_pem(certificate), key_pem(key))


def service_account_keys() -> tuple[bytes, bytes]:
    """Return a new private and public key, PEM, for signing and checking service-account tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key_pem(key), public


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
