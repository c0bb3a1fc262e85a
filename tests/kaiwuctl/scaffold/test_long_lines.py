"""Lines that a name makes too long are broken as ruff breaks them, and mean the same."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from kaiwuctl.scaffold.long_lines import WIDTH, fold_long_lines

STATEMENTS = [
    "from pydantic.a{name} import {name}",
    "from pydantic.a{name} import a, {name}, c",
    "class {name}Rules(Validator[{name}]):\n    pass",
    "def a(self: object, obj: {name}, request: str = ')', more: int = 5) -> None:\n    pass",
    "found = call({name}, 'a, b', \", \", first[1, 2], key=(1, 2), other={{'a': {name}}})",
    "call({name}(metadata=make(name='sample', namespace=space)))",
    "found: {name} = {name}()",
    "found = first.second / 'config/{name}.yaml'",
    "found = first[{name}].second.third.fourth.fifth.sixth / 'config/{name}.yaml'",
    "# {name} {name} {name} {name}(a, b)",
    "found = 'it\\'s (', call({name}, {name})",
]
LENGTHS = range(20, 100)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_meaning_is_kept(statement: str) -> None:
    for length in LENGTHS:
        text = f"{statement.format(name='K' * length)}\n"
        assert ast.dump(ast.parse(fold_long_lines(text))) == ast.dump(ast.parse(text)), text


@pytest.mark.parametrize("statement", STATEMENTS[:8])
def test_ruff_would_change_nothing(statement: str) -> None:
    """Up to the length at which ruff keeps to the width."""
    texts = [fold_long_lines(f"{statement.format(name='K' * length)}\n") for length in LENGTHS]
    texts = [text for text in texts if all(len(line) <= WIDTH for line in text.splitlines())]
    assert any(text.count("\n") > statement.count("\n") + 1 for text in texts)
    for text in texts[:: max(1, len(texts) // 12)] + texts[-1:]:
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(WIDTH), "-"]
        command += ["--config", "format.quote-style='preserve'"]
        result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        assert result.stdout == text


def test_short_lines_stay() -> None:
    text = "a = call(\n    1,\n)\r\n\n\nb = 2"
    assert fold_long_lines(text) == text
