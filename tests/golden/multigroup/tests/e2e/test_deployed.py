# Copyright 2026.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The operator as it is deployed: image, permissions, probes, metrics, samples, failures and an upgrade.

`make test-e2e IMG=...` runs this against the cluster of the current kubeconfig, where the operator must not be deployed
yet. The tests go on from one another, in the order of the file.

    E2E_LOAD        a command that brings an image into the cluster, its name appended: "kind load docker-image";
                    without it the image is pushed
    E2E_NODE_EXEC   a command that runs another one on the node: "docker exec kind-control-plane"; with it the container
                    is killed with SIGKILL, without it the manager is told to end at once
    BUILD_ARGS      more arguments for the image build, as for `make docker-build`
    CONTAINER_TOOL  docker, podman or buildah
"""

import json
import os
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
NAME = "kaiwu-operator"
NAMESPACE = f"{NAME}-system"
MANAGER = f"{NAME}-controller-manager"
IMAGE = os.environ.get("E2E_IMG", "controller:latest")
NEXT = f"{IMAGE}-next"
SAMPLES = PROJECT / "config/samples/kustomization.yaml"


def run(command: str, *, check: bool = True, stdin: str | None = None) -> str:
    began = time.monotonic()
    finished = subprocess.run(
        command,
        shell=True,
        cwd=PROJECT,
        text=True,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(f"$ {command}   ({time.monotonic() - began:.1f} s)\n{finished.stdout}")
    assert not check or finished.returncode == 0, f"{command}: status {finished.returncode}\n{finished.stdout}"
    return finished.stdout


def until(condition: Callable[[], object], seconds: float) -> None:
    """Wait for something, and fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.5)


def get(what: str) -> Any:
    return json.loads(run(f"kubectl get {what} --output=json"))


def pods() -> list[dict[str, Any]]:
    """Return the manager's pods, those that are ending left out."""
    found = get(f"pods --namespace={NAMESPACE} --selector=control-plane=controller-manager")["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def wait_for_rollout() -> None:
    run(f"kubectl --namespace={NAMESPACE} rollout status deployment/{MANAGER} --timeout=180s")


def bring(image: str) -> None:
    """Bring an image into the cluster."""
    load = os.environ.get("E2E_LOAD")
    run(f"{load} {image}" if load else f"make docker-push IMG={image}")


def samples() -> list[dict[str, Any]]:
    """Return the manifests of the samples; none before the first API."""
    return list(yaml.safe_load_all(run("kubectl kustomize config/samples"))) if SAMPLES.exists() else []


def copies(count: int, prefix: str) -> list[dict[str, Any]]:
    """Return every sample under other names."""
    return [
        dict(sample, metadata=dict(sample["metadata"], name=f"{prefix}-{number}"))
        for sample in samples()
        for number in range(count)
    ]


def apply(manifest: dict[str, Any]) -> None:
    run("kubectl apply --server-side --filename=-", stdin=json.dumps(manifest))


def is_ready(manifest: dict[str, Any]) -> bool:
    """Return whether an object is as its spec asks: Ready, or Available where it has pods."""
    (found,) = json.loads(run("kubectl get --output=json --filename=-", stdin=json.dumps(manifest)))["items"]
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] in {"Ready", "Available"} and each["status"] == "True" for each in conditions)


