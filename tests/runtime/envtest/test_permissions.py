"""The service account of a project, with what its manifests grant and nothing else."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._permissions import read_manifests
from kaiwu_runtime.errors import ControlPlaneError

GROUP = "rbac.authorization.k8s.io"


def account(name: str = "controller-manager", namespace: str = "system") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def role(kind: str, name: str, namespace: str = "", *, resource: str = "secrets", **rule: Any) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    rules = [{"apiGroups": [""], "resources": [resource], "verbs": ["get"], **rule}]
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, **place}, "rules": rules}


def binding(kind: str, to: str, name: str, namespace: str = "", **subject: str) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": f"{name}-binding", **place},
        "roleRef": {"apiGroup": GROUP, "kind": to, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "controller-manager", "namespace": "system", **subject}],
    }


def write(folder: Path, *manifests: dict[str, Any]) -> Path:
    """Write a kustomization whose first half is in a kustomization below it."""
    half = len(manifests) // 2
    for path, part, more in ((folder / "inner", manifests[:half], []), (folder, manifests[half:], ["inner"])):
        path.mkdir(parents=True, exist_ok=True)
        names = [f"{number}.yaml" for number, _ in enumerate(part)]
        for name, manifest in zip(names, part, strict=True):
            (path / name).write_text("# no object\n---\n" + yaml.safe_dump(manifest))
        (path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [*names, *more]}))
    return folder


class Case(NamedTuple):
    """Manifests, and where the account may get secrets then."""

    name: str
    manifests: tuple[dict[str, Any], ...]
    own: bool
    other: bool
    named: bool = False


CASES = (
    Case("nothing", (), own=False, other=False),
    Case("cluster", (role("ClusterRole", "a"), binding("ClusterRoleBinding", "ClusterRole", "a")), True, True),
    Case(
        "cluster-role-in-namespace",
        (role("ClusterRole", "a"), binding("RoleBinding", "ClusterRole", "a", "system")),
        True,
        False,
    ),
    Case("own", (role("Role", "a", "system"), binding("RoleBinding", "Role", "a", "system")), True, False),
    Case("other", (role("Role", "a", "elsewhere"), binding("RoleBinding", "Role", "a", "elsewhere")), False, True),
    Case("not-bound", (role("ClusterRole", "a"),), own=False, other=False),
    Case(
        "bound-to-another",
        (
            role("ClusterRole", "a"),
            binding("ClusterRoleBinding", "ClusterRole", "a") | {"subjects": [{"kind": "User", "name": "ann"}]},
        ),
        own=False,
        other=False,
    ),
    Case("of-kubernetes", (binding("ClusterRoleBinding", "ClusterRole", "cluster-admin"),), True, True),
    Case(
        "names",
        (
            role("ClusterRole", "a", resourceNames=["special"]),
            binding("ClusterRoleBinding", "ClusterRole", "a"),
        ),
        False,
        False,
        named=True,
    ),
    Case(
        "everything",
        (role("ClusterRole", "a", resource="*", verbs=["*"]), binding("ClusterRoleBinding", "ClusterRole", "a")),
        True,
        True,
    ),
    Case(
        "urls",
        (
            role("ClusterRole", "a") | {"rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]},
            binding("ClusterRoleBinding", "ClusterRole", "a"),
        ),
        own=False,
        other=False,
    ),
)


def allowed(plane: ControlPlane, kubeconfig: Path, namespace: str, name: str) -> bool:
    """Ask as the account; 404 says that it may."""
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    context = ssl.create_default_context(cafile=str(plane.directory / "pki" / "ca.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", int(plane.url.rsplit(":", 1)[1]), context=context)
    connection.request(
        "GET", f"/api/v1/namespaces/{namespace}/secrets/{name}", headers={"Authorization": f"Bearer {token}"}
    )
    status = connection.getresponse().status
    connection.close()
    assert status in {403, 404}
    return status == 404


@pytest.mark.envtest
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_account_may_do_what_is_bound_to_it(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, case: Case
) -> None:
    manifests = [account()]
    manifests += [
        yaml.safe_load(yaml.safe_dump(each).replace("elsewhere", f"{namespace}-2")) for each in case.manifests
    ]
    kubeconfig = control_plane.as_service_account(write(tmp_path / "rbac", *manifests), namespace=namespace)
    assert yaml.safe_load(kubeconfig.read_text())["contexts"][0]["context"]["namespace"] == namespace
    own, other = (allowed(control_plane, kubeconfig, where, "any") for where in (namespace, f"{namespace}-2"))
    assert (own, other) == (case.own, case.other)
    assert allowed(control_plane, kubeconfig, namespace, "special") == (case.own or case.named)


@pytest.mark.envtest
def test_two_accounts_do_not_share_their_roles(control_plane: ControlPlane, tmp_path: Path) -> None:
    pair = (role("ClusterRole", "a"), binding("ClusterRoleBinding", "ClusterRole", "a"))
    granted = control_plane.as_service_account(write(tmp_path / "one", account(), *pair))
    empty = ({**pair[0], "rules": None}, pair[1])
    without = control_plane.as_service_account(write(tmp_path / "two", account(), *empty))
    assert [allowed(control_plane, each, "default", "any") for each in (granted, without)] == [True, False]


@pytest.mark.envtest
@pytest.mark.parametrize(
    ("manifests", "arguments", "problem"),
    [
        ((), {}, "must have one ServiceAccount, and has: none"),
        ((account("a"), account("b")), {}, "has: a, b"),
        ((account("a"),), {"name": "c"}, "must have ServiceAccount 'c', and has: a"),
        (
            (account(), binding("RoleBinding", "Role", "lost", "system")),
            {},
            "RoleBinding lost-binding refers to the Role lost, which does not exist",
        ),
    ],
)
def test_what_is_missing_is_named(
    control_plane: ControlPlane,
    tmp_path: Path,
    manifests: tuple[dict[str, Any], ...],
    arguments: dict[str, str],
    problem: str,
) -> None:
    with pytest.raises(ControlPlaneError, match=problem):
        control_plane.as_service_account(write(tmp_path / "rbac", *manifests), **arguments)


def test_manifests_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match="cannot read"):
        read_manifests(tmp_path / "none")
    (tmp_path / "kustomization.yaml").write_text("resources: [a.yaml, ., 'https://example.com/x']")
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(ControlPlaneError, match=r"a\.yaml is not YAML"):
        read_manifests(tmp_path)
    (tmp_path / "a.yaml").write_text("just text\n---\n- list\n---\nkind: Role\n")
    assert read_manifests(tmp_path) == []
    (tmp_path / "kustomization.yaml").unlink()
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(account()))
    assert read_manifests(tmp_path) == [account()]


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ({**account(), "metadata": {"namespace": "system"}}, r"a\.yaml: a ServiceAccount has no metadata\.name"),
        ({**role("Role", "a"), "metadata": {"name": 5}}, r"a\.yaml: a Role has no metadata\.name"),
        (
            {**binding("RoleBinding", "Role", "a"), "roleRef": None},
            r"a\.yaml: RoleBinding a-binding has no roleRef with a kind and a name",
        ),
        (
            {**binding("ClusterRoleBinding", "ClusterRole", "a"), "roleRef": {"kind": "ClusterRole"}},
            r"ClusterRoleBinding a-binding has no roleRef with a kind and a name",
        ),
    ],
)
def test_what_cannot_be_granted_is_named(tmp_path: Path, manifest: dict[str, Any], problem: str) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(ControlPlaneError, match=problem):
        read_manifests(tmp_path)


def test_a_value_that_only_pyyaml_reads_as_a_date(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{yaml.safe_dump(account())}  annotations:\n    due: 2026-13-45\n")
    (found,) = read_manifests(tmp_path)
    assert found["metadata"]["annotations"] == {"due": "2026-13-45"}


@pytest.mark.envtest
def test_a_role_that_others_are_aggregated_into_may_have_no_rules(control_plane: ControlPlane, tmp_path: Path) -> None:
    aggregated = role("ClusterRole", "a")
    del aggregated["rules"]
    aggregated["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {"a.example.com/part": "any"}}]}
    folder = write(tmp_path, account(), aggregated, binding("ClusterRoleBinding", "ClusterRole", "a"))
    kubeconfig = control_plane.as_service_account(folder)
    assert not allowed(control_plane, kubeconfig, "default", "any")
