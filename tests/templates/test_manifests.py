"""The kustomize trees build, and the objects in them fit together."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

Manifest = dict[str, Any]
NAMESPACE = "kaiwu-operator-system"
DEPLOYMENT = "kaiwu-operator-controller-manager"

# As config/default/kustomization.yaml tells its reader to write it.
COMPONENTS = ["../high-availability", "../prometheus", "../network-policy", "../priority-class"]


@cache
def build(folder: Path) -> tuple[Manifest, ...]:
    """Return what `kubectl kustomize` makes of a folder."""
    command = ["kubectl", "kustomize", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return tuple(YAML(typ="safe").load_all(result.stdout))


@pytest.fixture
def objects(golden: Path) -> tuple[Manifest, ...]:
    """Everything that `make deploy` applies."""
    return build(golden / "config" / "default")


def one(objects: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    """Return the object of that kind and name."""
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def manager_pod(objects: tuple[Manifest, ...]) -> Manifest:
    """Return the template of the manager's pod."""
    template: Manifest = one(objects, "Deployment", DEPLOYMENT)["spec"]["template"]
    return template


def test_samples_are_one_object_of_each_api(golden: Path) -> None:
    project = YAML(typ="safe").load(golden / "PROJECT")
    apis = [each for each in project.get("resources", []) if "api" in each]
    if not apis:
        assert not (golden / "config" / "samples").exists()
        return
    samples = build(golden / "config" / "samples")
    assert sorted((each["apiVersion"], each["kind"]) for each in samples) == sorted(
        (f"{each['group']}.{each['domain']}/{each['version']}", each["kind"]) for each in apis
    )
    assert all(len(each["spec"]) > 0 for each in samples)


def test_crds_are_in_what_is_deployed(golden: Path, objects: tuple[Manifest, ...]) -> None:
    crds = {each["metadata"]["name"] for each in objects if each["kind"] == "CustomResourceDefinition"}
    files = (golden / "config" / "crd" / "bases").glob("*.yaml")
    assert crds == {".".join(reversed(path.stem.split("_"))) for path in files}


