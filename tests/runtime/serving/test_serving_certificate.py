"""Certificates of https servers: self-signed, from files, and renewed while serving."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from kaiwu_runtime.certificates._authority import certificate_pem, self_signed
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.metrics._controllers import Metrics
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._routes import Routes
from kaiwu_runtime.serving._serving_certificate import ServingCertificate


def write(folder: Path, certificate: bytes, key: bytes) -> None:
    (folder / "tls.crt").write_bytes(certificate)
    (folder / "tls.key").write_bytes(key)


@asynccontextmanager
async def served(certificate: ServingCertificate) -> AsyncIterator[int]:
    certificate.context()
    listener = Listener("127.0.0.1", 0, "--x")
    await listener.start(Routes(), context=certificate.context)
    try:
        yield listener.port
    finally:
        await listener.stop()


async def presented(port: int, trust: bytes | None = None) -> bytes:
    """Return the certificate that a client sees; with `trust` it also verifies it and the name localhost."""
    context = ssl.create_default_context(cadata=trust.decode() if trust else None)
    if trust is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return ssl.DER_cert_to_PEM_cert(der).encode()


async def test_a_self_signed_certificate_is_valid_for_its_name(tmp_path: Path) -> None:
    pair = self_signed(("localhost",))
    write(tmp_path, *pair)
    async with served(ServingCertificate(tmp_path)) as port:
        assert await presented(port, trust=pair[0]) == pair[0]
    with pytest.raises(ssl.SSLCertVerificationError):
        async with served(ServingCertificate(None)) as port:
            await presented(port, trust=pair[0])


async def test_a_renewed_pair_is_served_without_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second, other = (self_signed(("localhost",)) for _ in range(3))
    write(tmp_path, *first)
    certificate = ServingCertificate(tmp_path, poll=0.02)
    async with served(certificate) as port:
        task = asyncio.create_task(certificate.keep_current())
        assert await presented(port) == first[0]

        write(tmp_path, second[0], other[1])
        async with asyncio.timeout(10):
            while not any("cannot be used" in record.getMessage() for record in caplog.records):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await presented(port) == first[0], "half a renewal changes nothing"

        write(tmp_path, *second)
        async with asyncio.timeout(10):
            while await presented(port) != second[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()


def with_rsa() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate_pem(certificate), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("rsa_first", [False, True])
async def test_a_pair_with_another_type_of_key_replaces_the_old_one(tmp_path: Path, rsa_first: bool) -> None:
    pairs = [self_signed(("localhost",)), with_rsa()]
    first, second = reversed(pairs) if rsa_first else pairs
    write(tmp_path, *first)
    certificate = ServingCertificate(tmp_path, poll=0.02)
    async with served(certificate) as port:
        task = asyncio.create_task(certificate.keep_current())
        assert await presented(port) == first[0]
        write(tmp_path, *second)
        async with asyncio.timeout(10):
            while await presented(port) != second[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({}, r"tls\.crt: No such file", id="nothing there"),
        pytest.param({"tls.crt": b"x"}, r"tls\.key: No such file", id="no key"),
        pytest.param({"tls.crt": b"x", "tls.key": b"y"}, "cannot be used", id="no PEM"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        ServingCertificate(tmp_path).context()


@pytest.mark.parametrize("failure", [MemoryError, RuntimeError, ValueError, RecursionError])
async def test_whatever_fails_once_the_next_pair_is_served(
    tmp_path: Path, failure: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (self_signed(("localhost",)) for _ in range(2))
    write(tmp_path, *first)
    certificate = ServingCertificate(tmp_path, poll=0.02)
    async with served(certificate) as port:
        use = certificate.use

        def fail_once(chain: bytes, key: bytes) -> None:
            monkeypatch.setattr(certificate, "use", use)
            raise failure

        monkeypatch.setattr(certificate, "use", fail_once)
        task = asyncio.create_task(certificate.keep_current())
        write(tmp_path, *second)
        async with asyncio.timeout(10):
            while await presented(port) != second[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
    assert "Cannot check for a new certificate" in caplog.text


async def test_reads_are_counted_under_controller_runtimes_names(tmp_path: Path) -> None:
    metrics = Metrics()
    certificate = ServingCertificate(tmp_path, poll=0.02)
    certificate.on_read = metrics.certificate_read

    def counted() -> tuple[float, float]:
        names = ("certwatcher_read_certificate_total", "certwatcher_read_certificate_errors_total")
        reads, errors = (metrics.registry.get_sample_value(name) for name in names)
        return reads or 0.0, errors or 0.0

    assert counted() == (0, 0)
    with pytest.raises(ConfigurationError):
        certificate.context()
    assert counted() == (1, 1)
    first, second = (self_signed(("localhost",)) for _ in range(2))
    write(tmp_path, *first)
    certificate.context()
    assert counted() == (2, 1)
    with pytest.raises(ConfigurationError):
        certificate.use(first[0], second[1])
    assert counted() == (3, 2)
    task = asyncio.create_task(certificate.keep_current())
    write(tmp_path, first[0], b"")
    async with asyncio.timeout(10):
        while counted()[1] < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        write(tmp_path, *second)
        errors = counted()[1]
        reads = counted()[0]
        while counted()[0] < reads + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert counted()[1] <= errors + 1  # a look between the two files
    task.cancel()
