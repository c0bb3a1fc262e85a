"""A small Go operator, as kubebuilder lays it out; written by hand for the tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from .importer.round_trip import crd_of

if TYPE_CHECKING:
    from pathlib import Path


def shop_crd() -> dict[str, Any]:
    """Return the CRD of a kind with two versions."""
    crd = crd_of({"type": "string", "minLength": 1}, subresources={"status": {}})
    crd["metadata"]["name"] = "shops.web.example.com"
    crd["spec"]["group"] = "web.example.com"
    crd["spec"]["names"] = {"kind": "Shop", "listKind": "ShopList", "plural": "shops", "singular": "shop"}
    (old,) = crd["spec"]["versions"]
    crd["spec"]["versions"] = [old, {**json.loads(json.dumps(old)), "name": "v2", "storage": False}]
    return crd


PROJECT: dict[str, Any] = {
    "version": "3",
    "layout": ["go.kubebuilder.io/v4"],
    "cliVersion": "4.0.0",
    "domain": "example.com",
    "projectName": "shop-operator",
    "repo": "github.com/example/shop-operator",
    "resources": [
        {
            "api": {"crdVersion": "v1", "namespaced": True},
            "controller": True,
            "domain": "example.com",
            "group": "web",
            "kind": "Shop",
            "path": "github.com/example/shop-operator/api/v1",
            "version": "v1",
            "webhooks": {
                "conversion": True,
                "defaulting": True,
                "spoke": ["v2"],
                "validation": True,
                "webhookVersion": "v1",
            },
        },
        {
            "api": {"crdVersion": "v1", "namespaced": True},
            "domain": "example.com",
            "group": "web",
            "kind": "Shop",
            "path": "github.com/example/shop-operator/api/v2",
            "version": "v2",
        },
        {
            "controllers": [{"name": "deployment"}],
            "core": True,
            "group": "apps",
            "kind": "Deployment",
            "path": "k8s.io/api/apps/v1",
            "version": "v1",
        },
        {
            "controller": True,
            "domain": "io",
            "external": True,
            "group": "cert-manager",
            "kind": "Certificate",
            "path": "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1",
            "version": "v1",
        },
    ],
}

CONTROLLER = """\
package controller

// +kubebuilder:rbac:groups=web.example.com,resources=shops,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=web.example.com,resources=shops/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get,namespace=system,resourceNames=shop-password
// +kubebuilder:rbac:urls=/metrics,verbs=get

func (r *ShopReconciler) Reconcile() {}
"""

SAMPLE = {
    "apiVersion": "web.example.com/v1",
    "kind": "Shop",
    "metadata": {"name": "first", "labels": {"on": "yes"}},
    "spec": {"value": "gold"},
}


def write_go_operator(folder: Path) -> Path:
    """Write the operator into a folder and return it."""
    files = {
        "PROJECT": yaml.safe_dump(PROJECT),
        "api/v1/shop_types.go": "package v1\n",
        "api/v1/zz_generated.deepcopy.go": "package v1\n",
        "cmd/main.go": "package main\n\n// +kubebuilder:rbac:groups=core,resources=configmaps,verbs=get\n",
        "config/crd/bases/web.example.com_shops.yaml": yaml.safe_dump(shop_crd()),
        "config/default/kustomization.yaml": "resources: [../crd]\n",
        "config/default/own_patch.yaml": "kind: Deployment\n",
        "config/rbac/role.yaml": "kind: ClusterRole\nmetadata: {name: manager-role}\nrules: []\n",
        "config/samples/kustomization.yaml": "resources: [web_v1_shop.yaml]\n",
        "config/samples/web_v1_shop.yaml": yaml.safe_dump(SAMPLE),
        "internal/controller/shop_controller.go": CONTROLLER,
        "internal/webhook/v1/shop_webhook.go": "package v1\n",
    }
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder
