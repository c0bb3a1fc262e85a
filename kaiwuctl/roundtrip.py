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
    from collections.abc import Sequence

# A list below a key, indented further than the key.
_INDENTED_LIST = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*\n(?:[ \t]*#[^\n]*\n|[ \t]*\n)*\1 +- ", re.MULTILINE)
_DOCUMENT_START = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\n)*---(?:\s|\Z)")


class InvalidYAMLError(Exception):
    """A text is no YAML, or is several documents.

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
        self._yaml = _configured(text)
        try:
            self.root: Any = self._yaml.load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = " ".join((error.problem or error.context or "cannot be read").split())
            raise InvalidYAMLError(mark.line + 1 if mark else 1, problem) from None
        except YAMLError as error:
            position = getattr(error, "position", 0)
            problem = str(getattr(error, "reason", "") or error).splitlines()[0]
            raise InvalidYAMLError(text.count("\n", 0, position) + 1, problem) from None

    def dumps(self) -> str:
        """Return the text, formatted as it was read."""
        stream = io.StringIO()
        self._yaml.dump(self.root, stream)
        return stream.getvalue().replace("\n", self._newline)


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
    somebody wrote above that next key would end up in the middle of the list.
    """
    if not values:
        return
    sequence.fa.set_block_style()
    trailing = _take_trailing_comment(sequence, len(sequence) - 1) if sequence else ""
    sequence.extend(_commented(value) for value in values)
    if trailing:
        _put_trailing_comment(sequence, len(sequence) - 1, trailing)


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