def wait_until_ready(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        until(partial(is_ready, manifest), 120)


def delete(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        run("kubectl delete --timeout=60s --filename=-", stdin=json.dumps(manifest))


def check_it_works(prefix: str) -> None:
    """Let the manager, whichever pod that is now, bring new objects to Ready."""
    made = copies(2, prefix)
    for manifest in made:
        apply(manifest)
    wait_until_ready(made)
    delete(made)


@pytest.fixture(scope="module", autouse=True)
def deployed(request: pytest.FixtureRequest) -> Iterator[None]:
    present = run(f"kubectl get namespace {NAMESPACE} --ignore-not-found --output=name")
    if present.strip():
        context = run("kubectl config current-context", check=False).strip()
        pytest.fail(
            f"{NAMESPACE} exists in {context}: run `make undeploy` first, or choose another cluster", pytrace=False
        )
    run(f"make docker-build IMG={IMAGE}")
    bring(IMAGE)
    try:
        run(f"make deploy IMG={IMAGE}")
        yield
    finally:
        if request.session.testsfailed:
            for command in (
                "describe pods",
                f"logs deployment/{MANAGER} --tail=200",
                "get events --sort-by=.lastTimestamp",
            ):
                run(f"kubectl --namespace={NAMESPACE} {command}", check=False)
        run(f"make undeploy IMG={IMAGE} ignore-not-found=true", check=False)


def test_the_manager_runs() -> None:
    wait_for_rollout()
    (pod,) = pods()
    (status,) = pod["status"]["containerStatuses"]
    assert (pod["status"]["phase"], status["ready"], status["restartCount"]) == ("Running", True, 0)
    labels = get(f"namespace {NAMESPACE}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_samples_become_ready() -> None:
    made = samples()
    for manifest in made:
        apply(manifest)
    wait_until_ready(made)
    delete(made)


@contextmanager
def metrics_port() -> Iterator[int]:
    """Forward a local port to the metrics Service."""
    command = ["kubectl", f"--namespace={NAMESPACE}", "port-forward", f"service/{MANAGER}-metrics-service", ":8443"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            line = forwarding.stdout.readline()
            match = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert match is not None, line
            yield int(match[1])
        finally:
            forwarding.terminate()


def scrape(port: int, token: str) -> tuple[int, str]:
    request = urllib.request.Request(f"https://127.0.0.1:{port}/metrics")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # self-signed, unless you gave another
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_metrics_are_for_those_who_may_read_them() -> None:
    in_namespace = f"kubectl --namespace={NAMESPACE}"
    for account in ("e2e-reader", "e2e-stranger"):
        run(f"{in_namespace} create serviceaccount {account}")
    run(
        f"kubectl create clusterrolebinding {NAME}-e2e-metrics --clusterrole={NAME}-metrics-reader "
        f"--serviceaccount={NAMESPACE}:e2e-reader"
    )
    try:
        reader, stranger = (
            run(f"{in_namespace} create token {account}").strip() for account in ("e2e-reader", "e2e-stranger")
        )
        with metrics_port() as port:
            assert scrape(port, "")[0] == 401
            assert scrape(port, "nonsense")[0] == 401
            assert scrape(port, stranger)[0] == 403
            status, text = scrape(port, reader)
        assert status == 200
        assert "controller_runtime_active_workers" in text or not samples()
        # Whatever the manager asked for so far, its role allowed.
        assert re.findall(r'rest_client_requests_total{code="40[13]".*', text) == []
    finally:
        run(f"kubectl delete clusterrolebinding {NAME}-e2e-metrics")


def test_a_deleted_pod_is_replaced() -> None:
    (old,) = pods()
    run(f"kubectl --namespace={NAMESPACE} delete pod {old['metadata']['name']} --timeout=60s")
    wait_for_rollout()
    (new,) = pods()
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    check_it_works("after-delete")


def test_a_killed_container_starts_again() -> None:
    (pod,) = pods()
    node_exec = os.environ.get("E2E_NODE_EXEC")
    if node_exec:
        run(f"{node_exec} pkill -KILL -f '^python /app/main.py'")
    else:
        # The first process of a container cannot be killed from inside; a second SIGTERM makes the manager end at once.
        code = "import os; os.kill(1, 15); os.kill(1, 15)"
        run(f"kubectl --namespace={NAMESPACE} exec {pod['metadata']['name']} -- python -c '{code}'", check=False)

    def restarted() -> bool:
        statuses = [status for each in pods() for status in each["status"].get("containerStatuses", ())]
        return any(status["restartCount"] == 1 and status["ready"] for status in statuses)

    until(restarted, 120)
    check_it_works("after-kill")


def test_an_upgrade_misses_nothing() -> None:
    run(f"{os.environ.get('CONTAINER_TOOL', 'docker')} tag {IMAGE} {NEXT}")
    bring(NEXT)
    run(f"make deploy IMG={NEXT}")
    made = copies(10, "during-upgrade")
    for manifest in made:
        apply(manifest)
    wait_for_rollout()
    wait_until_ready(made)
    until(lambda: [pod["spec"]["containers"][0]["image"] for pod in pods()] == [NEXT], 60)
    delete(made)


def test_nothing_is_left_behind() -> None:
    kinds = "namespaces,crds,clusterroles,clusterrolebindings,priorityclasses"
    ours = f"kubectl get {kinds} --output=name"
    run(f"make undeploy IMG={NEXT}")
    until(lambda: [line for line in run(ours).splitlines() if f"/{NAME}-" in line] == [], 120)
    groups = {sample["apiVersion"].partition("/")[0] for sample in samples()}
    assert [line for line in run(ours).splitlines() if any(line.endswith(f".{group}") for group in groups)] == []
