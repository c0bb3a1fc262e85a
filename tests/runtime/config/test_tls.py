"""Certificate authorities in the forms that programs write them."""

from __future__ import annotations

import ssl

import pytest

from kaiwu_runtime.config._tls import make_context
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import ConfigurationError

FIRST, SECOND = (CertificateAuthority(name).certificate for name in ("first", "second"))


@pytest.mark.parametrize(
    ("bundle", "count"),
    [
        (FIRST + SECOND, 2),
        ("# Főtanúsítvány\n".encode() + FIRST + "# Autoridad de Certificación\n".encode("latin-1") + SECOND, 2),
        (b"\xef\xbb\xbf" + FIRST, 1),
        (FIRST.replace(b"\n", b"\r\n") + SECOND, 2),
        (b"\xff\x00\xfe\n" + FIRST, 1),
    ],
    ids=["plain", "comments", "byte order mark", "CRLF", "bytes before"],
)
def test_authorities(bundle: bytes, count: int) -> None:
    context = make_context(ca_bundle=bundle)
    assert isinstance(context, ssl.SSLContext)
    assert len(context.get_ca_certs()) == count


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        "é".encode(),
        FIRST.replace(b"MII", "MIé".encode(), 1),
        FIRST.replace(b"MII", "MéII".encode(), 1),
        FIRST.decode().encode("utf-16"),
        FIRST[:200],
        b"\0" * 100,
    ],
    ids=["empty", "no certificate", "changed", "added", "UTF-16", "cut off", "zeros"],
)
def test_a_bundle_without_a_usable_certificate_is_one_line(bundle: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"^certificate-authority: no usable PEM certificate: [^\n]+$"):
        make_context(ca_bundle=bundle)
