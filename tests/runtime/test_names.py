"""What Kubernetes accepts as a name; the table has the corners, a property holds the command line to the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime import _names as names
from kaiwu_runtime.api._conditions import TYPE_PATTERN
from kaiwuctl.names import rule

TEXT = st.text(st.sampled_from("abz09-._/AZ\u212a\n"), max_size=12)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        pytest.param(
            names.is_dns_label, ("a", "9a", "a-b", "a" * 63), ("", "-a", "a-", "A", "a.b", "a\n", "a" * 64), id="label"
        ),
        pytest.param(names.is_dns_1035_label, ("a", "a9", "a" * 63), ("", "9a", "a-", "a" * 64), id="1035 label"),
        pytest.param(
            names.is_dns_subdomain, ("a", "a.b", "9.a", "a" * 253), ("", "a..b", ".a", "a.", "a" * 254), id="subdomain"
        ),
        pytest.param(names.is_kind, ("Site", "a", "A9"), ("", "9A", "A_b", "\u212aind", "A" * 64), id="kind"),
        pytest.param(
            names.is_label_value, ("", "a", "A.b_c-9", "a" * 63), ("-a", "a.", "a/b", "\u00e4", "a" * 64), id="value"
        ),
        pytest.param(
            names.is_qualified_name,
            ("a", "A_b", "example.com/Name", f"{'a' * 253}/{'b' * 63}"),
            ("", "/a", "a/", "a..b/c", "A/b", "a/b/c", f"{'a' * 254}/b", f"a/{'b' * 64}"),
            id="qualified",
        ),
    ],
)
def test_names(check: object, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    assert callable(check)
    assert [name for name in good if not check(name)] == []
    assert [name for name in bad if check(name)] == []


@given(TEXT)
def test_the_command_line_has_the_same_rules(name: str) -> None:
    assert rule.is_dns_label(name) == names.is_dns_label(name)
    assert rule.is_dns_1035_label(name) == names.is_dns_1035_label(name)
    assert rule.is_dns_subdomain(name) == names.is_dns_subdomain(name)


@given(TEXT)
def test_the_type_of_a_condition_is_a_qualified_name(name: str) -> None:
    assert (re.fullmatch(TYPE_PATTERN, name) is not None) == names.is_qualified_name(name)


def test_the_pattern_of_condition_types_is_the_one_of_the_kubernetes_api() -> None:
    assert TYPE_PATTERN == (
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
    )
