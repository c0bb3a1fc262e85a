"""A rule for a name: its predicate, the words for a rejection, and a name that passes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaiwuctl.errors import InvalidNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# As kaiwu_runtime._names has them, which a rejected flag should not wait for; a test holds the two together.
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_DNS_1035_LABEL = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
LABEL_LIMIT = 63


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition on a name.

    Attributes:
        name: Short and stable, for tests and documentation: ``project-name-length``.
        holds: Whether a value keeps the rule.
        message: What the value has to be, with the reason when it is not plain.
        example: A value that keeps every rule of the same table.
    """

    name: str
    holds: Callable[[str], bool]
    message: str
    example: str


def check(value: str, rules: Sequence[Rule], *, what: str) -> str:
    """Return `value` when it keeps every rule.

    Args:
        value: The name to check.
        rules: Checked in order; the first one broken is reported.
        what: Where the value comes from, for the message: ``--kind``.

    Raises:
        InvalidNameError: Names the rule and shows an example.
    """
    for rule in rules:
        if not rule.holds(value):
            raise InvalidNameError(f"{what} {quoted(value)}: {rule.message}; for example {rule.example}")
    return value


def quoted(value: str) -> str:
    """Return a value for a one-line message: in single quotes, without control characters, shortened.

    A value that has a single quote and no double quote is put in double quotes, as Python does.
    """
    printable = shortened(value)
    mark = '"' if "'" in printable and '"' not in printable else "'"
    return f"{mark}{printable}{mark}"


def shortened(value: str) -> str:
    """Return a value for a one-line message: without control characters, shortened."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
    if len(printable) > LABEL_LIMIT + 17:
        printable = f"{printable[:LABEL_LIMIT]}... ({len(value)} characters)"
    return printable


def is_dns_label(value: str) -> bool:
    """Whether `value` is a label in the sense of RFC 1123, without regard to its length."""
    return _DNS_LABEL.fullmatch(value) is not None


def is_dns_1035_label(value: str) -> bool:
    """Whether `value` is a label in the sense of RFC 1035: as RFC 1123, and starts with a letter."""
    return _DNS_1035_LABEL.fullmatch(value) is not None


def is_dns_subdomain(value: str) -> bool:
    """Whether `value` is labels joined by dots; Kubernetes limits the whole, not the single label."""
    return all(is_dns_label(label) for label in value.split("."))
