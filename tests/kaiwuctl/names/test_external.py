"""Names of other projects' kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.external import ClassName, external_class, split_group


@pytest.mark.parametrize(
    ("group", "domain", "expected"),
    [
        ("cert-manager", "io", ("cert-manager", "io")),
        ("cert-manager.io", None, ("cert-manager", "io")),
        ("gateway.networking.k8s.io", None, ("gateway", "networking.k8s.io")),
        ("gateway.networking", "k8s.io", ("gateway.networking", "k8s.io")),
        ("cert-manager.io", "", ("cert-manager.io", "")),
    ],
)
def test_group_and_domain(group: str, domain: str | None, expected: tuple[str, str]) -> None:
    assert split_group(group, domain) == expected


@pytest.mark.parametrize(("group", "domain"), [("apps", None), ("apps", ""), ("", "io"), ("", None), ("a", "B")])
def test_what_is_no_group_of_a_crd(group: str, domain: str | None) -> None:
    with pytest.raises(InvalidNameError):
        split_group(group, domain)


@given(st.text(max_size=30))
def test_a_class_name_is_safe_in_an_import(text: str) -> None:
    try:
        name = ClassName.parse(text, what="--from")
    except InvalidNameError:
        return
    compile(f"from {name.module} import {name.name}", "x", "exec")
    assert str(name) == text


def test_a_class_whose_name_is_taken() -> None:
    assert external_class("Client") == "ClientKind"
    assert external_class("Certificate") == "Certificate"
