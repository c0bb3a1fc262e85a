"""Who the operators are: a service account, as in a cluster, where a token comes with it and no client certificate."""

from __future__ import annotations

from pathlib import Path

from kaiwu_runtime.envtest import ControlPlane

OPERATOR = "operator"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": OPERATOR},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": "default"}],
}


def grant(control_plane: ControlPlane) -> None:
    """Let the account do what it likes."""
    control_plane.rest.apply(BINDINGS, BINDING)


def kubeconfig(control_plane: ControlPlane) -> Path:
    """Return a kubeconfig with a fresh token: they expire."""
    return control_plane.service_account_kubeconfig(OPERATOR)
