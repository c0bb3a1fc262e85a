"""Formats of strings, checked as the API server checks them.

It takes more than Python: an ``ipv4`` is every address with a dot in it, leading zeros included, and a ``uuid`` needs
no dashes. ``duration`` and the formats that no type of this package has are left to it.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_BYTE = re.compile(r"(?=.)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def fits(name: str, text: str) -> bool:
    """Return whether a text has a format; True for formats that are not known here.

    Args:
        name: As in ``format``.
        text: A string of an object.
    """
    check = _CHECKS.get(name)
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


_CHECKS: dict[str, Callable[[str], bool]] = {
    "byte": lambda text: _BYTE.fullmatch(text) is not None,
    "date": _is_date,
    "date-time": _is_date_time,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
}
