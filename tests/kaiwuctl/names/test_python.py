"""Python names that follow from Kubernetes names are identifiers, and as different as those are."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kaiwuctl.names.api import CONTROLLER_NAME_RULES, GROUP_RULES, KIND_RULES
from kaiwuctl.names.python import (
    controller_module,
    group_module,
    is_reserved_class,
    names_other_encoding,
    reconciler_class,
    reconciler_of,
    snake_case,
)

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
GROUPS = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
KINDS = st.from_regex(r"[A-Z][A-Za-z0-9]{0,30}", fullmatch=True)
CONTROLLERS = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


def is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


@pytest.mark.parametrize(
    ("group", "module"),
    [
        ("kaiwu", "kaiwu"),
        ("sea-creatures", "sea_creatures"),
        ("foo.policy", "foo_policy"),
        ("import", "import_"),
        ("match", "match"),
        ("4th", "group_4th"),
        ("json", "json"),
    ],
)
def test_group_module(group: str, module: str) -> None:
    assert group_module(group) == module


@pytest.mark.parametrize(
    ("kind", "snake"),
    [
        ("KaiwuCluster", "kaiwu_cluster"),
        ("HTTPRoute", "http_route"),
        ("K8s", "k8s"),
        ("Kaiwu2Cluster", "kaiwu2_cluster"),
        ("Class", "class_"),
        ("X", "x"),
    ],
)
def test_snake_case(kind: str, snake: str) -> None:
    assert snake_case(kind) == snake


@given(GROUPS)
def test_an_accepted_group_gives_a_module_name(group: str) -> None:
    assume(all(rule.holds(group) for rule in GROUP_RULES))
    assert is_name(group_module(group))


@given(KINDS)
def test_an_accepted_kind_gives_class_and_variable_names(kind: str) -> None:
    assume(all(rule.holds(kind) for rule in KIND_RULES))
    assert is_name(kind)
    assert is_name(snake_case(kind))
    assert is_name(f"{kind.lower()}_types")
    assert snake_case(kind).replace("_", "") == kind.lower()


@given(CONTROLLERS)
def test_an_accepted_controller_name_gives_module_and_class_names(name: str) -> None:
    assume(all(rule.holds(name) for rule in CONTROLLER_NAME_RULES))
    assert is_name(controller_module(name))
    assert is_name(reconciler_class(name))


def test_reserved_class_names() -> None:
    assert all(is_reserved_class(name) for name in ("None", "ValueError", "CustomResource", "Result"))
    assert not is_reserved_class("KaiwuCluster")


def test_the_class_of_a_reconciler_is_not_one_that_its_module_imports() -> None:
    assert reconciler_of("KaiwuCluster") == "KaiwuClusterReconciler"
    assert reconciler_of("Object") == reconciler_class("object") == "ObjectKindReconciler"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# -*- coding: utf-8 -*-", False),
        ("# vim: set fileencoding=UTF8 :", False),
        ("# Copyright, decoding: the book", True),
        ("# coding: latin-1", True),
        ("# coding : utf-7", False),
        ("# Mine.", False),
    ],
)
def test_what_python_reads_as_another_encoding(line: str, expected: bool) -> None:
    assert names_other_encoding(line) == expected
    try:
        read = compile(f"{line}\nx = 'ä'\n".encode(), "file", "exec").co_consts[0]
    except SyntaxError:
        read = ""
    assert (read != "ä") == expected
