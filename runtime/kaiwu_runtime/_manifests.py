"""Read manifests as kubectl does: YAML or JSON, several documents, lists of objects.

kubectl reads YAML with a parser that knows YAML 1.1's booleans (``yes``, ``on``), but neither its dates nor its ``=``,
and numbers as Go writes them (``1e3``, ``0o17``); PyYAML differs in all of these.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from kaiwu_runtime._error_text import one_line

_MAX_VALUES = 5_000_000
_MAX_DEPTH = 400
_INDENTED = re.compile(rf"^[ \-?]{{{_MAX_DEPTH}}}", re.MULTILINE)
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_TAG = "tag:yaml.org,2002:"
_TRUE = {word for base in ("y", "yes", "true", "on") for word in (base, base.title(), base.upper())}
_FALSE = {word for base in ("n", "no", "false", "off") for word in (base, base.title(), base.upper())}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class ManifestError(ValueError):
    """A text does not contain manifests; the message is one line that follows the name of the file."""


class _Loader(_BASE):  # type: ignore[misc]  # libyaml's loader where PyYAML was built with it
    """PyYAML's safe loader with the scalars of kubectl's parser."""


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("bool", re.compile("|".join(sorted(_TRUE | _FALSE))), "yYnNtTfFoO"),
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("int", _INTEGER, "-+0123456789"),
    ("float", _FLOAT, "-+0123456789."),
    ("merge", re.compile("<<"), "<"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), list(_first))


def _construct_bool(_: Any, node: yaml.ScalarNode) -> bool:  # noqa: ANN401 - a loader
    return node.value in _TRUE


def _construct_number(_: Any, node: yaml.ScalarNode) -> int | float:  # noqa: ANN401 - a loader
    text = str(node.value).replace("_", "")
    if _INTEGER.fullmatch(text):
        octal = re.fullmatch(r"([-+]?)0([0-7]+)", text)
        number = int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)
        if -(2**63) <= number < 2**64:
            return number
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor(_TAG + "bool", _construct_bool)
_Loader.add_constructor(_TAG + "int", _construct_number)
_Loader.add_constructor(_TAG + "float", _construct_number)
_Loader.add_constructor(_TAG + "timestamp", _BASE.construct_yaml_str)
_Loader.add_constructor(_TAG + "merge", _BASE.construct_yaml_str)  # as a value it is text


def read_manifests(data: bytes) -> list[dict[str, Any]]:
    """Return the objects in a file's content, including the items of lists; skip empty documents.

    Args:
        data: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        ManifestError: A document is not an object, or see `read_documents`.
    """
    return [found for document in read_documents(data) for found in _objects(document)]


def read_documents(data: bytes) -> list[Any]:
    """Return the documents in a file's content, whatever they are.

    Args:
        data: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        ManifestError: It is not YAML or JSON, contains values that JSON cannot represent, or has more than 5 million
            values through its aliases.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} is {data[error.start]:#04x}"
        raise ManifestError(f"is not text in {encoding.upper()}: {wrong}") from None
    try:
        documents = list(_documents(text))
        for document in documents:
            _check_size(document)
            json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except ManifestError:
        raise
    except yaml.YAMLError as error:
        raise ManifestError(f"is not YAML: {one_line(error)}") from None
    except RecursionError:
        raise ManifestError("is nested too deeply") from None
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start : error.end])
        raise ManifestError(f"holds {half}, which is half of a surrogate pair and no character") from None
    except (TypeError, ValueError) as error:
        raise ManifestError(f"holds what JSON cannot hold: {error}") from None
    return documents


def _documents(text: str) -> Iterator[Any]:
    if text.lstrip().startswith("{"):
        # YAML in flow style begins like this too.
        with contextlib.suppress(json.JSONDecodeError):
            yield from _json_documents(text)
            return
    _check_depth(text)
    yield from yaml.load_all(text, _Loader)


def _check_depth(text: str) -> None:
    """Reject documents so deeply nested that libyaml's composer, which has no limit, would crash the process."""
    if text.count("[") + text.count("{") <= _MAX_DEPTH and not _INDENTED.search(text):
        return
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise ManifestError("is nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _json_documents(text: str) -> list[Any]:
    decoder = json.JSONDecoder()
    found: list[Any] = []
    at = 0
    while at < len(text):
        space = re.compile(r"\s*").match(text, at)
        at = space.end() if space else at
        if at < len(text):
            document, at = decoder.raw_decode(text, at)
            found.append(document)
    return found


def _check_size(document: object) -> None:
    """Reject a short document whose aliases expand to a huge one."""
    sizes: dict[int, int] = {}

    def size(value: object) -> int:
        if not isinstance(value, dict | list):
            return 1
        known = sizes.get(id(value))
        if known is None:
            sizes[id(value)] = _MAX_VALUES  # a value that contains itself
            parts = value.values() if isinstance(value, dict) else value
            known = 1 + sum(size(part) for part in parts)
            sizes[id(value)] = known
        return known

    if size(document) > _MAX_VALUES:
        raise ManifestError(f"has more than {_MAX_VALUES} values, made by its aliases")


def _objects(document: object) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        if document is not None:
            raise ManifestError(f"holds {type(document).__name__} {str(document)[:40]!r} instead of an object")
        return
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _objects(item)
    else:
        yield document
