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

_CREDENTIALS = re.compile(
    r"(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    # A JSON Web Token, as service accounts have. The look behind keeps the search linear.
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
    # A URL's user and password, which may hold what it should not: "@", and "/" where no port can be meant.
    r"|(?P<scheme>://)[^/\s:@\"'?#]*:(?:[^/\s\"'<>]*@|(?!\d{1,5}[/?#])[^\s\"'<>]{0,512}@)(?=[\w.\[-])"
    r"|(?P<user>\b(?:https?|wss?|socks\w*)://)[^/\s:@\"'?#]+(?=@)"
    # A parameter of a query.
    r"|(?P<query>(?:[?&;]|%3F|%26)[\w.\[-]{0,64}"
    r"(?:token|passw(?:or)?d|pwd|secret|signature|api[_-]?key|access[_-]?key|credential|authorization|auth[_-]?code)"
    r"[\w.\]-]{0,64}(?:=|%3D))[^&;\s\"'#<>\\]+"
    r"|(?P<short>[?&](?:sig|key|code|auth|pass|jwt)=)[^&;\s\"'#<>\\]+"
    # A pair, as in a connection string, and a member of a JSON object, perhaps in a string of JSON.
    rf"|(?P<pair>\b(?:{_WORDS})=)[^&;,\s\"'<>\\]+"
    rf"|(?P<member>\\?[\"'](?:{_WORDS})\\?[\"']:\s?\\?[\"'])[^\"'\\]+",
    re.IGNORECASE,
)

_SECRET_NAME = re.compile(
    r"token|passw(?:or)?d|passphrase|passcode|pwd|secret|credential|authorization|cookie|bearer|jwt"
    r"|(?:private|api|access|signing|encryption|ssh)key|kubeconfigdata|connectionstring"
)
_HARMLESS_ENDS = re.compile(
    r"(?:name|names|namespace|ref|refs|reference|type|kind|class|count|id|file|path|mount|version|s?expiry|expires(?:at|in)?|ttl|age|length|size|url|keys)$"
)
"""A Secret's name is no secret: secretName, tokenExpiry, passwordFile."""


def redact(text: str) -> str:
    """Return a text with what looks like a credential replaced by ``(hidden)``.

    Args:
        text: Of any origin; takes linear time.
    """
    return _CREDENTIALS.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    groups = found.groupdict()
    kept = next((text for text in groups.values() if text), "")
    # What is between the scheme and the host goes, the "@" stays, so that one sees that there was something.
    return f"{kept}{HIDDEN}@" if groups["scheme"] else f"{kept}{HIDDEN}"


def is_secret_name(name: str) -> bool:
    """Tell whether a field of that name holds a credential; ``secretName`` and ``tokenCount`` do not.

    Args:
        name: In any notation: ``clientSecret``, ``client_secret``, ``CLIENT-SECRET``.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _SECRET_NAME.search(plain) is not None and _HARMLESS_ENDS.search(plain) is None
