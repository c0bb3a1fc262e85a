"""What an authority signs is verified by OpenSSL, and says no more than was asked for."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

import kaiwu_runtime
from kaiwu_runtime.certificates._authority import (
    CLIENT,
    CLOCK_SKEW,
    SERVER,
    Authority,
    certificate_pem,
    key_pem,
    self_signed,
)

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def test_the_times() -> None:
    authority = Authority.new(name("ca"), 10 * DAY, now=NOW)
    short, _ = authority.sign(name("a"), DAY, usages=[SERVER], now=NOW)
    long, _ = authority.sign(name("a"), 20 * DAY, usages=[SERVER], now=NOW + 9 * DAY)
    assert (short.not_valid_before_utc, short.not_valid_after_utc) == (NOW - CLOCK_SKEW, NOW + DAY)
    assert long.not_valid_after_utc == authority.certificate.not_valid_after_utc == NOW + 10 * DAY


def test_what_the_extensions_say() -> None:
    authority = Authority.new(name("ca"), DAY)
    certificate, _ = authority.sign(name("a"), DAY, usages=[SERVER, CLIENT], names=["a.example.com", "::1"])
    certificate.verify_directly_issued_by(authority.certificate)
    found = certificate.extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(entry.value) for entry in names] == ["a.example.com", "::1"]
    assert list(found.get_extension_for_class(x509.ExtendedKeyUsage).value) == [SERVER, CLIENT]
    assert not found.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not found.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_a_key_survives_as_pem() -> None:
    authority = Authority.new(name("ca"), DAY)
    read = load_pem_private_key(key_pem(authority.key), password=None)
    assert read.public_key() == authority.certificate.public_key()


@pytest.mark.parametrize(("host", "accepted"), [("localhost", True), ("elsewhere", False)])
async def test_openssl_accepts_it_for_its_names_alone(tmp_path: Path, host: str, *, accepted: bool) -> None:
    authority = Authority.new(name("ca"), DAY)
    certificate, key = authority.sign(name("server"), DAY, usages=[SERVER], names=["localhost"])
    (tmp_path / "pair.pem").write_bytes(certificate_pem(certificate) + key_pem(key))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "pair.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=serving)
    trusting = ssl.create_default_context(cadata=certificate_pem(authority.certificate).decode())
    port = server.sockets[0].getsockname()[1]
    try:
        connecting = asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
        if accepted:
            _, writer = await connecting
            writer.close()
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                await connecting
    finally:
        server.close()


def test_a_self_signed_certificate_is_one_of_a_server_for_host_names_and_addresses() -> None:
    chain, key = self_signed(("localhost", "127.0.0.1"), timedelta(hours=1))
    certificate = x509.load_pem_x509_certificate(chain)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"localhost", "127.0.0.1"}
    assert isinstance(list(names)[1], x509.IPAddress)
    certificate.verify_directly_issued_by(certificate)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(hours=1) + CLOCK_SKEW
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_certificates_are_made_in_one_place() -> None:
    runtime = Path(str(kaiwu_runtime.__file__)).parent
    makers = [file.name for file in runtime.rglob("*.py") if "CertificateBuilder(" in file.read_text()]
    assert makers == ["_authority.py"]
