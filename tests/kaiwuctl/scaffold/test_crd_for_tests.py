"""The CRDs of other projects in tests/crds: what is written, and that a real API server takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.scaffold.crd_for_tests import add_version, minimal_crd

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest import ControlPlane

PATH = "tests/crds/x.yaml"
CRD = minimal_crd("cert-manager.io", "v1", "Certificate", "certificates", namespaced=True)


def test_versions_are_added_once() -> None:
    text = add_version(PATH, None, CRD)
    assert yaml.safe_load(text) == CRD
    assert add_version(PATH, text, CRD) == text
    other = minimal_crd("cert-manager.io", "v1alpha2", "Certificate", "certificates", namespaced=True)
    both = add_version(PATH, text, other)
    assert both.startswith(text)
    assert [(each["name"], each["storage"]) for each in yaml.safe_load(both)["spec"]["versions"]] == [
        ("v1", True),
        ("v1alpha2", False),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "tests/crds/x.yaml:1: broken YAML"),
        ("a: 1\n---\nb: 2\n", "tests/crds/x.yaml:2: broken YAML"),
        ("", "is not the CRD certificates.cert-manager.io; move it away"),
        ("[]", "is not the CRD"),
        ("kind: CustomResourceDefinition\n", "is not the CRD"),
        (
            "kind: CustomResourceDefinition\nmetadata: {name: certificates.cert-manager.io}\nspec: {}\n",
            "is not the CRD",
        ),
        (add_version(PATH, None, minimal_crd("a.io", "v1", "B", "bs", namespaced=True)), "is not the CRD"),
    ],
)
def test_another_file_is_refused(text: str, words: str) -> None:
    with pytest.raises(KaiwuctlError, match=r"^tests/crds/x\.yaml") as refused:
        add_version(PATH, text, CRD)
    assert words in refused.value.message


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_refused_or_extended(text: str) -> None:
    with pytest.raises(KaiwuctlError):
        add_version(PATH, text, CRD)


@pytest.mark.envtest
def test_the_api_server_serves_it(control_plane: ControlPlane, tmp_path: Path) -> None:
    """A group of Kubernetes itself too, which needs an annotation."""
    for group, namespaced in (("minimal.example.com", True), ("gateway.networking.k8s.io", False)):
        text = None
        for version in ("v1", "v0alpha1"):
            text = add_version(PATH, text, minimal_crd(group, version, "Gateway", "gateways", namespaced=namespaced))
        (tmp_path / f"{group}.yaml").write_text(text or "")
    control_plane.install_crds(tmp_path)  # waits until each version is served
