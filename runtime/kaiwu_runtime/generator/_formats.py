"""Formats of strings, checked as the API server checks them.

It takes more than Python: an ``ipv4`` is every address with a dot in it, leading zeros included, and a ``uuid`` needs
no dashes. Of a ``duration``, ``uri`` or ``email`` only texts that cannot be one are found; ``hostname`` and formats
that are rare in objects, such as ``isbn``, are left to it.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable

from kaiwu_runtime._names import is_dns_label, is_dns_subdomain

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[^Tt\n][0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})(?:[Tt].*)?",
    re.DOTALL,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_VERSIONED_UUID = r"[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{}[0-9a-f]{{3}}-?[{}][0-9a-f]{{3}}-?[0-9a-f]{{12}}"
_MAC = re.compile(
    r"[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5,19}|(?:-[0-9a-f]{2}){5,19})|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,9}|[0-9a-f]+",
    re.IGNORECASE,
)
_MAC_DIGITS = {12, 16, 40}
_BYTE = re.compile(r"(?=.)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def fits(name: str, text: str) -> bool:
    """Return whether a text has a format; True for formats that are not known here.

    Args:
        name: As in ``format``.
        text: A string of an object.
    """
    check = _CHECKS.get(name.replace("-", ""))  # the API server drops dashes, too
    return check is None or check(text)


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(part) for part in found.groups())
    try:
        dt.date(2000 + year % 400, month, day)  # the server knows a year 0, and leap years repeat
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    return _is_date(text[:10]) and _TIME.fullmatch(text[10:]) is not None


def _is_ipv4(text: str) -> bool:
    if ":" in text:
        return "." in text and _is_ipv6(text)
    parts = text.split(".")
    # Python converts 4300 digits at most, and the server takes any number of leading zeros.
    return len(parts) == 4 and all(
        re.fullmatch("[0-9]+", part) and int(part.lstrip("0")[:4] or "0") <= 255 for part in parts
    )


def _is_ipv6(text: str) -> bool:
    try:
        return ":" in text and "%" not in text and ipaddress.IPv6Address(text) is not None
    except ValueError:
        return False


def _is_cidr(text: str) -> bool:
    address, _, mask = text.partition("/")
    largest = 128 if _is_ipv6(address) else 32 if ":" not in address and _is_ipv4(address) else -1
    return re.fullmatch("[0-9]{1,4300}", mask) is not None and int(mask) <= largest


def _is_mac(text: str) -> bool:
    return _MAC.fullmatch(text) is not None and len(re.sub("[^0-9A-Fa-f]", "", text)) in _MAC_DIGITS


def _may_be_duration(text: str) -> bool:
    """Return whether a text has a number and a unit, or is zero; the API server knows more units than Go."""
    return re.search(r"[0-9]\.?\s*[A-Za-zµμ]|^[-+]?0$", text) is not None


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda text: compiled.fullmatch(text) is not None


_CHECKS: dict[str, Callable[[str], bool]] = {
    "bsonobjectid": _pattern("[0-9a-f]{24}"),
    "byte": lambda text: _BYTE.fullmatch(text) is not None,
    "cidr": _is_cidr,
    "date": _is_date,
    "datetime": _is_date_time,
    "duration": _may_be_duration,
    "email": lambda text: "@" in text,
    "hexcolor": _pattern("#?(?:[0-9a-f]{3}|[0-9a-f]{6})"),
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "k8slongname": is_dns_subdomain,
    "k8sshortname": is_dns_label,
    "mac": _is_mac,
    "uri": lambda text: ":" in text or text.startswith("/") or text == "*",
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "uuid3": _pattern(_VERSIONED_UUID.format("3", "0-9a-f")),
    "uuid4": _pattern(_VERSIONED_UUID.format("4", "89ab")),
    "uuid5": _pattern(_VERSIONED_UUID.format("5", "89ab")),
}
