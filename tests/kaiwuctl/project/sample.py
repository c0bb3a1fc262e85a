"""A PROJECT file as kubebuilder's own tools would read it, for comparisons."""

from __future__ import annotations

from typing import Any

RESOURCE: dict[str, Any] = {
    "api": {"crdVersion": "v1", "namespaced": True},
    "controllers": [{"name": "kaiwucluster"}],
    "domain": "inspur.com",
    "group": "kaiwu",
    "kind": "KaiwuCluster",
    "path": "api/v1",
    "plural": "kaiwuclusters",
    "version": "v1",
}

DOCUMENT: dict[str, Any] = {
    "cliVersion": "0.1.0",
    "domain": "inspur.com",
    "layout": ["python.kaiwuctl.io/v1"],
    "projectName": "kaiwu-operator",
    "repo": "github.com/inspur/kaiwu-operator",
    "resources": [RESOURCE],
    "version": "3",
}
