"""The code on a page of the documentation, and which of it has been run.

A test takes every block of its page and ends with `Page.finish`, so that a block that is added later is run or the test
fails; test_coverage.py asks for such a test for every page.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

_FENCED = re.compile(
    r"^(?:<!-- (?P<note>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A block of code.

    Attributes:
        note: Text of the comment above it.
        language: As after the fence; ``console`` for an indented block that is not a part of a list.
        body: Its lines.
        line: Line number of the first of them.
    """

    note: str
    language: str
    body: str
    line: int


class Page:
    """A page whose blocks are run one after the other.

    Args:
        file: The page.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.blocks = blocks(file.read_text(encoding="utf-8"))
        self._left = list(self.blocks)

    def take(self, language: str) -> Block:
        """Return the next block, which must be in this language, and count it as run."""
        assert self._left, f"{self.file}: no block is left"
        block = self._left.pop(0)
        assert block.language == language, f"{self.file}:{block.line} is {block.language}, not {language}"
        return block

    def execute(self, names: dict[str, object] | None = None, *, block: Block | None = None) -> dict[str, object]:
        """Execute the next block, or the one given, as a module, with what is known already; return all names."""
        block = block or self.take("python")
        module = ModuleType(self.file.stem.replace("-", "_"))
        namespace: dict[str, object] = {**(names or {}), "__name__": module.__name__}
        # Tracebacks and pydantic's docstrings of fields look for the source.
        source = "\n" * (block.line - 1) + block.body
        exec(compile(source, str(self.file), "exec", dont_inherit=True), namespace)
        return namespace

    def finish(self) -> None:
        """Fail when a block has not been taken."""
        assert not self._left, "\n".join(f"{self.file}:{block.line} is not run:\n{block.body}" for block in self._left)


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    found = [
        Block(match["note"] or "", match["language"] or "text", match["body"], _line(text, match.start("body")))
        for match in _FENCED.finditer(text)
    ]
    # Text between fences is not an indented block, and neither is the continuation of a list.
    outside = _FENCED.sub(lambda match: re.sub(r"[^\n]", "", match[0]), text)
    lines = outside.split("\n")
    number = 0
    while number < len(lines):
        start = number
        while number < len(lines) and lines[number].startswith("    "):
            number += 1
        before = next((line for line in reversed(lines[:start]) if line.strip()), "")
        if number > start and not lines[start - 1].strip() and not re.match(r"\s*([-*]|\d+\.) |  ", before):
            body = "\n".join(line[4:] for line in lines[start:number]) + "\n"
            found.append(Block("", "console", body, start + 1))
        number = max(number, start + 1)
    return sorted(found, key=lambda block: block.line)


def commands(block: Block) -> list[str]:
    """Return what is typed in a console block."""
    return [line.removeprefix("$ ") for line in block.body.splitlines() if line.startswith("$ ")]


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
