"""Imports follow moved modules: every form of them, and nothing else changes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaiwuctl.scaffold.import_rewriting import UnreadableSourceError, rewrite_imports

MODULES = {
    "api.v1": "api.web.v1",
    "api.v1.shop_types": "api.web.v1.shop_types",
    "controllers.shop_controller": "controllers.web.shop_controller",
}
BACK = {new: old for old, new in MODULES.items()}
RENAMED = {"controllers.web.shop_controller": "controllers.web_shop_controller"}

CASES = {
    "from a module": ("from api.v1.shop_types import Shop", "from api.web.v1.shop_types import Shop"),
    "from a package": ("from api.v1 import shop_types", "from api.web.v1 import shop_types"),
    "the package": ("from api import v1", "from api.web import v1"),
    "with an alias": ("from api import v1 as one", "from api.web import v1 as one"),
    "exported again": ("from api import v1 as v1", "from api.web import v1 as v1"),
    "star": ("from api.v1.shop_types import *", "from api.web.v1.shop_types import *"),
    "two packages": ("from api import helpers, v1", "from api import helpers\nfrom api.web import v1"),
    "import": ("import api.v1.shop_types", "import api.web.v1.shop_types"),
    "import as": ("import api.v1.shop_types as t", "import api.web.v1.shop_types as t"),
    "several": ("import os, api.v1.shop_types as t, sys", "import os, api.web.v1.shop_types as t, sys"),
    "used": (
        "import api.v1.shop_types\nx = api.v1.shop_types.Shop()",
        "import api.web.v1.shop_types\nx = api.web.v1.shop_types.Shop()",
    ),
    "an annotation": (
        "import api.v1.shop_types\ndef f(x: api.v1.shop_types.Shop) -> None: ...",
        "import api.web.v1.shop_types\ndef f(x: api.web.v1.shop_types.Shop) -> None: ...",
    ),
    "another name of the same text": (
        "import api.v1.shop_types\ndef f(api):\n    return api.v1.shop_types",
        "import api.web.v1.shop_types\ndef f(api):\n    return api.v1.shop_types",
    ),
    "no import": ("api = object()\nprint(api.v1.shop_types)", "api = object()\nprint(api.v1.shop_types)"),
    "parentheses and comments": (
        "from api.v1.shop_types import (  # why\n    Shop,  # this\n    Spec,\n)  # end",
        "from api.web.v1.shop_types import (  # why\n    Shop,  # this\n    Spec,\n)  # end",
    ),
    "in a function": (
        "def f():\n    from api import v1\n    return v1",
        "def f():\n    from api.web import v1\n    return v1",
    ),
    "in a line with others": (
        "x = 1; from api import helpers, v1; y = 2",
        "x = 1; from api import helpers; from api.web import v1; y = 2",
    ),
    "below an if": ("if x: from api import v1", "if x: from api.web import v1"),
    "a comment behind": ("from api import v1  # noqa: F401", "from api.web import v1  # noqa: F401"),
    "an order that changes": (
        "from api.aaa import x\nfrom api.v1 import shop_types\nfrom api.w import y",
        "from api.aaa import x\nfrom api.w import y\nfrom api.web.v1 import shop_types",
    ),
    "no order": (
        "from api.w import y\nfrom api.v1 import shop_types\nfrom api.aaa import x",
        "from api.w import y\nfrom api.web.v1 import shop_types\nfrom api.aaa import x",
    ),
    "a group that is imported already": (
        "from api import v1\nfrom api.web import other",
        "from api.web import other, v1",
    ),
    "a longer name": ("from api.v10 import shop_types", "from api.v10 import shop_types"),
    "a name like it": ("from apis.v1.shop_types import Shop", "from apis.v1.shop_types import Shop"),
    "a string": ('x = "api.v1.shop_types"', 'x = "api.v1.shop_types"'),
    "continued": ("from api.v1.shop_types \\\n    import Shop", "from api.web.v1.shop_types \\\n    import Shop"),
    "tabs": ("class A:\n\tfrom api import v1, z", "class A:\n\tfrom api import z\n\tfrom api.web import v1"),
    "other alphabets": ("größe = 'Ж😀'; from api import v1", "größe = 'Ж😀'; from api.web import v1"),
    "a type only": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from api.v1.shop_types import Shop",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from api.web.v1.shop_types import Shop",
    ),
}
# They are two imports in the one direction, and one in the other.
ONE_WAY = {"an order that changes", "a group that is imported already", "in a line with others"}


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", CASES)
def test_a_form(name: str, end: str) -> None:
    before, after = (text.replace("\n", end) + end for text in CASES[name])
    assert rewrite_imports(before, "main.py", "main.py", MODULES) == after
    if name not in ONE_WAY:
        assert rewrite_imports(after, "main.py", "main.py", BACK) == before


@pytest.mark.parametrize(
    ("path", "new_path", "before", "after"),
    [
        (
            "controllers/shop_controller.py",
            "controllers/web/shop_controller.py",
            "from .x import y",
            "from ..x import y",
        ),
        ("controllers/shop_controller.py", "controllers/web/shop_controller.py", "from . import x", "from .. import x"),
        (
            "controllers/x.py",
            "controllers/x.py",
            "from .shop_controller import R",
            "from .web.shop_controller import R",
        ),
        ("controllers/x.py", "controllers/x.py", "from . import shop_controller", "from .web import shop_controller"),
        ("api/v1/x.py", "api/web/v1/x.py", "from .shop_types import Shop", "from .shop_types import Shop"),
        ("api/v1/x.py", "api/web/v1/x.py", "from ..v1 import shop_types", "from ..v1 import shop_types"),
        ("api/v1/x.py", "api/web/v1/x.py", "from ..common import z", "from ...common import z"),
        ("api/v1/__init__.py", "api/web/v1/__init__.py", "from .shop_types import S", "from .shop_types import S"),
        ("main.py", "main.py", "from . import x", "from . import x"),
        ("api/v1/x.py", "api/web/v1/x.py", "from .... import x", "from .... import x"),
    ],
)
def test_relative_imports(path: str, new_path: str, before: str, after: str) -> None:
    assert rewrite_imports(f"{before}\n", path, new_path, MODULES) == f"{after}\n"
    assert rewrite_imports(f"{after}\n", new_path, path, BACK) == f"{before}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from controllers.web import shop_controller",
            "from controllers import web_shop_controller as shop_controller",
        ),
        ("from controllers.web import shop_controller as s", "from controllers import web_shop_controller as s"),
        ("import controllers.web.shop_controller as s", "import controllers.web_shop_controller as s"),
    ],
)
def test_a_module_with_another_name(before: str, after: str) -> None:
    """The names in the file stay what they are."""
    assert rewrite_imports(before, "main.py", "main.py", RENAMED) == after
    assert rewrite_imports(after, "main.py", "main.py", {new: old for old, new in RENAMED.items()}) == before


@pytest.mark.parametrize(
    "source", ["from api import v1; x = (", "v1 = " + "(" * 100_000, "v1\0", "def v1():", "v1 = '"]
)
def test_what_is_not_python_is_said(source: str) -> None:
    with pytest.raises(UnreadableSourceError):
        rewrite_imports(source, "main.py", "main.py", MODULES)


def test_a_byte_order_mark_stays() -> None:
    assert rewrite_imports("\ufefffrom api import v1\n", "a.py", "a.py", MODULES) == "\ufefffrom api.web import v1\n"


# The modules of a project before and after, with what each defines.
TREE = {
    "api/__init__.py": "",
    "api/helpers.py": "HELP = 'help'",
    "api/v1/__init__.py": "ONE = 'one'",
    "api/v1/shop_types.py": "class Shop: name = 'shop'\nclass Spec: name = 'spec'",
    "controllers/__init__.py": "",
    "controllers/logic.py": "LOGIC = 'logic'",
    "controllers/shop_controller.py": "class R: name = 'r'",
}
MOVED = {
    "api/v1/__init__.py": "api/web/v1/__init__.py",
    "api/v1/shop_types.py": "api/web/v1/shop_types.py",
    "controllers/shop_controller.py": "controllers/web/shop_controller.py",
}
# An import, and an expression whose value must stay the same.
USES = st.sampled_from(
    [
        ("from api.v1.shop_types import Shop", "Shop.name"),
        ("from api.v1.shop_types import Shop as S, Spec", "S.name + Spec.name"),
        ("from api.v1 import shop_types", "shop_types.Shop.name"),
        ("from api.v1 import ONE, shop_types as t", "ONE + t.Spec.name"),
        ("from api import helpers, v1", "helpers.HELP + v1.ONE"),
        ("from api import (\n    v1 as v,\n    helpers as h,\n)", "h.HELP + v.ONE"),
        ("import api.v1.shop_types", "api.v1.shop_types.Shop.name + api.v1.ONE"),
        ("import api.v1.shop_types as types, api.helpers as hh", "types.Shop.name + hh.HELP"),
        ("import controllers.shop_controller", "controllers.shop_controller.R.name"),
        ("from controllers import logic, shop_controller as sc", "logic.LOGIC + sc.R.name"),
        ("from controllers.shop_controller import R", "R.name"),
        ("import os", "os.sep"),
    ]
)


def run(folder: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    done = subprocess.run([sys.executable, "-B", "main.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, files["main.py"] + done.stderr
    return done.stdout


@settings(max_examples=15, deadline=None)
@given(uses=st.lists(USES, min_size=1, max_size=5), indented=st.booleans())
def test_the_program_does_the_same(
    tmp_path_factory: pytest.TempPathFactory, uses: list[tuple[str, str]], indented: bool
) -> None:
    lines = [*(statement for statement, _ in uses), *(f"print({value})" for _, value in uses)]
    body = "\n".join(lines)
    source = f"def f():\n{textwrap.indent(body, '    ')}\n\nf()\n" if indented else f"{body}\n"
    folder = tmp_path_factory.mktemp("program")
    printed = run(folder / "old", {**TREE, "main.py": source})
    moved = {MOVED.get(path, path): text for path, text in TREE.items()}
    changed = rewrite_imports(source, "main.py", "main.py", MODULES)
    packages = {"api/web/__init__.py": "", "controllers/web/__init__.py": ""}
    assert run(folder / "new", {**moved, **packages, "main.py": changed}) == printed
    back = rewrite_imports(changed, "main.py", "main.py", BACK)
    assert run(folder / "back", {**TREE, "main.py": back}) == printed
