"""The operator works under its generated roles: nothing is forbidden, and nothing is granted that it does not use.

The API server's audit log says what was asked for, by whom, and what came of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lightkube.generic_resource import create_namespaced_resource
from ruamel.yaml import YAML

from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane

from .generation import environment

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("permissions")]

NAMESPACE = "kaiwu-operator-system"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:kaiwu-operator-controller-manager"
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""

ANYTHING = json.dumps(
    [
        {
            "op": "replace",
            "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/foo",
            "value": {"x-kubernetes-preserve-unknown-fields": True},
        }
    ]
)
"""A definition that lets more through than the operator's type: the operator tells of such an object."""

Use = tuple[str, str, str]
"""Verb, API group and resource, with its subresource."""


@dataclass(frozen=True)
class Audit:
    """The API server's audit log."""

    path: Path

    def of(self, user: str) -> list[dict[str, Any]]:
        """Return what was logged of a user's requests for resources."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in events if event["user"]["username"] == user and "objectRef" in event]

    def uses(self, user: str) -> dict[Use, set[int]]:
        """Return the status codes of everything that a user did."""
        found: dict[Use, set[int]] = {}
        for event in self.of(user):
            reference = event["objectRef"]
            resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
            use = (event["verb"], reference.get("apiGroup", ""), resource)
            found.setdefault(use, set()).add(event.get("responseStatus", {}).get("code", 0))
        return found


def granted(folder: Path) -> set[Use]:
    """Return everything that the roles of the manager's account allow."""
    command = ["kubectl", "kustomize", str(folder / "config" / "default")]
    objects = list(YAML(typ="safe").load_all(subprocess.run(command, capture_output=True, check=True).stdout))
    bound = {
        (each["roleRef"]["kind"], each["roleRef"]["name"])
        for each in objects
        if each["kind"].endswith("Binding")
        and any(s["name"] == ACCOUNT.rsplit(":", maxsplit=1)[-1] for s in each["subjects"])
    }
    rules = [rule for each in objects if (each["kind"], each["metadata"]["name"]) in bound for rule in each["rules"]]
    return {
        (verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Audit]]:
    folder = tmp_path_factory.mktemp("audit")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    flags = [f"--audit-policy-file={folder}/policy.yaml", f"--audit-log-path={folder}/audit.log"]
    with ControlPlane(api_server_flags=flags) as plane:
        yield plane, Audit(folder / "audit.log")


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def test_the_roles_are_enough_and_no_more(
    repository: Path, audited: tuple[ControlPlane, Audit], tmp_path: Path, unused_tcp_port: int
) -> None:
    plane, audit = audited
    example = repository / "generated-example"

    def kubectl(*words: str, stdin: str | None = None) -> str:
        command = ["kubectl", f"--kubeconfig={plane.kubeconfig}", *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout

    kubectl("apply", "--server-side", f"--kustomize={example}/config/default")
    kubeconfig = plane.service_account_kubeconfig("kaiwu-operator-controller-manager", NAMESPACE)
    arguments = [
        "--leader-elect",
        f"--leader-election-namespace={NAMESPACE}",
        f"--metrics-bind-address=127.0.0.1:{unused_tcp_port}",
        "--health-probe-bind-address=0",
        f"--kubeconfig={kubeconfig}",
    ]
    log = tmp_path / "operator.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "main.py", *arguments], cwd=example, env=environment(), stdout=output, stderr=output
        ) as operator,
    ):
        try:
            kubectl("apply", f"--kustomize={example}/config/samples")
            sample = ("kaiwucluster/kaiwucluster-sample",)
            kubectl("wait", "--for=condition=Ready", "--timeout=60s", *sample)
            scrape_with_a_stranger(plane, unused_tcp_port)
            asyncio.run(change_fast(plane, audit))
            kubectl("patch", "crd/kaiwuclusters.kaiwu.inspur.com", "--type=json", f"--patch={ANYTHING}")
            for broken in (1, 2):
                kubectl("patch", *sample, "--type=merge", f'--patch={{"spec": {{"foo": {broken}}}}}')
                kubectl("wait", "--for=condition=Decoded=False", "--timeout=60s", *sample)
                kubectl("patch", *sample, "--type=merge", '--patch={"spec": {"foo": "fits"}}')
                until(lambda: "Decoded" not in kubectl("get", *sample, "--output=yaml"))
            kubectl("delete", *sample)
            until(lambda: ("patch", "events.k8s.io", "events") in audit.uses(ACCOUNT))
            until(lambda: ("patch", "coordination.k8s.io", "leases") in audit.uses(ACCOUNT))
        finally:
            operator.terminate()
            operator.wait(30)
    assert operator.returncode == 0, log.read_text(encoding="utf-8")
    uses = audit.uses(ACCOUNT)
    allowed = granted(example)
    report = [f"{verb:7} {group or '(core)':22} {resource:24}" for verb, group, resource in sorted(allowed)]
    print("granted and used:", *report, sep="\n  ")
    assert {use for use, codes in uses.items() if codes & {401, 403}} == set(), log.read_text(encoding="utf-8")
    assert allowed - uses.keys() == set(), "granted, but never used"
    assert uses.keys() - allowed == set(), "used, but granted by another role"


async def change_fast(plane: ControlPlane, audit: Audit) -> None:
    """Change the sample faster than a cache follows: a status that meets a newer object makes the client read it."""
    kinds = create_namespaced_resource("kaiwu.inspur.com", "v1", "KaiwuCluster", "kaiwuclusters")
    async with Client.connect(plane.kubeconfig) as client:
        for number in range(300):
            patches = [{"spec": {"foo": f"x{number}-{part}"}} for part in range(10)]
            changes = (client.patch(kinds, "kaiwucluster-sample", patch, namespace="default") for patch in patches)
            await asyncio.gather(*changes)
            if ("get", "kaiwu.inspur.com", "kaiwuclusters") in audit.uses(ACCOUNT):
                return


def scrape_with_a_stranger(plane: ControlPlane, port: int) -> None:
    """Request the metrics with a token, which the manager then has reviewed by the API server."""

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    token = plane.service_account_token("stranger", "default")
    request = urllib.request.Request(f"https://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=context, timeout=20)
    assert refused.value.code == 403
