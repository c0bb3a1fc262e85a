"""Rules for what `kaiwuctl create api --image` is told: an image, a port, a command, a user.

See https://github.com/distribution/reference for the form of a reference to an image.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.rule import Rule, check, quoted

_HOST = r"(?:(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
# What stands in front of the first slash is a registry when it has a dot, a port or an upper-case letter, or is
# localhost; else it is a part of the path.
_NAME = re.compile(rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_DIGEST_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_NAME_LIMIT: Final = 255
_IMAGE_LIMIT: Final = 512
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_EXAMPLE: Final = "registry.example.com/memcached:1.6"

PORT_LIMIT: Final = 65535
USER_LIMIT: Final = 2**31 - 1
COMMAND_LIMIT: Final = 4096


def _parts(image: str) -> tuple[str, str | None, str | None]:
    """Return name, tag and digest of a reference; None for what it does not have."""
    name, at, digest = image.partition("@")
    head, colon, tag = name.rpartition(":")
    # The colon of a port is in front of a slash.
    if colon and "/" not in tag:
        return head, tag, digest if at else None
    return name, None, digest if at else None


def _has_digest(image: str) -> bool:
    digest = _parts(image)[2]
    if digest is None:
        return True
    algorithm, _, value = digest.partition(":")
    length = _DIGEST_LENGTHS.get(algorithm, len(value))
    return _DIGEST.fullmatch(digest) is not None and len(value) == length


def _has_port(image: str) -> bool:
    port = re.match(rf"{_HOST}/", image)
    number = port[0].rstrip("/").rpartition(":")[2] if port else ""
    return not number.isascii() or not number.isdigit() or int(number) <= PORT_LIMIT


IMAGE_RULES = (
    Rule("image-present", lambda image: image != "", "must not be empty", _EXAMPLE),
    Rule(
        "image-scheme",
        lambda image: "://" not in image,
        "must be a reference without a scheme such as https://",
        _EXAMPLE,
    ),
    Rule(
        "image-characters",
        lambda image: re.fullmatch(r"[!-~]+", image) is not None,
        "must have ASCII characters only, and no spaces",
        _EXAMPLE,
    ),
    Rule(
        "image-digest",
        _has_digest,
        "must have a digest of an algorithm and hexadecimal digits behind the @, 64 of them for sha256",
        f"registry.example.com/memcached@sha256:{'0123456789abcdef' * 4}",
    ),
    Rule(
        "image-tag",
        lambda image: (tag := _parts(image)[1]) is None or _TAG.fullmatch(tag) is not None,
        "must have a tag of at most 128 letters, digits, underscores, dots and hyphens behind the last colon",
        _EXAMPLE,
    ),
    Rule(
        "image-name",
        lambda image: _NAME.fullmatch(_parts(image)[0]) is not None,
        "must be a registry and a path in lower case, with single dots, one or two underscores, or hyphens between "
        "letters and digits",
        _EXAMPLE,
    ),
    Rule("image-port", _has_port, f"must have a port of the registry that is at most {PORT_LIMIT}", _EXAMPLE),
    Rule(
        "image-identifier",
        lambda image: re.fullmatch(r"[0-9a-f]{64}", _parts(image)[0]) is None,
        "must not be the identifier of an image, which no registry knows",
        _EXAMPLE,
    ),
    Rule(
        "image-length",
        lambda image: len(_parts(image)[0]) <= _NAME_LIMIT and len(image) <= _IMAGE_LIMIT,
        f"must have a name of at most {_NAME_LIMIT} characters",
        _EXAMPLE,
    ),
)

PORT_RULES = (
    Rule(
        "port-number",
        lambda text: _NUMBER.fullmatch(text) is not None and int(text) <= PORT_LIMIT,
        f"must be a number from 1 to {PORT_LIMIT}",
        "8080",
    ),
)

USER_RULES = (
    Rule(
        "user-root",
        lambda text: re.fullmatch(r"0+", text) is None,
        "must not be 0, because the pods run without root (PodSecurity restricted)",
        "1001",
    ),
    Rule(
        "user-number",
        lambda text: _NUMBER.fullmatch(text) is not None and int(text) <= USER_LIMIT,
        f"must be the number of a user, from 1 to {USER_LIMIT}",
        "1001",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployImage:
    """What the pods of a kind run.

    Attributes:
        image: Reference with a tag or a digest, or neither.
        port: That the container listens on; None for no Service.
        command: Of the container; empty for the image's own.
        user: Number of the user; None for the image's own.
    """

    image: str
    port: int | None = None
    command: tuple[str, ...] = ()
    user: int | None = None


def parse_command(text: str, *, what: str) -> tuple[str, ...]:
    """Return the words of a command: separated by commas, or a JSON array where a word has a comma.

    Args:
        text: ``sleep,1000`` or ``["sh", "-c", "echo a,b"]``.
        what: Where it comes from, for messages.

    Raises:
        InvalidNameError: A word is empty or has characters that cannot be printed, or the array is none.
    """
    example = "for example sleep,1000, or as a JSON array"
    if len(text) > COMMAND_LIMIT:
        raise InvalidNameError(f"{what}: must have at most {COMMAND_LIMIT} characters")
    if not text:
        raise InvalidNameError(f"{what}: must not be empty; {example}")
    words = text.split(",")
    if text.lstrip().startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidNameError(
                f'{what} {quoted(text)}: must be a JSON array of strings, because it starts with [; for example ["sh", '
                '"-c", "sleep 5"]'
            ) from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise InvalidNameError(f"{what} {quoted(text)}: must be a list of strings; {example}")
    for word in words:
        if not word.isprintable():
            raise InvalidNameError(f"{what} {quoted(word)}: must have printable characters only; {example}")
    if not words[0]:
        raise InvalidNameError(f"{what} {quoted(text)}: must start with a program; {example}")
    return tuple(words)


def format_command(command: tuple[str, ...]) -> str:
    """Return a command as `parse_command` reads it."""
    joined = ",".join(command)
    if any("," in word for word in command) or joined.lstrip().startswith("["):
        return json.dumps(command, ensure_ascii=False)
    return joined


def parse_number(text: str, rules: tuple[Rule, ...], *, what: str) -> int:
    """Return a number that keeps the rules.

    Raises:
        InvalidNameError: It breaks one.
    """
    return int(check(text, rules, what=what))


def _is_command(text: str) -> bool:
    try:
        parse_command(text, what="")
    except InvalidNameError:
        return False
    return True


COMMAND_RULES = (
    Rule("command-words", _is_command, "must be words separated by commas, or a JSON array of strings", "sleep,1000"),
)
