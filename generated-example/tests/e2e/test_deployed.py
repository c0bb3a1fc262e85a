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

"""The operator as it is deployed: image, permissions, probes, samples.

`make test-e2e IMG=...` runs this against the cluster of the current kubeconfig. How an image gets into that cluster
depends on the cluster: E2E_LOAD is a command that the image's name is appended to (`kind load docker-image`); without
it the image is pushed.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NAMESPACE = "kaiwu-operator-system"
IMAGE = os.environ.get("E2E_IMG", "controller:latest")


def run(command: str, *, check: bool = True) -> str:
    finished = subprocess.run(
        command, shell=True, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    print(f"$ {command}\n{finished.stdout}")
    assert not check or finished.returncode == 0, f"{command}: status {finished.returncode}\n{finished.stdout}"
    return finished.stdout


@pytest.fixture(scope="module")
def deployed() -> Iterator[None]:
    run(f"make docker-build IMG={IMAGE}")
    load = os.environ.get("E2E_LOAD")
    run(f"{load} {IMAGE}" if load else f"make docker-push IMG={IMAGE}")
    run(f"make deploy IMG={IMAGE}")
    try:
        yield
    finally:
        run(f"kubectl -n {NAMESPACE} describe pods", check=False)
        run(f"kubectl -n {NAMESPACE} logs deployment/kaiwu-operator-controller-manager --tail=100", check=False)
        run(f"kubectl -n {NAMESPACE} get events", check=False)
        run(f"make undeploy IMG={IMAGE} ignore-not-found=true")


def test_the_manager_runs(deployed: None) -> None:
    run(f"kubectl -n {NAMESPACE} rollout status deployment/kaiwu-operator-controller-manager --timeout=180s")
    restarts = run(
        f"kubectl -n {NAMESPACE} get pods -l control-plane=controller-manager "
        "-o jsonpath='{.items[*].status.containerStatuses[*].restartCount}'"
    )
    assert set(restarts.split()) == {"0"}


def test_the_samples_become_ready(deployed: None) -> None:
    if not (PROJECT / "config/samples/kustomization.yaml").exists():
        return  # there is no API yet
    run("kubectl apply -k config/samples")
    run("kubectl wait --for=condition=Ready --timeout=120s -k config/samples")
    run("kubectl delete -k config/samples --timeout=60s")