def test_pod_meets_the_restricted_standard(objects: tuple[Manifest, ...]) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod = manager_pod(objects)["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & pod.keys()
    security = pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"sysctls", "seLinuxOptions", "windowsOptions"} & security.keys()
    volume_types = {key for volume in pod.get("volumes", []) for key in volume if key != "name"}
    assert volume_types <= {"configMap", "downwardAPI", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
    assert pod["containers"]
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True  # more than the standard asks for
        assert not {"privileged", "procMount", "runAsUser", "runAsNonRoot", "seccompProfile"} & context.keys()
        assert not any("hostPort" in port for port in container["ports"])
        assert container["resources"].keys() == {"limits", "requests"}


def test_namespace_enforces_the_restricted_standard(objects: tuple[Manifest, ...]) -> None:
    labels = one(objects, "Namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_manager_has_a_priority_only_where_it_is_switched_on(
    golden: Path, objects: tuple[Manifest, ...], tmp_path: Path
) -> None:
    """It evicts other pods."""
    assert [each for each in objects if each["kind"] == "PriorityClass"] == []
    assert "priorityClassName" not in manager_pod(objects)["spec"]
    everything = build(with_components(golden, tmp_path))
    (priority,) = [each for each in everything if each["kind"] == "PriorityClass"]
    assert priority["metadata"]["name"] == manager_pod(everything)["spec"]["priorityClassName"]
    assert 0 < priority["value"] <= 1_000_000_000  # more is the cluster's own


def test_several_replicas_are_spread_and_drained_one_at_a_time(
    golden: Path, objects: tuple[Manifest, ...], tmp_path: Path
) -> None:
    assert one(objects, "Deployment", DEPLOYMENT)["spec"]["replicas"] == 1
    everything = build(with_components(golden, tmp_path))
    deployment = one(everything, "Deployment", DEPLOYMENT)["spec"]
    assert deployment["replicas"] == 2
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    budget = one(everything, "PodDisruptionBudget", "kaiwu-operator-controller-manager")["spec"]
    assert budget["maxUnavailable"] == 1
    labels = deployment["template"]["metadata"]["labels"]
    for selector in (budget["selector"], *(each["labelSelector"] for each in spread)):
        assert selector["matchLabels"].items() <= labels.items()
    # Patched on top of everything else, not instead of it.
    assert deployment["template"]["spec"]["containers"] == manager_pod(objects)["spec"]["containers"]


def test_ports_and_selectors_agree(golden: Path, objects: tuple[Manifest, ...], tmp_path: Path) -> None:
    everything = build(with_components(golden, tmp_path))
    template = manager_pod(objects)
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert f"--metrics-bind-address=:{ports['metrics']}" in container["args"]
    assert f"--health-probe-bind-address=:{ports['probes']}" in container["args"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "probes"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "probes"}

    service = one(everything, "Service", "kaiwu-operator-controller-manager-metrics-service")
    (service_port,) = service["spec"]["ports"]
    assert service_port["targetPort"] == "metrics"
    assert service_port["port"] == ports["metrics"]

    policy = one(everything, "NetworkPolicy", "kaiwu-operator-allow-metrics-traffic")
    (rule,) = policy["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["metrics"]

    # The API server calls webhooks from no namespace; a policy that selects the pod closes every port it does not name.
    webhooks = one(everything, "NetworkPolicy", "kaiwu-operator-allow-webhook-traffic")
    assert webhooks["spec"]["podSelector"] == policy["spec"]["podSelector"]
    assert webhooks["spec"]["ingress"] == [{"ports": [{"port": "webhook", "protocol": "TCP"}]}]

    monitor = one(everything, "ServiceMonitor", "kaiwu-operator-controller-manager-metrics-monitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] == service_port["name"]
    assert endpoint["scheme"] == "https"

    labels = template["metadata"]["labels"]
    for selector in (
        one(objects, "Deployment", DEPLOYMENT)["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        policy["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels.items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_components_add_what_they_say_and_nothing_else(golden: Path, tmp_path: Path) -> None:
    plain = {(each["kind"], each["metadata"]["name"]) for each in build(golden / "config" / "default")}
    everything = build(with_components(golden, tmp_path))
    added = {(each["kind"], each["metadata"]["name"]) for each in everything} - plain
    assert added == {
        ("ServiceMonitor", "kaiwu-operator-controller-manager-metrics-monitor"),
        ("NetworkPolicy", "kaiwu-operator-allow-metrics-traffic"),
        ("NetworkPolicy", "kaiwu-operator-allow-webhook-traffic"),
        ("PriorityClass", "kaiwu-operator-controller-manager"),
        ("PodDisruptionBudget", "kaiwu-operator-controller-manager"),
    }
    namespaced = {kind for kind, _ in added} - {"PriorityClass"}
    assert all(each["metadata"]["namespace"] == NAMESPACE for each in everything if each["kind"] in namespaced)


def test_names_and_namespaces(objects: tuple[Manifest, ...]) -> None:
    cluster_wide = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "PriorityClass"}
    cluster_wide |= {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
    for each in objects:
        metadata = each["metadata"]
        if each["kind"] in {"Namespace", "CustomResourceDefinition"}:
            assert not metadata["name"].startswith("kaiwu-operator-kaiwu-operator-")
        else:
            assert metadata["name"].startswith("kaiwu-operator-")
        assert len(metadata["name"]) <= 63
        assert metadata.get("namespace") == (None if each["kind"] in cluster_wide else NAMESPACE)
        assert metadata["labels"]["app.kubernetes.io/name"] == "kaiwu-operator"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "kustomize"
    identities = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(identities) == len(set(identities))


def test_bindings_name_what_is_there(objects: tuple[Manifest, ...]) -> None:
    account = manager_pod(objects)["spec"]["serviceAccountName"]
    one(objects, "ServiceAccount", account)
    bindings = [each for each in objects if each["kind"].endswith("Binding")]
    names = {each["metadata"]["name"].removeprefix("kaiwu-operator-") for each in bindings}
    assert names - {"webhook-certificate-role-binding"} == {
        "manager-rolebinding",
        "leader-election-rolebinding",
        "metrics-auth-rolebinding",
    }
    for binding in bindings:
        one(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]


def test_namespaced_restricts_the_role_the_binding_and_the_watches(golden: Path, objects: tuple[Manifest, ...]) -> None:
    (container,) = manager_pod(objects)["spec"]["containers"]
    if golden.name == "namespaced":
        prefix = ""
        own_namespace = {"fieldRef": {"fieldPath": "metadata.namespace"}}
        assert container["env"] == [{"name": "WATCH_NAMESPACE", "valueFrom": own_namespace}]
    else:
        prefix = "Cluster"
        assert "WATCH_NAMESPACE" not in {entry["name"] for entry in container.get("env", [])}
    role = one(objects, f"{prefix}Role", "kaiwu-operator-manager-role")
    binding = one(objects, f"{prefix}RoleBinding", "kaiwu-operator-manager-rolebinding")
    assert binding["roleRef"]["kind"] == role["kind"]
    assert [each["kind"] for each in objects if each["metadata"]["name"] == role["metadata"]["name"]] == [role["kind"]]


def test_roles_for_people(golden: Path, objects: tuple[Manifest, ...]) -> None:
    project = YAML(typ="safe").load(golden / "PROJECT")
    kinds = {(each["group"], each["plural"]) for each in project.get("resources", []) if "api" in each}
    for role in ("admin", "editor", "viewer"):
        found = [each for each in objects if each["metadata"]["name"].endswith(f"-{role}-role")]
        assert {
            (rule["apiGroups"][0].removesuffix(".inspur.com"), rule["resources"][0])
            for each in found
            for rule in each["rules"][:1]
        } == kinds
        assert all(len(each["rules"]) == 2 for each in found)
        verbs = {verb for each in found for verb in each["rules"][0]["verbs"]}
        if kinds:
            assert ("*" in verbs or "create" in verbs) == (role != "viewer")


def with_components(golden: Path, parent: Path) -> Path:
    """Return config/default of a copy that has both components switched on."""
    config = parent / "with-components"
    if not config.exists():
        shutil.copytree(golden / "config", config)
        kustomization = config / "default" / "kustomization.yaml"
        yaml = YAML(typ="safe")
        content = yaml.load(kustomization)
        content["components"] = [*content.get("components", []), *COMPONENTS]
        yaml.dump(content, kustomization)
    return config / "default"
