"""The certificates of a webhook server without cert-manager: what is in the Secret, and when which part is renewed.

A certificate authority of our own signs the serving certificate. A renewed authority is first published next to the
old one, and signs only once all configurations trust it, so that the API server can verify the presented certificate at
any time.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#service-reference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kaiwu_runtime.certificates._authority import SERVER, Authority, certificate_pem, key_pem
from kaiwu_runtime.serving._certificate_options import canonical_name

CERTIFICATE, KEY, AUTHORITIES, AUTHORITY_KEY = "tls.crt", "tls.key", "ca.crt", "ca.key"
"""The members of the Secret."""


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
        trusted: Whether all configurations trust the newest authority that was found, so that it may sign.
    """
    if found is None:
        authority = _new_authority(names[0], now, ca_lifetime)
        empty = Certificates(b"", b"", certificate_pem(authority.certificate), key_pem(authority.key))
        return _signed(empty, now, names, lifetime)
    authorities = x509.load_pem_x509_certificates(found.authorities)
    valid = [authority for authority in authorities if now < authority.not_valid_after_utc]
    if not valid:
        return renewed(None, now=now, names=names, ca_lifetime=ca_lifetime, lifetime=lifetime, trusted=True)
    if len(valid) < len(authorities) and valid[0] is authorities[0]:
        found = replace(found, authorities=b"".join(certificate_pem(entry) for entry in valid))
    if is_due(valid[0], now) or valid[0] is not authorities[0]:
        authority = _new_authority(names[0], now, ca_lifetime)
        valid.insert(0, authority.certificate)
        bundle = b"".join(certificate_pem(entry) for entry in valid)
        found = replace(found, authorities=bundle, authority_key=key_pem(authority.key))
        trusted = False
    serving = x509.load_pem_x509_certificate(found.certificate)
    current = _signs(valid[0], serving)
    works = now < serving.not_valid_after_utc and any(_signs(entry, serving) for entry in valid)
    wanted = is_due(serving, now) or not current or _names_of(serving) != {canonical_name(name) for name in names}
    if wanted and (current or trusted or not works):
        return _signed(found, now, names, lifetime)
    return found


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether two thirds of a certificate's life are over."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= end - (end - begin) / 3


def _new_authority(name: str, now: datetime, lifetime: timedelta) -> Authority:
    # A serial number in the subject, so that verifiers tell the old authority and the new one apart.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name[:55]} webhooks"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{x509.random_serial_number():x}"[:16]),
        ]
    )
    return Authority.new(subject, lifetime, now=now)


def _signed(found: Certificates, now: datetime, names: Sequence[str], lifetime: timedelta) -> Certificates:
    """Return the certificates with a serving certificate that the newest authority has signed."""
    authority_key = serialization.load_pem_private_key(found.authority_key, password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key of the certificate authority is not an EC key")
    authority = Authority(x509.load_pem_x509_certificates(found.authorities)[0], authority_key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate, key = authority.sign(subject, lifetime, usages=[SERVER], names=names, now=now)
    return replace(found, certificate=certificate_pem(certificate), key=key_pem(key))


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
