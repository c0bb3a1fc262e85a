"""The service account of a project with the roles it is deployed with, for tests that run the operator.

Reads the manifests as ``kubectl kustomize`` finds them and puts what is in the placeholder namespace of the service
account into a namespace of the control plane, as ``config/default`` does. Patches and generators of kustomize are not
applied.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from kaiwu_runtime._manifests import ManifestError, read_documents
from kaiwu_runtime.errors import AlreadyExistsError, ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kaiwu_runtime.envtest._rest import RestClient

Manifest = dict[str, Any]

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_POLL = 0.02


class ServiceAccount(NamedTuple):
    """A service account of a control plane."""

    namespace: str
    name: str


def grant(rest: RestClient, path: Path, *, namespace: str, account: str = "", timeout: float = 30.0) -> ServiceAccount:
    """Create the service account and every role bound to it, and wait until the API server grants them.

    Args:
        rest: Client of the API server.
        path: A kustomization's folder such as ``config/rbac``, or a YAML file.
        namespace: Namespace of the service account; created when it does not exist.
        account: Name of the service account; needed only when the manifests have several.
        timeout: Seconds to wait for the authorizer.

    Raises:
        ControlPlaneError: The manifests cannot be read, have no such service account, or bind it to a role that does
            not exist.
        APIStatusError: The API server rejected one of them.
    """
    manifests = read_manifests(path)
    found = _account(manifests, path, account)
    placeholder = found["metadata"].get("namespace", "")
    name = found["metadata"]["name"]

    def target(where: str) -> str:
        return namespace if where in {"", placeholder} else where

    _create_namespace(rest, namespace)
    rest.apply(f"/api/v1/namespaces/{namespace}/serviceaccounts", _moved(found, namespace, name))
    roles = {_key(each, target): each for each in manifests if each["kind"] in {"Role", "ClusterRole"}}
    expected: list[Manifest] = []
    for binding in _bindings(manifests, name, placeholder):
        cluster = binding["kind"] == "ClusterRoleBinding"
        where = "" if cluster else target(binding["metadata"].get("namespace", ""))
        if where:
            _create_namespace(rest, where)
        reference = dict(binding["roleRef"])
        role_namespace = "" if reference["kind"] == "ClusterRole" else where
        role = roles.get((reference["kind"], role_namespace, reference["name"]))
        if role is not None:
            reference["name"] = _apply(rest, role, role_namespace, namespace)
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        _apply(rest, {**binding, "roleRef": reference, "subjects": [subject]}, where, namespace)
        # A ClusterRole that others are aggregated into may have none of its own.
        rules = role.get("rules") if role is not None else _rules(rest, reference, role_namespace, binding)
        expected += [_attributes(rule, where) for rule in rules or ()]
    _wait_until_granted(rest, ServiceAccount(namespace, name), expected, timeout)
    return ServiceAccount(namespace, name)


def read_manifests(path: Path) -> list[Manifest]:
    """Return the objects of a kustomization, of the YAML files in a folder, or of one YAML file.

    Raises:
        ControlPlaneError: A file does not exist or is not YAML, or an object in it has no name.
    """
    return list(_manifests(path, set()))


def _manifests(path: Path, seen: set[Path]) -> Iterator[Manifest]:
    real = path.resolve()
    if real in seen:  # a resource that is listed twice, or a folder that lists itself
        return
    seen.add(real)
    if not path.is_dir():
        for document in _documents(path):
            if isinstance(document.get("metadata"), dict) and isinstance(document.get("kind"), str):
                _check(path, document)
                yield document
        return
    kustomization = next((path / name for name in _KUSTOMIZATIONS if (path / name).is_file()), None)
    if kustomization is None:
        for file in sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"}):
            yield from _manifests(file, seen)
        return
    for document in _documents(kustomization):
        for key in ("resources", "bases", "components"):
            for entry in document.get(key) or ():
                if "://" not in str(entry):  # a remote resource is not of this project
                    yield from _manifests(path / str(entry), seen)


def _check(file: Path, manifest: Manifest) -> None:
    """Reject what cannot be granted; the API server validates the rest."""
    kind, name = manifest["kind"], manifest["metadata"].get("name")
    if not isinstance(name, str) or not name:
        raise ControlPlaneError(f"{file}: a {kind} has no metadata.name")
    if kind in {"RoleBinding", "ClusterRoleBinding"}:
        reference = manifest.get("roleRef")
        if not isinstance(reference, dict) or not all(
            isinstance(reference.get(each), str) for each in ("kind", "name")
        ):
            raise ControlPlaneError(f"{file}: {kind} {name} has no roleRef with a kind and a name")


def _documents(file: Path) -> list[Manifest]:
    try:
        documents = read_documents(file.read_bytes())
    except OSError as error:
        raise ControlPlaneError(f"cannot read {file}: {error.strerror}") from error
    except ManifestError as error:
        raise ControlPlaneError(f"{file} {error}") from error
    return [document for document in documents if isinstance(document, dict)]


def _account(manifests: Sequence[Manifest], path: Path, name: str) -> Manifest:
    accounts = {each["metadata"]["name"]: each for each in manifests if each["kind"] == "ServiceAccount"}
    if name and name in accounts:
        return accounts[name]
    if not name and len(accounts) == 1:
        return next(iter(accounts.values()))
    names = ", ".join(sorted(accounts)) or "none"
    wanted = f"ServiceAccount {name!r}" if name else "one ServiceAccount"
    raise ControlPlaneError(f"{path} must have {wanted}, and has: {names}; name one of its accounts or another path")


def _bindings(manifests: Sequence[Manifest], name: str, placeholder: str) -> Iterator[Manifest]:
    for each in manifests:
        if each["kind"] in {"RoleBinding", "ClusterRoleBinding"} and any(
            subject.get("kind") == "ServiceAccount"
            and subject.get("name") == name
            and subject.get("namespace", placeholder) == placeholder
            for subject in each.get("subjects") or ()
        ):
            yield each


def _key(role: Manifest, target: Any) -> tuple[str, str, str]:  # noqa: ANN401 - a function from namespace to namespace
    where = "" if role["kind"] == "ClusterRole" else target(role["metadata"].get("namespace", ""))
    return role["kind"], where, role["metadata"]["name"]


def _apply(rest: RestClient, manifest: Manifest, where: str, prefix: str) -> str:
    """Apply a role or binding and return its name; what is cluster-scoped is prefixed, for several accounts."""
    plural = f"{manifest['kind'].lower()}s"
    name = manifest["metadata"]["name"] if where else f"{prefix}-{manifest['metadata']['name']}"
    collection = f"{_RBAC}/namespaces/{where}/{plural}" if where else f"{_RBAC}/{plural}"
    rest.apply(collection, _moved(manifest, where, name))
    return str(name)


def _moved(manifest: Manifest, namespace: str, name: str) -> Manifest:
    moved = copy.deepcopy(manifest)
    moved["metadata"] = {**moved["metadata"], "name": name}
    moved["metadata"].pop("namespace", None)
    if namespace:
        moved["metadata"]["namespace"] = namespace
    return moved


def _rules(rest: RestClient, reference: Manifest, namespace: str, binding: Manifest) -> list[Manifest]:
    """Return the rules of a role that the manifests do not have, for example Kubernetes' own ClusterRole ``view``."""
    plural = f"{reference['kind'].lower()}s"
    collection = f"{_RBAC}/namespaces/{namespace}/{plural}" if namespace else f"{_RBAC}/{plural}"
    code, _ = rest.request("GET", f"{collection}/{reference['name']}")
    if code == 404:
        raise ControlPlaneError(
            f"{binding['kind']} {binding['metadata']['name']} refers to the {reference['kind']} "
            f"{reference['name']}, which does not exist; add it to the kustomization, or run `make manifests`"
        )
    rules: list[Manifest] = rest.object("GET", f"{collection}/{reference['name']}").get("rules") or []
    return rules


