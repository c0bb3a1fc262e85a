"""The certificates of a webhook server without cert-manager: what is in the Secret, and when which part is renewed.

A certificate authority of our own signs the serving certificate. When it is renewed the new authority is published
first, next to the old one, and signs only once everybody trusts it: so at no time is a certificate presented that an
API server cannot verify.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#service-reference
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE, KEY, AUTHORITIES, AUTHORITY_KEY = "tls.crt", "tls.key", "ca.crt", "ca.key"
"""The members of the Secret."""

CLOCK_SKEW = timedelta(minutes=5)
"""How far another machine's clock may be behind."""

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Certificates:
    """Everything that the Secret holds; keys never show in a representation.

    Attributes:
        certificate: The serving certificate, PEM.
        key: Its key, PEM.
        authorities: Every authority to trust, PEM, the newest first.
        authority_key: The key of the newest authority, PEM.
    """

    certificate: bytes
    key: bytes
    authorities: bytes
    authority_key: bytes

    def __repr__(self) -> str:
        return "Certificates(...)"

    def members(self) -> dict[str, bytes]:
        """Return what the Secret holds."""
        return {
            CERTIFICATE: self.certificate,
            KEY: self.key,
            AUTHORITIES: self.authorities,
            AUTHORITY_KEY: self.authority_key,
        }


def read_certificates(members: Mapping[str, bytes]) -> Certificates | None:
    """Return what a Secret holds, or None when it is incomplete or its parts do not belong together."""
    try:
        found = Certificates(*(members[name] for name in (CERTIFICATE, KEY, AUTHORITIES, AUTHORITY_KEY)))
        serving = x509.load_pem_x509_certificate(found.certificate)
        authorities = x509.load_pem_x509_certificates(found.authorities)
        fits = _belongs(found.key, serving) and _belongs(found.authority_key, authorities[0])
    except (KeyError, ValueError, TypeError):
        return None
    return found if fits else None


def renewed(
    found: Certificates | None,
    *,
    now: datetime,
    names: Sequence[str],
    ca_lifetime: timedelta,
    lifetime: timedelta,
    trusted: bool,
) -> Certificates:
    """Return the certificates to have at a time: the very same object while nothing is due.

    Args:
        found: What there is; None makes everything new.
        now: The time, with a time zone.
        names: DNS names and IP addresses that the serving certificate is for.
        ca_lifetime: Of a new authority.
        lifetime: Of a new serving certificate; it never outlives its authority.
        trusted: Whether everybody trusts the newest authority that was found, so that it may sign.
    """
    if found is None:
        authority, authority_key = _new_authority(names[0], now, ca_lifetime)
        empty = Certificates(b"", b"", _pem(authority), _key_pem(authority_key))
        return _signed(empty, now, names, lifetime)
    authorities = x509.load_pem_x509_certificates(found.authorities)
    valid = [authority for authority in authorities if now < authority.not_valid_after_utc]
    if not valid:
        return renewed(None, now=now, names=names, ca_lifetime=ca_lifetime, lifetime=lifetime, trusted=True)
    if len(valid) < len(authorities) and valid[0] is authorities[0]:
        found = replace(found, authorities=b"".join(_pem(authority) for authority in valid))
    if is_due(valid[0], now) or valid[0] is not authorities[0]:
        authority, authority_key = _new_authority(names[0], now, ca_lifetime)
        bundle = b"".join(_pem(entry) for entry in (authority, *valid))
        found = replace(found, authorities=bundle, authority_key=_key_pem(authority_key))
        valid.insert(0, authority)
        trusted = False
    serving = x509.load_pem_x509_certificate(found.certificate)
    current = _signs(valid[0], serving)
    works = now < serving.not_valid_after_utc and any(_signs(entry, serving) for entry in valid)
    wanted = is_due(serving, now) or not current or _names_of(serving) != set(names)
    if wanted and (current or trusted or not works):
        return _signed(found, now, names, lifetime)
    return found


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether two thirds of a certificate's life are over."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= end - (end - begin) / 3


def _new_authority(
    name: str, now: datetime, lifetime: timedelta
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A serial number in the subject, so that verifiers tell the old authority and the new one apart.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name[:55]} webhooks"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{x509.random_serial_number():x}"[:16]),
        ]
    )
    builder = _builder(subject, subject, key.public_key(), now, now + lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return builder.sign(key, hashes.SHA256()), key


def _signed(found: Certificates, now: datetime, names: Sequence[str], lifetime: timedelta) -> Certificates:
    """Return the certificates with a serving certificate that the newest authority has signed."""
    authority = x509.load_pem_x509_certificates(found.authorities)[0]
    authority_key = serialization.load_pem_private_key(found.authority_key, password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key of the certificate authority is no EC key")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    end = min(now + lifetime, authority.not_valid_after_utc)
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(subject, authority.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return replace(found, certificate=_pem(certificate), key=_key_pem(key))


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


def _usage(*, signs: bool) -> x509.KeyUsage:
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


def _belongs(key: bytes, certificate: x509.Certificate) -> bool:
    """Whether a key is an EC key and the certificate's own."""
    private = serialization.load_pem_private_key(key, password=None)
    return isinstance(private, ec.EllipticCurvePrivateKey) and private.public_key() == certificate.public_key()


def _signs(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names_of(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(_PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
