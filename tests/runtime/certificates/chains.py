"""Chains, good and bad, and who accepts them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from kaiwu_runtime.certificates import CertificateAuthority, KeyPair
from kaiwu_runtime.certificates._authority import certificate_pem, key_pem

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Chain:
    """A chain, and what is asked of it."""

    pair: KeyPair
    roots: bytes
    accepted: bool
    usage: Literal["server", "client"] = "server"
    name: str = ""
    now: datetime = field(default=NOW)
    strict: bool = True
    """Whether the authority follows RFC 5280 to the letter."""

    def write(self, folder: Path) -> tuple[Path, Path, Path]:
        """Write chain, key and roots to files."""
        folder.mkdir()
        files = folder / "chain.pem", folder / "key.pem", folder / "roots.pem"
        for file, content in zip(files, (self.pair.certificate, self.pair.key, self.roots), strict=True):
            file.write_bytes(content)
        return files


def given_authority(
    key: Any, *, issuer: tuple[x509.Certificate, Any] | None = None, name: str = "given", plain: bool = False
) -> tuple[x509.Certificate, Any]:
    """Return an authority as another program makes one: without identifiers of keys, as old scripts do, if plain."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer[0].subject if issuer else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 100 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if not plain:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signing = issuer[1] if issuer else key
    return builder.sign(signing, hashes.SHA256()), key


def loaded(*chain: tuple[x509.Certificate, Any]) -> CertificateAuthority:
    return CertificateAuthority.load(b"".join(certificate_pem(each) for each, _ in chain), key_pem(chain[0][1]))


def chains() -> dict[str, Chain]:
    authority = CertificateAuthority.create("ca", lifetime=100 * DAY, now=NOW)
    other = CertificateAuthority.create("ca", lifetime=100 * DAY, now=NOW)
    names = ["db-0.db.ns.svc", "*.db.ns.svc", "10.0.0.1", "fd00::1"]
    server = authority.server(names, lifetime=10 * DAY, now=NOW)
    peer = authority.server(names, as_client=True, now=NOW)
    client = authority.client("postgres", organizations=["dba", "ü"], lifetime=10 * DAY, now=NOW)
    root = given_authority(ec.generate_private_key(ec.SECP384R1()), name="root")
    between = given_authority(ec.generate_private_key(ec.SECP256R1()), issuer=root, name="between")
    signed = loaded(between, root)
    found = {
        "server": Chain(server, authority.certificate, True),
        "server, name": Chain(server, authority.certificate, True, name="db-0.db.ns.svc"),
        "server, upper case": Chain(server, authority.certificate, True, name="DB-0.db.NS.svc"),
        "server, wildcard": Chain(server, authority.certificate, True, name="x.db.ns.svc"),
        "server, two labels": Chain(server, authority.certificate, False, name="x.y.db.ns.svc"),
        "server, the wildcard's parent": Chain(server, authority.certificate, False, name="db.ns.svc"),
        "server, another name": Chain(server, authority.certificate, False, name="db.example.com"),
        "server, IPv4": Chain(server, authority.certificate, True, name="10.0.0.1"),
        "server, IPv6": Chain(server, authority.certificate, True, name="fd00:0::1"),
        "server, another address": Chain(server, authority.certificate, False, name="10.0.0.2"),
        "server as client": Chain(server, authority.certificate, False, usage="client"),
        "client": Chain(client, authority.certificate, True, usage="client"),
        "client as server": Chain(client, authority.certificate, False),
        "client, name": Chain(client, authority.certificate, False, name="postgres"),
        "peer as client": Chain(peer, authority.certificate, True, usage="client"),
        "peer as server": Chain(peer, authority.certificate, True, name="db-0.db.ns.svc"),
        "another authority": Chain(server, other.certificate, False),
        "two authorities": Chain(server, other.certificate + authority.certificate, True),
        "too early": Chain(server, authority.certificate, False, now=NOW - DAY),
        "a little early": Chain(server, authority.certificate, True, now=NOW - timedelta(minutes=4)),
        "last day": Chain(server, authority.certificate, True, now=NOW + 9 * DAY),
        "expired": Chain(server, authority.certificate, False, now=NOW + 11 * DAY),
        "expired authority": Chain(server, authority.certificate, False, now=NOW + 101 * DAY),
        "another key": Chain(KeyPair(server.certificate, client.key), authority.certificate, False),
        "an authority between": Chain(
            signed.server(["a.example.com"], now=NOW), certificate_pem(root[0]), True, name="a.example.com"
        ),
        "without the one between": Chain(
            _first(signed.server(["a.example.com"], now=NOW)), certificate_pem(root[0]), False
        ),
        "the one between alone": Chain(
            loaded(between).server(["a.example.com"], now=NOW), certificate_pem(root[0]), True, name="a.example.com"
        ),
    }
    for what in ("an authority between", "without the one between", "the one between alone"):
        found[what].strict = False
    keys: dict[str, Any] = {
        "RSA": rsa.generate_private_key(65537, 2048),
        "P-521": ec.generate_private_key(ec.SECP521R1()),
    }
    for kind, key in keys.items():
        for plain in (False, True):
            made = loaded(given_authority(key, plain=plain))
            label = f"{kind}{', without identifiers' if plain else ''}"
            pair = made.server(["a.example.com"], now=NOW)
            found[label] = Chain(pair, made.certificate, True, name="a.example.com", strict=False)
    return found


def _first(pair: KeyPair) -> KeyPair:
    end = b"-----END CERTIFICATE-----\n"
    return KeyPair(pair.certificate.partition(end)[0] + end, pair.key)
