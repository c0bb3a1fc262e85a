"""An operator as a process outside the cluster, which serves its webhooks with --webhook-local."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._ports import free_port

GROUP = "local.example.com"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.{GROUP}"
SOURCE = f'''
import sys

from kaiwu_runtime import Manager, ManagerOptions
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.webhook import (
    AdmissionDenied, Defaulter, Validator, Webhook, converting, copy_common, mutating, validating, webhook_managed_by
)


class ShopSpec(APIModel):
    size: int | None = None


@resource(group="{GROUP}", version="v2")
class Shop(CustomResource):
    spec: ShopSpec = ShopSpec()


@resource(group="{GROUP}", version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    spec: ShopSpec = ShopSpec()


@mutating()
class Defaults(Defaulter[Shop]):
    def default(self, obj, request):
        obj.spec.size = obj.spec.size or 3


@validating()
class Rules(Validator[Shop]):
    def validate_create(self, obj, request):
        if obj.spec.size > 9:
            raise AdmissionDenied("a shop has at most 9 rooms")


@converting(Shop, OldShop)
class Hooks(Webhook):
    def setup_with_manager(self, manager):
        webhooks = webhook_managed_by(manager).for_(Shop).with_defaulter(Defaults()).with_validator(Rules())
        webhooks.with_spoke(OldShop, lambda old: copy_common(old, Shop), lambda new: copy_common(new, OldShop))
        webhooks.complete()


def main():
    if sys.argv[1:] == ["manifests"]:
        import json
        from kaiwu_runtime.generator import build_crds
        from kaiwu_runtime.generator._webhooks import build_webhook_configurations, with_conversions
        from kaiwu_runtime.webhook._configuration import declared_conversions, declared_webhooks

        (crd,) = with_conversions(build_crds([Shop, OldShop]), declared_conversions(Hooks))
        hooks = build_webhook_configurations([*declared_webhooks(Defaults), *declared_webhooks(Rules)])
        print(json.dumps([crd.manifest, hooks]))
        return 0
    manager = Manager(ManagerOptions.from_args(field_manager="shop"))
    manager.setup(Hooks)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
'''


class Operator:
    """The operator as a process of its own, in a folder with its manifests."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        self.port = free_port()
        self.processes: list[subprocess.Popen[str]] = []
        (folder / "operator_under_test.py").write_text(textwrap.dedent(SOURCE))
        made = subprocess.run(
            [sys.executable, "operator_under_test.py", "manifests"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        crd, self.configurations = json.loads(made.stdout)
        (folder / "crd.yaml").write_text(json.dumps(crd))
        (folder / "config/webhook").mkdir(parents=True)
        (folder / "config/webhook/manifests.yaml").write_text(
            "\n---\n".join(json.dumps(each) for each in self.configurations)
        )

    def start(self, *flags: str) -> subprocess.Popen[str]:
        given = flags or ("--webhook-local",)
        argv = [sys.executable, "operator_under_test.py", *given, "--webhook-port", str(self.port)]
        argv += ["--kubeconfig", str(self.plane.kubeconfig), "--health-probe-bind-address", "0", "--log-format", "json"]
        process = subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.processes.append(process)
        return process

    def started(self, *flags: str) -> subprocess.Popen[str]:
        """Start it and wait until it serves."""
        process = self.start(*flags)
        deadline = time.monotonic() + 30
        lines = ""
        assert process.stdout is not None
        while time.monotonic() < deadline:
            line = process.stdout.readline()
            lines += line
            if "The API server calls the webhooks of this process" in line:
                return process
            if not line and process.poll() is not None:
                break
        raise AssertionError(lines)

    def refused(self, *flags: str) -> str:
        """Start it where it must not, and return what it says."""
        output, _ = self.start(*flags).communicate(timeout=60)
        assert "Traceback" not in output
        return output

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        process.communicate(timeout=30)
        return process.returncode

    def create(self, namespace: str, name: str, size: int | None, version: str = "v2") -> tuple[int, str]:
        spec = {} if size is None else {"size": size}
        body = {"apiVersion": f"{GROUP}/{version}", "kind": "Shop", "metadata": {"name": name}, "spec": spec}
        code, data = self.plane.rest.request("POST", f"/apis/{GROUP}/{version}/namespaces/{namespace}/shops", body)
        return code, data.decode()

    def names(self) -> list[str]:
        found = []
        for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
            items = self.plane.rest.object("GET", f"{CONFIGURATIONS}/{kind}")["items"]
            found += [item["metadata"]["name"] for item in items]
        return found

    def crd(self) -> dict[str, Any]:
        return self.plane.rest.object("GET", CRD)
