"""YAML that people edit too: changed with its comments, order, quotes and indentation kept."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, MarkedYAMLError, YAMLError
from ruamel.yaml.tokens import CommentToken

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# A list below a key, indented further than the key.
_INDENTED_LIST = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*\n(?:[ \t]*#[^\n]*\n|[ \t]*\n)*\1 +- ", re.MULTILINE)
_DOCUMENT_START = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\n)*---(?:\s|\Z)")

# Far more than a file has that people edit; the parser reads some ten thousand values a second.
_MAX_VALUES = 10_000
_MAX_DEPTH = 100
_MAX_PROBLEM = 100


class InvalidYAMLError(Exception):
    """A text is not valid YAML, or is several documents.

    Attributes:
        line: Where, counted from 1.
        problem: What, in a few words.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class Document:
    """One YAML document with its formatting.

    Attributes:
        root: The loaded value: mappings and lists remember their comments and order.
    """

    def __init__(self, text: str) -> None:
        """Load `text`.

        Raises:
            InvalidYAMLError: It cannot be read.
        """
        self._newline = "\r\n" if "\r\n" in text else "\n"
        text = text.replace("\r\n", "\n")
        _check_size(text)
        self._yaml = _configured(text)
        try:
            self.root: Any = self._yaml.load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = " ".join((error.problem or error.context or "cannot be read").split())[:_MAX_PROBLEM]
            raise InvalidYAMLError(mark.line + 1 if mark else 1, problem) from None
        except YAMLError as error:
            position = getattr(error, "position", 0)
            problem = str(getattr(error, "reason", "") or error).splitlines()[0][:_MAX_PROBLEM]
            raise InvalidYAMLError(text.count("\n", 0, position) + 1, problem) from None
        except RecursionError:
            raise InvalidYAMLError(1, "nested too deeply") from None
        except Exception as error:  # noqa: BLE001  (a value raises what int(), float() or datetime() raise)
            raise InvalidYAMLError(1, f"a value cannot be read: {_first_line(error)}") from None

    def dumps(self) -> str:
        """Return the text, formatted as it was read.

        Raises:
            InvalidYAMLError: It has a value that can be read but not written.
        """
        stream = io.StringIO()
        try:
            self._yaml.dump(self.root, stream)
        except RecursionError:
            raise InvalidYAMLError(1, "nested too deeply") from None
        except Exception as error:  # noqa: BLE001  (as above)
            raise InvalidYAMLError(1, f"a value cannot be written: {_first_line(error)}") from None
        return stream.getvalue().replace("\n", self._newline)


def _check_size(text: str) -> None:
    """Reject what takes long to parse before it is parsed: the parser is slow where a text is hostile."""
    if text.count("\n") + text.count(",") > _MAX_VALUES:
        raise InvalidYAMLError(1, f"more than {_MAX_VALUES} lines and commas")
    depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth = max(0, depth + (1 if found[0] in "[{" else -1))
        if depth > _MAX_DEPTH:
            raise InvalidYAMLError(text.count("\n", 0, found.start()) + 1, "nested too deeply")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:_MAX_PROBLEM]


def line_of(mapping: object, key: str | int) -> int:
    """Return the line (from 1) on which `key` of a loaded mapping, or item `key` of a list, stands."""
    position = getattr(mapping, "lc", None)
    if position is None:
        return 1
    try:
        where = position.item(key) if isinstance(key, int) else position.key(key)
    except (AttributeError, KeyError, TypeError):
        return int(position.line) + 1
    return int(where[0]) + 1


def append(sequence: CommentedSeq, values: Sequence[object]) -> None:
    """Add values at the end of a loaded list, in front of the comment that follows it.

    A loaded list counts the lines up to the next key as a comment of its last value; without this, what
    a user wrote above that next key would end up in the middle of the list.
    """
    if not values:
        return
    sequence.fa.set_block_style()
    trailing = _take_trailing_comment(sequence, len(sequence) - 1) if sequence else ""
    sequence.extend(_commented(value) for value in values)
    if trailing:
        _put_trailing_comment(sequence, len(sequence) - 1, trailing)


