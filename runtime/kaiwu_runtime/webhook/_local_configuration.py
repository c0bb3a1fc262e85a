"""Webhook configurations for a server outside the cluster, which is called at its address.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#url
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBE_LABEL = "kaiwuctl.io/webhook-probe"
"""Label of the object with which it is tried whether a configuration is in effect."""

OWN_NAMESPACE = {"matchLabels": {"kubernetes.io/metadata.name": "system"}}
"""The selector of an operator that watches its own namespace, before kustomize puts that namespace in."""


def base_url(host: str, port: int) -> str:
    """Return the start of a server's URLs: ``https://127.0.0.1:9443``."""
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def is_complete(document: Mapping[str, Any]) -> bool:
    """Return whether a webhook configuration has the parts that `local_configuration` changes."""
    metadata, webhooks = document.get("metadata"), document.get("webhooks") or []
    return (
        isinstance(document.get("apiVersion"), str)
        and isinstance(metadata, dict)
        and isinstance(metadata.get("name"), str)
        and isinstance(webhooks, list)
        and all(isinstance(each, dict) and _is_client(each.get("clientConfig")) for each in webhooks)
    )


def _is_client(client: object) -> bool:
    return isinstance(client, dict) and isinstance(client.get("service"), dict | None)


def local_configuration(
    document: Mapping[str, Any], url: str, bundle: str, *, suffix: str = "", labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a webhook configuration whose webhooks are called at a URL.

    Args:
        document: A MutatingWebhookConfiguration or ValidatingWebhookConfiguration.
        url: Start of the server's URLs.
        bundle: The certificate authority, PEM in base64.
        suffix: Added to the name.
        labels: Added to those of the configuration.
    """
    metadata = document["metadata"]
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {
            **metadata,
            "name": f"{metadata['name']}{suffix}",
            "labels": {**(metadata.get("labels") or {}), **(labels or {})},
        },
        "webhooks": [_local_webhook(webhook, url, bundle) for webhook in document.get("webhooks") or ()],
    }


def _local_webhook(webhook: Mapping[str, Any], url: str, bundle: str) -> dict[str, Any]:
    local = {**webhook, "clientConfig": local_client(webhook["clientConfig"], url, bundle)}
    if local.get("namespaceSelector") == OWN_NAMESPACE:
        # Outside the cluster the operator has no namespace of its own.
        del local["namespaceSelector"]
    return local


def local_client(client: Mapping[str, Any], url: str, bundle: str) -> dict[str, Any]:
    """Return a ``clientConfig`` with a URL; one that has a URL already keeps it."""
    service = client.get("service")
    if service is None:
        return dict(client)
    return {"url": f"{url}{service.get('path') or '/'}", "caBundle": bundle}


def probe_webhook(value: str, client: Mapping[str, Any]) -> dict[str, Any]:
    """Return a webhook for ConfigMaps with the label `PROBE_LABEL`: once it is called, its configuration is in effect.

    Args:
        value: Value of the label.
        client: The ``clientConfig``.
    """
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    return {
        "name": "probe.webhook.kaiwuctl.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": dict(client),
        "failurePolicy": "Fail",
        "objectSelector": {"matchLabels": {PROBE_LABEL: value}},
        "rules": [rule],
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }


def probe_object(value: str) -> dict[str, Any]:
    """Return the ConfigMap for :func:`probe_webhook`; it is for dry runs and never stored."""
    metadata = {"generateName": "webhook-probe-", "labels": {PROBE_LABEL: value}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
