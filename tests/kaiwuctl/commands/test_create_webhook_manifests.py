"""What `kaiwuctl create webhook` adds to config/: it builds, and names, ports and certificates agree."""

from __future__ import annotations

from typing import Any

import yaml

from .command_line import CREATE_ONLY, INIT, CommandLine
from .in_process import built, run_generator
from .webhook_commands import CONVERT, HOOK, SECOND, entry


def build(project: CommandLine, folder: str = "config/default") -> dict[tuple[str, str], dict[str, Any]]:
    """Return what kustomize builds, by kind and name."""
    objects = yaml.safe_load_all(built(project.folder, folder))
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def test_paths_and_operations_reach_the_manifests(api: CommandLine) -> None:
    api.ok(
        *HOOK,
        *("--defaulting", "--validation", "--defaulting-path=/default", "--validation-path=/check"),
        "--operations=create,delete",
    )
    assert entry(api)["webhooks"]["validationPath"] == "/check"
    run_generator(api.folder)
    mutating, validating = yaml.safe_load_all((api.folder / "config/webhook/manifests.yaml").read_text())
    assert mutating["webhooks"][0]["clientConfig"]["service"]["path"] == "/default"
    assert mutating["webhooks"][0]["rules"][0]["operations"] == ["CREATE"]
    assert validating["webhooks"][0]["clientConfig"]["service"]["path"] == "/check"
    assert validating["webhooks"][0]["rules"][0]["operations"] == ["CREATE", "DELETE"]
    assert "def validate_delete" in (api.folder / "controllers/kaiwucluster_webhook.py").read_text()


