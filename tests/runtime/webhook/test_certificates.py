"""When which certificate is renewed, and that at each step everybody who trusts the old ones still can."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kaiwu_runtime.config._tls import make_context, secret_path
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.webhook import WebhookCertificateOptions
from kaiwu_runtime.webhook._certificates import Certificates, read_certificates, renewed

NAMES = ("hooks.team.svc", "hooks.team.svc.cluster.local", "127.0.0.1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def step(
    found: Certificates | None, now: datetime, *, trusted: bool = False, names: tuple[str, ...] = NAMES
) -> Certificates:
    return renewed(found, now=now, names=names, ca_lifetime=10 * YEAR, lifetime=YEAR, trusted=trusted)


def serving(found: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificate(found.certificate)


def authorities(found: Certificates) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(found.authorities)


def verifies(bundle: Certificates, presented: Certificates, name: str = "hooks.team.svc") -> bool:
    """Shake hands in memory: a client with one bundle, a server with another's certificate."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with secret_path(presented.certificate) as chain, secret_path(presented.key) as key:
        server_context.load_cert_chain(chain, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_context = make_context(ca_bundle=bundle.authorities)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError:
                return False
    return client.version() is not None


def now_until(found: Certificates, share: float) -> datetime:
    """Return the time at which a share of the serving certificate's life is over."""
    certificate = serving(found)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) * share


def test_the_first_certificates() -> None:
    found = step(None, NOW)
    (authority,) = authorities(found)
    certificate = serving(found)
    certificate.verify_directly_issued_by(authority)
    assert authority.not_valid_after_utc == NOW + 10 * YEAR
    assert certificate.not_valid_after_utc == NOW + YEAR
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == set(NAMES)
    assert read_certificates(found.members()) == found
    assert "PRIVATE" not in repr(found)
    assert found.key.decode() not in repr(found)


def test_a_client_verifies_names_and_addresses() -> None:
    found = step(None, datetime.now(UTC))
    assert verifies(found, found)
    assert verifies(found, found, "127.0.0.1")
    assert not verifies(found, found, "other.team.svc")
    assert not verifies(step(None, datetime.now(UTC)), found)


@pytest.mark.parametrize(
    "name",
    ["FD00::1", "2001:db8:0:0::1", "::ffff:10.0.0.1", "fd00::0001", "192.0.2.1", "Hooks.example.com", "*.example.com"],
)
def test_a_name_in_another_form_is_no_reason_for_a_new_certificate(name: str) -> None:
    names = (*NAMES, name)
    first = step(None, NOW, names=names)
    assert step(first, NOW, names=names) is first


@pytest.mark.parametrize("name", ["", "höst.example.com"])
def test_a_name_that_no_certificate_can_have_is_one_line(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"extra_names: .* is not a DNS name or IP address: use the xn-- form"):
        WebhookCertificateOptions(service_name="hooks", extra_names=(name,))


def test_nothing_is_due_before_two_thirds() -> None:
    found = step(None, NOW)
    assert step(found, now_until(found, 0.66), trusted=True) is found


def test_the_serving_certificate_is_renewed_at_two_thirds_by_the_same_authority() -> None:
    found = step(None, NOW)
    renewal = step(found, now_until(found, 0.67))
    assert renewal.authorities == found.authorities
    assert renewal.authority_key == found.authority_key
    assert renewal.certificate != found.certificate
    assert renewal.key != found.key
    serving(renewal).verify_directly_issued_by(authorities(found)[0])


def test_another_name_is_a_new_certificate() -> None:
    found = step(None, NOW)
    renewal = step(found, NOW, names=("renamed.team.svc",))
    assert renewal.authorities == found.authorities
    names = serving(renewal).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["renamed.team.svc"]


def test_a_new_authority_is_published_before_it_signs() -> None:
    real = datetime.now(UTC)
    old = step(None, real - 6.7 * YEAR)  # now two thirds of ten years are over; a month ago they were not
    old = step(old, real - timedelta(days=30))
    assert len(authorities(old)) == 1
    published = step(old, real)
    assert published.certificate == old.certificate, "the new authority may not be known yet"
    assert len(authorities(published)) == 2
    assert authorities(published)[1] == authorities(old)[0]
    assert step(published, real) is published, "however often it is read"

    signed = step(published, real + timedelta(minutes=5), trusted=True)
    assert signed.authorities == published.authorities
    serving(signed).verify_directly_issued_by(authorities(published)[0])

    # A client that has seen nothing or everything of the first step can verify, and so in the second.
    assert verifies(old, old)
    assert verifies(old, published)
    assert verifies(published, published)
    assert verifies(published, old)
    signed_now = step(published, real, trusted=True)
    assert verifies(published, signed_now)
    assert verifies(signed_now, published)
    assert not verifies(old, signed_now), "so the order of the steps matters"


def test_an_expired_authority_leaves_the_bundle() -> None:
    old = step(step(None, NOW), NOW + 9 * YEAR)
    both = step(step(old, NOW + 9 * YEAR), NOW + 9 * YEAR, trusted=True)
    assert len(authorities(both)) == 2
    later = step(both, NOW + 10 * YEAR + timedelta(days=1))
    assert authorities(later) == authorities(both)[:1]
    serving(later).verify_directly_issued_by(authorities(later)[0])


def test_an_operator_that_was_away_for_long_makes_everything_new() -> None:
    old = step(None, NOW)
    found = step(old, NOW + 20 * YEAR)
    assert len(authorities(found)) == 1
    assert found.authorities != old.authorities
    assert serving(found).not_valid_after_utc == NOW + 21 * YEAR


def test_an_expired_serving_certificate_does_not_wait_for_trust() -> None:
    old = step(None, NOW)
    found = step(old, NOW + 8 * YEAR)  # the authority is due, and the serving certificate long over
    assert len(authorities(found)) == 2
    serving(found).verify_directly_issued_by(authorities(found)[0])


def test_a_serving_certificate_never_outlives_its_authority() -> None:
    found = renewed(None, now=NOW, names=NAMES, ca_lifetime=YEAR, lifetime=YEAR, trusted=False)
    later = renewed(found, now=NOW + timedelta(days=240), names=("x",), ca_lifetime=YEAR, lifetime=YEAR, trusted=False)
    assert serving(later).not_valid_after_utc == authorities(found)[0].not_valid_after_utc


def other_key(kind: type) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = (
        ec.generate_private_key(ec.SECP256R1())
        if kind is ec.EllipticCurvePrivateKey
        else rsa.generate_private_key(65537, 2048)
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"certificate": b"x"}, id="no certificate"),
        pytest.param({"key": b"x"}, id="no key"),
        pytest.param({"authorities": b""}, id="no authority"),
        pytest.param({"key": other_key(ec.EllipticCurvePrivateKey)}, id="another key"),
        pytest.param({"authority_key": other_key(ec.EllipticCurvePrivateKey)}, id="another authority's key"),
        pytest.param({"authority_key": other_key(rsa.RSAPrivateKey)}, id="an RSA key"),
    ],
)
def test_what_does_not_belong_together_is_not_used(change: dict[str, bytes], tmp_path: Path) -> None:
    found = replace(step(None, NOW), **change)
    assert read_certificates(found.members()) is None


@pytest.mark.parametrize("member", ["tls.crt", "tls.key", "ca.crt", "ca.key"])
def test_an_incomplete_secret_is_not_used(member: str) -> None:
    members = step(None, NOW).members()
    assert read_certificates({name: value for name, value in members.items() if name != member}) is None
