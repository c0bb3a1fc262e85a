"""The plural is what Kubernetes' own REST mapper guesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.names.builtin import find_builtin
from kaiwuctl.names.plural import plural_of


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("KaiwuCluster", "kaiwuclusters"),
        ("Ingress", "ingresses"),
        ("NetworkPolicy", "networkpolicies"),
        ("Endpoints", "endpoints"),
        ("MyEndpoints", "myendpoints"),
        ("Gateway", "gatewaies"),
        ("Fox", "foxs"),
        ("Y", "ies"),
        ("S", "ses"),
    ],
)
def test_plural_follows_the_rest_mapper(kind: str, plural: str) -> None:
    assert plural_of(kind) == plural


@pytest.mark.parametrize(
    ("group", "version", "kind"),
    [
        ("core", "v1", "Pod"),
        ("core", "v1", "Endpoints"),
        ("core", "v1", "ResourceQuota"),
        ("core", "v1", "ComponentStatus"),
        ("apps", "v1", "StatefulSet"),
        ("networking", "v1", "Ingress"),
        ("networking", "v1", "NetworkPolicy"),
        ("networking", "v1", "IngressClass"),
        ("storage", "v1", "CSIStorageCapacity"),
        ("scheduling", "v1", "PriorityClass"),
        ("discovery", "v1", "EndpointSlice"),
    ],
)
def test_plural_agrees_with_the_kinds_of_kubernetes(group: str, version: str, kind: str) -> None:
    builtin = find_builtin(group, version, kind)
    assert builtin is not None
    assert plural_of(kind) == builtin.plural


@given(st.from_regex(r"[A-Z][A-Za-z0-9]{0,58}", fullmatch=True))
def test_plural_is_lower_case_and_ends_in_s(kind: str) -> None:
    plural = plural_of(kind)
    assert plural == plural.lower()
    assert plural.endswith("s")
    assert plural.isalnum()
