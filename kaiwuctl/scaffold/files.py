"""Whose the files are that kaiwuctl writes, and what happens to those that are there already.

A command's files are the rows of a table: `API_FILES` of api_files.py, and those of webhook_files.py. The files of
`kaiwuctl init` are the tree templates/init; `init_policy` says which of them other commands and the user share.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaiwuctl.scaffold.context import APIContext


class Owner(Enum):
    """What a file belongs to: it goes when its owner goes, and is the user's once its owner is recorded in PROJECT."""

    PROJECT = "project"
    GROUP = "group"
    KIND = "kind"
    VERSION = "version"
    CONTROLLER = "controller"
    WEBHOOK = "webhook"


class Policy(Enum):
    """What happens to a file that exists.

    Attributes:
        CREATE: One that differs is in the way, unless PROJECT says that it was written before: then it stays.
        ONCE: It stays; it is not compared, because more than one command or tool writes it: the generator writes the
            CRDs, and the one here lets kustomize build before it has run.
        MERGE: Entries are added to it.
        VERSIONS: The version is added to the CRD in it, unless that has it.
    """

    CREATE = "create"
    ONCE = "once"
    MERGE = "merge"
    VERSIONS = "versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file of `kaiwuctl create api`.

    Attributes:
        target: Path in the project, with the variables of APIContext in braces.
        template: File below templates/api; empty where a file is only merged into. One that ends in ``.jinja`` is
            rendered, any other is taken as it is.
        when: Whether the file is written.
        owner: What it belongs to.
        policy: What happens to a file that exists.
        entries: What a kustomization lists because of this API, with variables as in `target`.
        key: The list of the kustomization: ``resources``, or ``patches``, where an entry is a path.
        of_type: Whether it is written together with the type of another project's kind only: not when a second
            controller is added to it.
    """

    target: str
    template: str = ""
    when: Callable[[APIContext], bool]
    owner: Owner
    policy: Policy
    entries: tuple[str, ...] = ()
    key: Literal["resources", "patches"] = "resources"
    of_type: bool = False


# `create api` writes the packages too, the generator writes the role, and people add fixtures.
_INIT_ONCE: Final = frozenset(
    {"api/__init__.py", "config/rbac/role.yaml", "controllers/__init__.py", "tests/conftest.py"}
)


def init_policy(path: str) -> Policy:
    """Return what happens to a file of `kaiwuctl init` that exists.

    Args:
        path: Relative to the project, with slashes.
    """
    return Policy.ONCE if path in _INIT_ONCE else Policy.CREATE
