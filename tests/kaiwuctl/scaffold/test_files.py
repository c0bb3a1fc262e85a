"""What happens to files of `kaiwuctl init` that exist."""

from __future__ import annotations

from kaiwuctl.scaffold.files import Policy, init_policy
from kaiwuctl.scaffold.locate import template_folder


def test_files_of_init_that_others_write_are_written_once() -> None:
    tree = template_folder("init")
    paths = {path.relative_to(tree).as_posix().removesuffix(".jinja") for path in tree.rglob("*") if path.is_file()}
    once = {path for path in paths if init_policy(path) is Policy.ONCE}
    assert once == {"api/__init__.py", "config/rbac/role.yaml", "controllers/__init__.py", "tests/conftest.py"}
