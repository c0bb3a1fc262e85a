"""The certificate and key files of one control plane."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest._certificates import CertificateAuthority, KeyPair, service_account_keys
from kaiwu_runtime.envtest._flags import API_SERVER_NAMES

if TYPE_CHECKING:
    from pathlib import Path


def write_pki(directory: Path, authority: CertificateAuthority) -> KeyPair:
    """Write everything the programs need to a new directory that only its owner can read.

    Args:
        directory: Must not exist.
        authority: Signs the API server's certificate and those of its users.

    Returns:
        The client certificate of a user in the group ``system:masters``.
    """
    # etcd trusts an authority of its own: a user of the API server is not a user of etcd.
    etcd_authority = CertificateAuthority("kaiwu-envtest-etcd")
    etcd = etcd_authority.server("etcd", ["127.0.0.1", "localhost"])
    server = authority.server("kube-apiserver", API_SERVER_NAMES)
    admin = authority.client("admin", ["system:masters"])
    signing_key, checking_key = service_account_keys()
    contents = {
        "ca.crt": authority.pair.certificate,
        "ca.key": authority.pair.key,
        "etcd-ca.crt": etcd_authority.certificate,
        "etcd.crt": etcd.certificate,
        "etcd.key": etcd.key,
        "etcd.pem": etcd.certificate + etcd.key,
        "apiserver.crt": server.certificate,
        "apiserver.key": server.key,
        "admin.pem": admin.certificate + admin.key,
        "sa.key": signing_key,
        "sa.pub": checking_key,
    }
    directory.mkdir(mode=0o700)
    for name, content in contents.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    return admin
