"""What Kubernetes accepts as a name: the one place for labels, subdomains, qualified names, kinds and versions.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
"""

from __future__ import annotations

from kaiwu_runtime._lazy_pattern import lazy_pattern

LABEL_LENGTH = 63
"""Maximum number of characters of a DNS label, of a label's value, and of the last part of a qualified name."""

SUBDOMAIN_LENGTH = 253
"""Maximum number of characters of a DNS subdomain."""

DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
"""A label of RFC 1123, whatever its length."""

DNS_1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
"""A label of RFC 1035, whatever its length: it begins with a letter."""

DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
"""Labels joined by dots, whatever their length."""

PLAIN_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
"""A label's value, or a qualified name without its domain, whatever its length."""

API_VERSION = "v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?"
"""A version by the conventions of the Kubernetes API: number, then level and number of what is not stable."""

_DNS_LABEL = lazy_pattern(DNS_LABEL)
_DNS_1035_LABEL = lazy_pattern(DNS_1035_LABEL)
_DNS_SUBDOMAIN = lazy_pattern(DNS_SUBDOMAIN)
_PLAIN_NAME = lazy_pattern(PLAIN_NAME)


def is_dns_label(name: str) -> bool:
    """Return whether a name is a DNS label of RFC 1123, as the names of namespaces are."""
    return len(name) <= LABEL_LENGTH and _DNS_LABEL().fullmatch(name) is not None


def is_dns_1035_label(name: str) -> bool:
    """Return whether a name is a DNS label of RFC 1035, as the plurals of resources are."""
    return len(name) <= LABEL_LENGTH and _DNS_1035_LABEL().fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Return whether a name is a DNS subdomain of RFC 1123, as the names of most objects are."""
    return len(name) <= SUBDOMAIN_LENGTH and _DNS_SUBDOMAIN().fullmatch(name) is not None


def is_kind(name: str) -> bool:
    """Return whether a name is one of a kind: in lower case, a DNS label of RFC 1035."""
    return name.isascii() and is_dns_1035_label(name.lower())


def is_label_value(value: str) -> bool:
    """Return whether a text may be the value of a label; it may be empty."""
    return not value or (len(value) <= LABEL_LENGTH and _PLAIN_NAME().fullmatch(value) is not None)


def is_qualified_name(name: str) -> bool:
    """Return whether a name is qualified, as the keys of labels and finalizers are: ``name`` or ``domain/name``."""
    domain, slash, last = name.rpartition("/")
    return bool(last) and is_label_value(last) and (not slash or is_dns_subdomain(domain))
