"""TLS contexts from certificate authorities and client certificates, in files or in memory."""

from __future__ import annotations

import base64
import binascii
import codecs
import os
import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ClientCertificate(msgspec.Struct, frozen=True):
    """A client certificate chain and its private key, both PEM; the key never shows in a representation."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "ClientCertificate(...)"


def decode_inline(data: str, field: str) -> bytes:
    """Return the PEM of a kubeconfig's base64 ``...-data`` field.

    Raises:
        ConfigurationError: The field is not base64.
    """
    try:
        return base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"{field}: not base64: {error}") from error


def read_pem(path: str, field: str) -> bytes:
    """Return a PEM file's content.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        shown = path if path.isprintable() else repr(path)
        raise ConfigurationError(f"{field}: {shown}: {reason(error)}") from error


@contextmanager
def secret_path(data: bytes) -> Iterator[str]:
    """Give bytes a path for as long as OpenSSL, which reads key material from files only, needs one.

    On Linux the file is anonymous memory and never on a disk.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("kaiwu-client-certificate")
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    import tempfile  # noqa: PLC0415 - not on Linux

    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        yield name
    finally:
        Path(name).unlink()


def make_context(
    *, ca_bundle: bytes | None, certificate: ClientCertificate | None = None, verify: bool = True
) -> ssl.SSLContext:
    """Return a TLS client context.

    Args:
        ca_bundle: PEM of the certificate authorities to trust; None trusts the system's.
        certificate: Client certificate to present, or None.
        verify: False accepts any server certificate; what ``insecure-skip-tls-verify`` asks for.

    Raises:
        ConfigurationError: A certificate or key does not parse, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    # Go, and so every other Kubernetes client, trusts an intermediate that is listed, and does not require the
    # extensions that Python 3.13 began to require and that self-made cluster authorities often lack.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_bundle is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        try:
            context.load_verify_locations(cadata=_ascii(ca_bundle))
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(f"certificate-authority: no usable PEM certificate: {error}") from error
    if certificate is not None:
        _load(context, certificate)
    return context


def _ascii(bundle: bytes) -> str:
    """Return PEM; its comments, the names of authorities, may be in any encoding, and what is in a certificate not."""
    return bundle.removeprefix(codecs.BOM_UTF8).decode("ascii", "replace").replace("\ufffd", "?")


def check_certificate(certificate: ClientCertificate) -> None:
    """Check that a client certificate and its key can be used together.

    Raises:
        ConfigurationError: One of them does not parse, or they do not belong together.
    """
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    try:
        with secret_path(certificate.certificate) as chain, secret_path(certificate.key) as key:
            # A password callback that returns nothing keeps OpenSSL from asking on the terminal.
            context.load_cert_chain(chain, key, password=lambda: b"")
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(f"client certificate and key cannot be used: {error}") from error