def without_items(text: str, key: str, indexes: Collection[int], *, empty: str) -> str:
    """Return a document without some items of the list below a top-level key; everything else stays as it is.

    Args:
        text: The document: a mapping with the list.
        key: The list's key.
        indexes: Positions of the items that go.
        empty: What the line of the key becomes when no item is left: ``{key}: []``, or nothing, which removes it.

    Raises:
        InvalidYAMLError: The document cannot be read, or has a value that cannot be written.
    """
    document = Document(text)
    sequence = document.root[key]
    left = [item for index, item in enumerate(sequence) if index not in indexes]
    # Line by line, because ruamel.yaml keeps the comment that follows an item with that item.
    changed = _without_lines(text, document, key, indexes, empty)
    if changed is not None:
        try:
            expected = {**document.root, key: left} if left or empty else _without_key(document.root, key)
            if Document(changed).root == expected:
                return changed
        except InvalidYAMLError:
            pass
    for index in sorted(indexes, reverse=True):
        del sequence[index]
    if not left and not empty:
        del document.root[key]
    return document.dumps()


def _without_key(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def _without_lines(text: str, document: Document, key: str, indexes: Collection[int], empty: str) -> str | None:
    """Return the text without the lines of some items; None for a list that is not one item below the other."""
    root, sequence = document.root, document.root[key]
    if sequence.fa.flow_style():
        return None
    lines = text.splitlines(keepends=True)
    own = line_of(root, key) - 1
    starts = [line_of(sequence, index) - 1 for index in range(len(sequence))]
    following = [line_of(root, name) - 1 for name in root if line_of(root, name) - 1 > own]
    ends = [*starts[1:], min([*following, len(lines)])]
    for index in sorted(indexes, reverse=True):
        start, end = starts[index], ends[index]
        # Comments and empty lines below an item belong to what follows.
        while end > start + 1 and lines[end - 1].strip()[:1] in {"", "#"}:
            end -= 1
        del lines[start:end]
    if len(indexes) == len(sequence):
        newline = lines[own][len(lines[own].rstrip("\r\n")) :]
        head, colon, comment = lines[own].rstrip("\r\n").partition(f"{key}:")
        if not colon or head.strip():
            return None
        lines[own : own + 1] = [f"{empty.format(key=key)}{comment}{newline}"] if empty else []
    return "".join(lines)


def _commented(value: object) -> object:
    if isinstance(value, dict):
        return CommentedMap((key, _commented(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return CommentedSeq(_commented(inner) for inner in value)
    return value


def _innermost(node: CommentedMap | CommentedSeq, key: object) -> tuple[CommentedMap | CommentedSeq, object, int]:
    """Return the container of the last value below `key`, the key in it, and where its comment is kept."""
    value = node[key]
    if isinstance(value, CommentedMap) and value:
        return _innermost(value, list(value)[-1])
    if isinstance(value, CommentedSeq) and value:
        return _innermost(value, len(value) - 1)
    return node, key, 2 if isinstance(node, CommentedMap) else 0


def _take_trailing_comment(node: CommentedSeq, key: int) -> str:
    owner, last, slot = _innermost(node, key)
    tokens = owner.ca.items.get(last)
    if not tokens or tokens[slot] is None:
        return ""
    same_line, _, following = tokens[slot].value.partition("\n")
    if same_line:
        tokens[slot].value = f"{same_line}\n"
    else:
        del owner.ca.items[last]
    return str(following)


def _put_trailing_comment(node: CommentedSeq, key: int, comment: str) -> None:
    owner, last, slot = _innermost(node, key)
    tokens: list[CommentToken | None] = [None, None, None, None] if slot == 2 else [None, None]
    tokens[slot] = CommentToken(f"\n{comment}", CommentMark(0), None)
    owner.ca.items[last] = tokens


def _configured(text: str) -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.explicit_start = _DOCUMENT_START.match(text) is not None
    if _INDENTED_LIST.search(text):
        yaml.indent(mapping=2, sequence=4, offset=2)
    else:
        yaml.indent(mapping=2, sequence=2, offset=0)
    return yaml