def _attributes(rule: Manifest, namespace: str) -> Manifest:
    """Return one request that a rule allows, for a SubjectAccessReview."""
    verb = (rule.get("verbs") or ["*"])[0]
    if rule.get("nonResourceURLs"):
        return {"nonResourceAttributes": {"path": rule["nonResourceURLs"][0], "verb": verb}}
    resource, _, subresource = (rule.get("resources") or ["*"])[0].partition("/")
    return {
        "resourceAttributes": {
            "namespace": namespace,
            "verb": verb,
            "group": (rule.get("apiGroups") or [""])[0],
            "resource": resource,
            "subresource": subresource,
            "name": (rule.get("resourceNames") or [""])[0],
        }
    }


def _wait_until_granted(
    rest: RestClient, account: ServiceAccount, expected: Sequence[Manifest], timeout: float
) -> None:
    """Wait for the authorizer, which follows roles and bindings some milliseconds late."""
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{account.namespace}", "system:authenticated"]
    user = {"user": f"system:serviceaccount:{account.namespace}:{account.name}", "groups": groups}
    deadline = time.monotonic() + timeout
    for attributes in expected:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {**user, **attributes},
        }
        while True:
            answer = rest.object("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
            if answer["status"].get("allowed"):
                break
            if time.monotonic() > deadline:
                raise ControlPlaneError(f"the API server does not grant {attributes} to {user['user']}")
            time.sleep(_POLL)


def _create_namespace(rest: RestClient, name: str) -> None:
    code, _ = rest.request("GET", f"/api/v1/namespaces/{name}")
    if code == 404:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            rest.object("POST", "/api/v1/namespaces", body)
        except AlreadyExistsError:
            return
