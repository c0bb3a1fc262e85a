"""Check a certificate, its key and its authorities as a peer would.

The path is verified by the cryptography package, with the rules that Go and OpenSSL have in common: its own are those
of the web, which authorities inside clusters often do not follow.

See https://www.rfc-editor.org/rfc/rfc5280#section-6
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from kaiwu_runtime.certificates._key_pair import read_certificates
from kaiwu_runtime.errors import CertificateError

_USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def check_chain(
    certificate: bytes,
    authorities: bytes,
    *,
    key: bytes | None = None,
    names: Sequence[str] = (),
    usage: Literal["server", "client"] = "server",
    now: datetime | None = None,
) -> None:
    """Check that a peer that trusts the authorities accepts a certificate.

    Keys are RSA of 2048 bits or more, or EC (P-256, P-384, P-521).

    Args:
        certificate: PEM; the authorities between it and the root may follow.
        authorities: PEM of those that the peer trusts.
        key: PEM of its key; None does not check it.
        names: Host names and IP addresses that it must be valid for, as a client would connect to.
        usage: What it is used for.
        now: When, with a time zone; default is the present.

    Raises:
        CertificateError: It would not be accepted; the text says why.
    """
    leaf, *between = read_certificates(certificate, "certificate")
    roots = read_certificates(authorities, "authorities")
    if usage not in _USAGES:
        raise CertificateError(f"certificate: invalid usage {usage!r}: use server or client")
    if isinstance(names, str):
        raise CertificateError(f"certificate: names={names!r}: use a list of names")
    now = now or datetime.now(UTC)
    for each, what in [(leaf, "certificate"), *((each, "authority") for each in between)]:
        _check_time(each, what, now)
    if key is not None:
        _check_key(leaf, key)
    _check_usage(leaf, usage)
    for name in names:
        _check_name(leaf, name)
    _check_path(leaf, between, roots, now)


def _check_time(certificate: x509.Certificate, what: str, now: datetime) -> None:
    begins, expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        raise CertificateError(f"{what}: not valid before {begins.isoformat()}")
    if now > expires:
        raise CertificateError(f"{what}: expired on {expires.isoformat()}")


def _check_key(certificate: x509.Certificate, key: bytes) -> None:
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without the cause: it may quote the key.
        raise CertificateError("key: not an unencrypted private key in PEM") from None
    if public != certificate.public_key():
        raise CertificateError("key: it belongs to another certificate")


def _check_usage(certificate: x509.Certificate, usage: str) -> None:
    """Check what a certificate may be used for; one that does not say so may be used for anything."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {_USAGES[usage], ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
        raise CertificateError(f"certificate: not for a {usage}: its extended key usage does not have {usage}Auth")


def _check_name(certificate: x509.Certificate, name: str) -> None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise CertificateError(f"certificate: not valid for {name!r}: it has no subject alternative names") from None
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        hosts = found.get_values_for_type(x509.DNSName)
        if any(_matches(name, pattern) for pattern in hosts):
            return
        known = [*hosts, *map(str, found.get_values_for_type(x509.IPAddress))]
    else:
        addresses = found.get_values_for_type(x509.IPAddress)
        if address in addresses:
            return
        known = [*map(str, addresses), *found.get_values_for_type(x509.DNSName)]
    raise CertificateError(f"certificate: not valid for {name!r}, only for {', '.join(known[:5]) or 'no name'}")


def _matches(name: str, pattern: str) -> bool:
    """Return whether a host name matches; a wildcard stands for the whole first label, as in RFC 6125."""
    name, pattern = name.lower().rstrip("."), pattern.lower().rstrip(".")
    if pattern.startswith("*."):
        first, _, rest = name.partition(".")
        return bool(first) and rest == pattern[2:]
    return name == pattern


def _check_path(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> None:
    valid = [root for root in roots if root.not_valid_before_utc <= now <= root.not_valid_after_utc]
    if not valid:
        raise CertificateError("authorities: none of them is valid now")
    authority = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    authority = authority.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
    builder = PolicyBuilder().store(Store(valid)).time(now)
    builder = builder.extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
    try:
        # Usage and names have been checked: the client's verifier checks neither under these policies.
        builder.build_client_verifier().verify(leaf, list(between))
    except VerificationError as error:
        issuers = {root.subject for root in valid} | {each.subject for each in between}
        if leaf.issuer not in issuers:
            said = f"it was issued by {leaf.issuer.rfc4514_string()!r}, which is not one of them"
        else:
            said = str(error).partition(" (encountered")[0].removeprefix("validation failed: ")
        raise CertificateError(f"certificate: not signed by these authorities: {said}") from error


def _signs(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:  # noqa: ARG001
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority may not sign certificates")
