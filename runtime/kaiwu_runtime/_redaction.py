"""Hide credentials in texts that people see: logs, errors, events, conditions, responses of webhooks and probes.

Messages often come from other libraries and contain a URL or a header. Text that looks like a credential is replaced,
whatever its origin, and a field whose name indicates a credential is not shown at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kaiwu_runtime._lazy_pattern import lazy_pattern

HIDDEN = "(hidden)"

_WORDS = (
    "passw(?:or)?d|pwd|passphrase|token|access_?token|refresh_?token|id_?token|client_?secret|secret_?key|"
    "api[_-]?key|access_?key"
)


def _pattern(text: str) -> Callable[[], re.Pattern[str]]:
    return lazy_pattern(text, re.IGNORECASE)


_HEADER = _pattern(r"(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}")

_JSON_WEB_TOKEN = _pattern(r"(?<![\w-])(?P<keep>)eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
"""JSON Web Tokens, such as those of service accounts. The lookbehind keeps the search linear."""

_PRIVATE_KEY = _pattern(
    r"(?P<keep>)-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)

_PASSWORD = _pattern(
    r"(?P<keep>://)[^/\s:@\"'?#]*:(?:[^/\s\"'<>]*(?=@)|(?!\d{1,5}[/?#])[^\s\"'<>]{0,512}(?=@))(?=@[\w.\[-])"
)
"""User and password of a URL, also with an unescaped "@", or a "/" that cannot follow a port."""

_USER = _pattern(r"(?P<keep>\b(?:https?|wss?|socks\w{0,2})://)[^/\s:@\"'?#]+(?=@)")
"""A user without a password may be a token, except in ssh and git URLs."""

_PARAMETER = _pattern(
    r"(?P<keep>(?:[?&;]|%3F|%26)[\w.\[-]{0,64}"
    r"(?:token|passw(?:or)?d|pwd|secret|signature|api[_-]?key|access[_-]?key|credential|authorization|auth[_-]?code)"
    r"[\w.\]-]{0,64}(?:=|%3D)"
    r"|[?&](?:sig|key|code|auth|pass|jwt)="
    # A pair, as in a connection string.
    rf"|\b(?:{_WORDS})=)[^&;,\s\"'#<>\\]+"
)

_MEMBER = _pattern(rf"(?P<keep>\\?[\"'](?:{_WORDS})\\?[\"']:\s?\\?[\"'])[^\"'\\]+")
"""A member of a JSON object, also inside a JSON string."""

_SECRET_PARTS = ("token", "passw", "passp", "pwd", "secret", "key", "sig", "cred", "auth", "code", "pass=", "jwt")

_SECRET_NAME = lazy_pattern(
    r"token|passw(?:or)?d|passphrase|passcode|pwd|secret|credential|authorization|cookie|bearer|jwt"
    r"|(?:private|api|access|signing|encryption|ssh)key|kubeconfigdata|connectionstring"
)
_HARMLESS_ENDS = lazy_pattern(
    r"(?:name|names|namespace|ref|refs|reference|type|kind|class|count|id|file|path|mount|version|s?expiry|expires(?:at|in)?|ttl|age|length|size|url"
    r"|(?<!private)(?<!api)(?<!access)(?<!signing)(?<!encryption)(?<!ssh)keys)$"
)
"""Fields that name or describe a credential but do not contain it: secretName, passwordFile, secretKeys."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which ``kubectl apply`` keeps what it was given: of a Secret all of its data."""

_SECRET_KIND = lazy_pattern(r"\"kind\"\s*:\s*\"Secret\"")


def redact(text: str) -> str:
    """Replace everything that looks like a credential in a text by ``(hidden)``.

    Takes linear time, and little time for a text without credentials.

    Args:
        text: A text of any origin.
    """
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _HEADER().sub(_replacement, text)
    if "eyj" in lowered:
        text = _JSON_WEB_TOKEN().sub(_replacement, text)
    if "private key" in lowered:
        text = _PRIVATE_KEY().sub(_replacement, text)
    if "://" in text and "@" in text:
        text = _USER().sub(_replacement, _PASSWORD().sub(_replacement, text))
    if any(part in lowered for part in _SECRET_PARTS):
        if "=" in text or "%3d" in lowered:
            text = _PARAMETER().sub(_replacement, text)
        if ":" in text:
            text = _MEMBER().sub(_replacement, text)
    return text


def _replacement(found: re.Match[str]) -> str:
    return found["keep"] + HIDDEN


def is_secret_name(name: str) -> bool:
    """Return whether the name of a field indicates a credential; ``secretName`` and ``tokenCount`` do not.

    Args:
        name: In any notation: ``clientSecret``, ``client_secret``, ``CLIENT-SECRET``.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _SECRET_NAME().search(plain) is not None and _HARMLESS_ENDS().search(plain) is None


def has_secret(name: str, value: object) -> bool:
    """Return whether a field is the annotation of ``kubectl apply`` with the data of a Secret.

    Args:
        name: The field's.
        value: Its value, of any type.
    """
    return name == LAST_APPLIED and isinstance(value, str) and _SECRET_KIND().search(value) is not None
