"""Authorities and pairs: values that are refused, times, and Secrets."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st

from kaiwu_runtime.certificates import CertificateAuthority, KeyPair, check_chain, renewal_time
from kaiwu_runtime.errors import CertificateError

from .chains import DAY, NOW, given_authority, loaded

AUTHORITY = CertificateAuthority.create("ca", lifetime=100 * DAY, now=NOW)
PAIR = AUTHORITY.server(["a.example.com"], lifetime=30 * DAY, now=NOW)


def test_renewal_is_after_two_thirds() -> None:
    assert PAIR.expires == NOW + 30 * DAY
    assert abs(PAIR.renewal_time - NOW - 20 * DAY) < timedelta(minutes=5)
    assert renewal_time(PAIR.certificate) == PAIR.renewal_time
    assert not PAIR.needs_renewal(NOW + 19 * DAY)
    assert PAIR.needs_renewal(NOW + 20 * DAY)
    late = AUTHORITY.server(["a"], lifetime=90 * DAY, now=NOW + 90 * DAY)
    assert late.expires == NOW + 100 * DAY  # the authority's own end
    now = CertificateAuthority.create("ca").client("a")
    assert not now.needs_renewal()
    assert abs(now.expires - datetime.now(UTC) - 90 * DAY) < timedelta(minutes=1)


def test_an_authority_that_has_expired() -> None:
    with pytest.raises(CertificateError, match=r"authority: expired on 2031-08-14: create a new one"):
        AUTHORITY.server(["a"], now=NOW + 101 * DAY)


def test_what_a_client_is_called() -> None:
    pair = AUTHORITY.client("postgres", organizations=["a", "b"], now=NOW)
    (leaf,) = x509.load_pem_x509_certificates(pair.certificate)
    assert leaf.subject.rfc4514_string() == "CN=postgres,O=b,O=a"
    assert pair.authority == AUTHORITY.certificate


def test_a_pair_and_its_secret() -> None:
    data = PAIR.secret_data()
    assert set(data) == {"tls.crt", "tls.key", "ca.crt"}
    assert KeyPair.from_secret(data) == PAIR
    assert "PRIVATE" not in repr(PAIR)
    again = CertificateAuthority.load(AUTHORITY.pair.certificate, AUTHORITY.pair.key)
    check_chain(again.server(["b"], now=NOW).certificate, AUTHORITY.certificate, names=["b"], now=NOW)
    assert KeyPair.from_secret({"tls.crt": "", "tls.key": ""}) == KeyPair(b"", b"")


@pytest.mark.parametrize(
    "data",
    [{}, {"tls.crt": ""}, *({"tls.crt": text, "tls.key": ""} for text in ("?", "ü", "YQ"))],
)
def test_secrets_that_hold_none(data: dict[str, str]) -> None:
    with pytest.raises(CertificateError, match=r"^Secret: "):
        KeyPair.from_secret(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CertificateAuthority.create(""),
        lambda: CertificateAuthority.create("a" * 65),
        lambda: CertificateAuthority.create("a\nb"),
        lambda: CertificateAuthority.create("a", lifetime=timedelta(0)),
        lambda: AUTHORITY.server([]),
        lambda: AUTHORITY.server("a.example.com"),
        lambda: AUTHORITY.server(["a b"]),
        lambda: AUTHORITY.server(["ü.example.com"]),
        lambda: AUTHORITY.server(["a..b"]),
        lambda: AUTHORITY.server(["a.*"]),
        lambda: AUTHORITY.server(["*"]),
        lambda: AUTHORITY.server(["a" * 64]),
        lambda: AUTHORITY.server(["::g"]),
        lambda: AUTHORITY.server(["a"], common_name="b" * 65),
        lambda: AUTHORITY.server(["a"], lifetime=-DAY),
        lambda: AUTHORITY.client(""),
        lambda: AUTHORITY.client("库" * 22),
        lambda: AUTHORITY.client("a", organizations="b"),
        lambda: AUTHORITY.client("a", organizations=[""]),
    ],
)
def test_values_that_are_refused(make: Any) -> None:
    with pytest.raises(CertificateError) as caught:
        make()
    assert "\n" not in str(caught.value)


@example("库" * 22)
@example("é" * 32)
@given(st.text(max_size=80))
def test_a_name_is_signed_or_refused(name: str) -> None:
    makes: list[Callable[[], KeyPair]] = [
        lambda: AUTHORITY.server([name], now=NOW),
        lambda: AUTHORITY.client(name, now=NOW),
    ]
    for make in makes:
        try:
            made = make()
        except CertificateError:
            continue
        x509.load_pem_x509_certificates(made.certificate)


def key_text(key: Any, **options: Any) -> bytes:
    encryption = options.get("encryption")
    from cryptography.hazmat.primitives.serialization import NoEncryption

    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return made


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        (b"", AUTHORITY.pair.key, "authority: not a readable certificate"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"",
            "authority: not a readable certificate",
        ),
        (AUTHORITY.certificate, b"", "not an unencrypted private key"),
        (AUTHORITY.certificate, AUTHORITY.certificate, "not an unencrypted private key"),
        (AUTHORITY.certificate, PAIR.key, "the key belongs to another certificate"),
        (PAIR.certificate, PAIR.key, "it is not a CA"),
        (AUTHORITY.certificate, key_text(x25519.X25519PrivateKey.generate()), "not EC or RSA"),
        (
            AUTHORITY.certificate,
            key_text(ec.generate_private_key(ec.SECP256R1()), encryption=BestAvailableEncryption(b"secret")),
            "not an unencrypted private key",
        ),
    ],
)
def test_authorities_that_cannot_be_loaded(certificate: bytes, key: bytes, message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        CertificateAuthority.load(certificate, key)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"certificate": b"x"}, "certificate: not a readable certificate"),
        ({"authorities": b""}, "authorities: not a readable certificate"),
        ({"key": b"x"}, "key: not an unencrypted private key"),
        ({"usage": "both"}, "invalid usage 'both': use server or client"),
        ({"names": "a"}, "use a list of names"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, Any], message: str) -> None:
    good = {"certificate": PAIR.certificate, "authorities": AUTHORITY.certificate, "now": NOW}
    with pytest.raises(CertificateError, match=message):
        check_chain(**{**good, **arguments})


def test_an_authority_that_may_not_sign_by_its_key_usage() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, _ = given_authority(key)
    no_signing = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    from cryptography.hazmat.primitives import hashes

    from kaiwu_runtime.certificates._authority import certificate_pem

    builder = x509.CertificateBuilder(
        certificate.issuer, certificate.subject, key.public_key(), 1, NOW - DAY, NOW + DAY, list(certificate.extensions)
    )
    barred = builder.add_extension(no_signing, critical=True).sign(key, hashes.SHA256())
    leaf = loaded((certificate, key)).server(["a"], now=NOW)
    with pytest.raises(CertificateError, match="not signed by these authorities"):
        check_chain(leaf.certificate, certificate_pem(barred), now=NOW)


@given(st.binary(max_size=40), st.integers(0, 400))
def test_damaged_text_is_an_error_of_one_line(noise: bytes, position: int) -> None:
    damaged = PAIR.certificate[:position] + noise + PAIR.certificate[position + len(noise) :]
    said = ""
    try:
        check_chain(damaged, AUTHORITY.certificate, key=PAIR.key, names=["a.example.com"], now=NOW)
    except CertificateError as error:
        said = str(error)
    assert "\n" not in said


def test_base64_is_what_a_secret_holds() -> None:
    assert base64.b64decode(PAIR.secret_data()["tls.key"]) == PAIR.key


def test_a_lifetime_beyond_all_calendars_has_no_end() -> None:
    authority = CertificateAuthority.create("ca", lifetime=timedelta.max, now=NOW)
    assert authority.pair.expires == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert AUTHORITY.server(["a"], lifetime=timedelta.max, now=NOW).expires == NOW + 100 * DAY
    assert AUTHORITY.client("a", lifetime=3_000_000 * DAY, now=NOW).expires == NOW + 100 * DAY


def test_an_authority_whose_key_usage_forbids_it_to_sign_is_refused() -> None:
    """Every peer would reject what it signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    words = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
        False,
    )
    usage = x509.KeyUsage(digital_signature=True, encipher_only=False, decipher_only=False, **words)
    made = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    with pytest.raises(CertificateError, match="may not sign others: its key usage lacks keyCertSign"):
        loaded((made, key))


def test_a_host_name_that_is_too_long_is_refused() -> None:
    label = "a" * 49
    AUTHORITY.server([f"{label}.{label}.{label}.{label}.{label}.abc"], now=NOW)
    with pytest.raises(CertificateError, match="is not a valid name"):
        AUTHORITY.server([f"{label}.{label}.{label}.{label}.{label}.abcd"], now=NOW)
