"""Credentials in texts that people see: logs, errors, events, conditions, answers of webhooks and probes.

A message is mostly another library's, with the URL or the header it was busy with. What looks like a credential is
replaced, wherever the text came from; and a field whose name says that it holds one is not shown at all.
"""

from __future__ import annotations

import re

HIDDEN = "(hidden)"

_WORDS = (
    "passw(?:or)?d|pwd|passphrase|token|access_?token|refresh_?token|id_?token|client_?secret|secret_?key|"
    "api[_-]?key|access_?key"
)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_HEADER = _pattern(r"(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}")

_JSON_WEB_TOKEN = _pattern(r"(?<![\w-])(?P<keep>)eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
"""As service accounts have. The look behind keeps the search linear."""

_PRIVATE_KEY = _pattern(
    r"(?P<keep>)-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)

_PASSWORD = _pattern(
    r"(?P<keep>://)[^/\s:@\"'?#]*:(?:[^/\s\"'<>]*(?=@)|(?!\d{1,5}[/?#])[^\s\"'<>]{0,512}(?=@))(?=@[\w.\[-])"
)
"""User and password of a URL, which may hold what they should not: "@", and "/" where no port can be meant."""

_USER = _pattern(r"(?P<keep>\b(?:https?|wss?|socks\w{0,2})://)[^/\s:@\"'?#]+(?=@)")
"""A user alone may be a token; those of ssh and git are not."""

_PARAMETER = _pattern(
    r"(?P<keep>(?:[?&;]|%3F|%26)[\w.\[-]{0,64}"
    r"(?:token|passw(?:or)?d|pwd|secret|signature|api[_-]?key|access[_-]?key|credential|authorization|auth[_-]?code)"
    r"[\w.\]-]{0,64}(?:=|%3D)"
    r"|[?&](?:sig|key|code|auth|pass|jwt)="
    # A pair, as in a connection string.
    rf"|\b(?:{_WORDS})=)[^&;,\s\"'#<>\\]+"
)

_MEMBER = _pattern(rf"(?P<keep>\\?[\"'](?:{_WORDS})\\?[\"']:\s?\\?[\"'])[^\"'\\]+")
"""A member of a JSON object, perhaps in a string of JSON."""

_SECRET_PARTS = ("token", "passw", "passp", "pwd", "secret", "key", "sig", "cred", "auth", "code", "pass=", "jwt")

_SECRET_NAME = re.compile(
    r"token|passw(?:or)?d|passphrase|passcode|pwd|secret|credential|authorization|cookie|bearer|jwt"
    r"|(?:private|api|access|signing|encryption|ssh)key|kubeconfigdata|connectionstring"
)
_HARMLESS_ENDS = re.compile(
    r"(?:name|names|namespace|ref|refs|reference|type|kind|class|count|id|file|path|mount|version|s?expiry|expires(?:at|in)?|ttl|age|length|size|url|keys)$"
)
"""Fields that name or measure a credential and do not hold it: secretName, tokenExpiry, passwordFile."""


def redact(text: str) -> str:
    """Return a text with what looks like a credential replaced by ``(hidden)``.

    Args:
        text: Of any origin; takes linear time, and little for a text without credentials.
    """
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _HEADER.sub(_replacement, text)
    if "eyj" in lowered:
        text = _JSON_WEB_TOKEN.sub(_replacement, text)
    if "private key" in lowered:
        text = _PRIVATE_KEY.sub(_replacement, text)
    if "://" in text and "@" in text:
        text = _USER.sub(_replacement, _PASSWORD.sub(_replacement, text))
    if any(part in lowered for part in _SECRET_PARTS):
        if "=" in text or "%3d" in lowered:
            text = _PARAMETER.sub(_replacement, text)
        if ":" in text:
            text = _MEMBER.sub(_replacement, text)
    return text


def _replacement(found: re.Match[str]) -> str:
    return found["keep"] + HIDDEN


def is_secret_name(name: str) -> bool:
    """Tell whether a field of that name holds a credential; ``secretName`` and ``tokenCount`` do not.

    Args:
        name: In any notation: ``clientSecret``, ``client_secret``, ``CLIENT-SECRET``.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _SECRET_NAME.search(plain) is not None and _HARMLESS_ENDS.search(plain) is None
