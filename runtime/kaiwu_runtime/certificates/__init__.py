"""Certificates that an operator makes: an authority, servers' and clients' certificates, their renewal and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime._lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.certificates._certificate_authority import CertificateAuthority
    from kaiwu_runtime.certificates._chain import check_chain
    from kaiwu_runtime.certificates._key_pair import KeyPair, renewal_time

__all__ = [
    "CertificateAuthority",
    "KeyPair",
    "check_chain",
    "renewal_time",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CertificateAuthority": "_certificate_authority",
        "KeyPair": "_key_pair",
        "check_chain": "_chain",
        "renewal_time": "_key_pair",
    },
)
