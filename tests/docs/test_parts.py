"""What a page shows of a module is put where a reader puts it."""

from __future__ import annotations

import pytest

from .page import blocks, commands
from .parts import with_part

MODULE = '''"""A module."""

from a import b


class One:
    """The first."""

    def f(self) -> int:
        return 1


@mark(1)
class Two:
    """The second."""

    def f(self) -> int:
        return 2
'''


@pytest.mark.parametrize(
    ("part", "gone", "there"),
    [
        ("class One:\n    x = 5\n", "The first", "class One:\n    x = 5\n\n\n@mark"),
        ("from c import d\n\n\nclass One:\n    x = d\n", "The first", "from c import d\nfrom a import b\n"),
    ],
)
def test_a_class_is_replaced(part: str, gone: str, there: str) -> None:
    changed = with_part(MODULE, part)
    assert gone not in changed
    assert there in changed
    assert '"""The second."""' in changed


def test_a_method_and_a_decorator() -> None:
    module = MODULE.replace("class One:", "@mark(0)\nclass One:")
    changed = with_part(module, "from c import d\n\n\ndef f(self) -> int:\n    return d\n")
    assert "    def f(self) -> int:\n        return d\n\n\n@mark(1)" in changed
    assert "@mark(2)\n@mark(0)\nclass One:" in with_part(module, "@mark(2)\n")
    with pytest.raises(ValueError, match="unpack"):
        with_part(module, "class Three:\n    pass\n")


def test_blocks_of_a_page() -> None:
    text = "# T\n\n    $ a b\n    out\n\n- item\n\n      not code\n\n<!-- n -->\n```py\nx = 1\n```\n"
    text += "\n```\n    plain\n```\n"
    found = blocks(text)
    assert [(block.language, block.note, block.line) for block in found] == [
        ("console", "", 3),
        ("py", "n", 12),
        ("text", "", 16),
    ]
    assert commands(found[0]) == ["a b"]


def test_a_decorator_goes_to_a_class_that_has_none() -> None:
    assert "\n\n@mark(0)\nclass One:" in with_part(MODULE, "@mark(0)\n")