def test_the_deployed_names_and_ports_agree(api: CommandLine) -> None:
    api.ok(*HOOK, "--defaulting", "--validation")
    api.ok(*SECOND)
    api.ok(*CONVERT)
    run_generator(api.folder)
    kustomization = api.folder / "config/default/kustomization.yaml"
    kustomization.write_text(
        kustomization.read_text().replace("\ncomponents:\n", "\ncomponents:\n- ../network-policy\n")
        + "nameSuffix: -blue\n"
    )
    objects = build(api)
    prefix, namespace = "kaiwu-operator-", "kaiwu-operator-system"
    service = objects["Service", f"{prefix}webhook-service-blue"]
    container = objects["Deployment", f"{prefix}controller-manager-blue"]["spec"]["template"]["spec"]["containers"][0]
    (port,) = [each for each in container["ports"] if each["name"] == "webhook"]
    (policy,) = [each for each in objects.values() if each["metadata"]["name"].startswith(f"{prefix}allow-webhook")]
    assert service["spec"]["ports"][0]["targetPort"] == "webhook"
    assert policy["spec"]["ingress"][0]["ports"] == [{"port": "webhook", "protocol": "TCP"}]
    assert f"--webhook-port={port['containerPort']}" in container["args"]
    # The name that the manager is told is the one that is deployed, whatever kustomize adds to it.
    assert container["args"][container["args"].index("--webhook-self-signed") + 1] == service["metadata"]["name"]
    reference = {"name": service["metadata"]["name"], "namespace": namespace}
    names = []
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        ((name, configuration),) = [(name, each) for (found, name), each in objects.items() if found == kind]
        client = configuration["webhooks"][0]["clientConfig"]["service"]
        assert {key: client[key] for key in reference} == reference
        names.append(name)
    crd = objects["CustomResourceDefinition", "kaiwuclusters.kaiwu.inspur.com"]
    client = crd["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
    assert {key: client[key] for key in reference} == reference
    rules = objects["ClusterRole", f"{prefix}webhook-certificate-role-blue"]["rules"]
    assert sorted(name for rule in rules for name in rule["resourceNames"]) == sorted([*names, crd["metadata"]["name"]])


def test_cert_manager_writes_its_objects_with_the_deployed_names(api: CommandLine) -> None:
    api.ok(*HOOK, "--validation", "--certificates=cert-manager")
    assert not (api.folder / "config/webhook/role.yaml").exists()
    run_generator(api.folder)
    objects = build(api)
    certificate = objects["Certificate", "kaiwu-operator-serving-cert"]["spec"]
    assert certificate["dnsNames"] == [
        "kaiwu-operator-webhook-service.kaiwu-operator-system.svc",
        "kaiwu-operator-webhook-service.kaiwu-operator-system.svc.cluster.local",
    ]
    assert ("Issuer", certificate["issuerRef"]["name"]) in objects
    configuration = objects["ValidatingWebhookConfiguration", "kaiwu-operator-validating-webhook-configuration"]
    assert configuration["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "kaiwu-operator-system/kaiwu-operator-serving-cert"
    }
    pod = objects["Deployment", "kaiwu-operator-controller-manager"]["spec"]["template"]["spec"]
    assert pod["volumes"] == [{"name": "webhook-certs", "secret": {"secretName": certificate["secretName"]}}]
    assert "--webhook-self-signed" not in pod["containers"][0]["args"]


def test_without_certificates_the_secret_is_mounted(api: CommandLine) -> None:
    api.ok(*HOOK, "--validation", "--certificates=none")
    run_generator(api.folder)
    pod = build(api)["Deployment", "kaiwu-operator-controller-manager"]["spec"]["template"]["spec"]
    assert pod["volumes"][0]["secret"] == {"secretName": "webhook-server-cert"}
    assert not (api.folder / "config/certmanager").exists()


def test_it_builds_before_the_manifests_are_made(api: CommandLine) -> None:
    api.ok(*HOOK, "--validation")
    assert ("Service", "webhook-service") in {(kind, name) for kind, name in build_component(api, "config/webhook")}


def build_component(project: CommandLine, component: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what a component builds together with the manager."""
    folder = project.folder / "build/component"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(
        f"resources:\n- ../../config/manager\n- ../../config/rbac\ncomponents:\n- ../../{component}\n"
    )
    return build(project, "build/component")


def test_namespaced(empty: CommandLine) -> None:
    empty.ok(*INIT, "--namespaced")
    empty.ok(*CREATE_ONLY)
    empty.ok(*HOOK, "--validation")
    run_generator(empty.folder, "--namespaced")
    (configuration,) = [each for (kind, _), each in build(empty).items() if kind.startswith("Validating")]
    labels = {"kubernetes.io/metadata.name": "kaiwu-operator-system"}
    assert configuration["webhooks"][0]["namespaceSelector"] == {"matchLabels": labels}


def test_multigroup(empty: CommandLine) -> None:
    empty.ok(*INIT, "--multigroup")
    empty.ok(*CREATE_ONLY)
    empty.ok(*HOOK, "--validation")
    assert (empty.folder / "controllers/kaiwu/kaiwucluster_webhook.py").exists()
    assert (empty.folder / "tests/test_kaiwu_v1_kaiwucluster_webhook.py").exists()
    run_generator(empty.folder)
    (configuration,) = yaml.safe_load_all((empty.folder / "config/webhook/manifests.yaml").read_text())
    assert configuration["webhooks"][0]["name"] == "vkaiwucluster-v1.kaiwu.inspur.com"


def test_only_the_metrics_are_scraped(api: CommandLine) -> None:
    """The Prometheus operator scrapes each port of an endpoint's name, of every Service that has the labels."""
    api.ok(*HOOK, "--validation")
    run_generator(api.folder)
    kustomization = api.folder / "config/default/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("\ncomponents:\n", "\ncomponents:\n- ../prometheus\n"))
    objects = build(api)
    (monitor,) = [each for (kind, _), each in objects.items() if kind == "ServiceMonitor"]
    selector, names = (
        monitor["spec"]["selector"]["matchLabels"],
        {each["port"] for each in monitor["spec"]["endpoints"]},
    )
    scraped = [
        port["targetPort"]
        for (kind, _), service in objects.items()
        if kind == "Service"
        and service["metadata"]["namespace"] == monitor["metadata"]["namespace"]
        and selector.items() <= service["metadata"]["labels"].items()
        for port in service["spec"]["ports"]
        if port["name"] in names
    ]
    assert scraped == ["metrics"]
