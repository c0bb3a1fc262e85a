"""A real Kubernetes API server for tests and experiments, without a cluster, containers or root.

    from kaiwu_runtime.envtest import ControlPlane

    with ControlPlane() as control_plane:            # etcd and kube-apiserver, ready in about 3 seconds
        control_plane.install_crds("config/crd/bases")
        control_plane.install_webhooks("config/webhook")          # for a manager in this process
        namespace = control_plane.create_namespace()
        control_plane.kubeconfig                     # pathlib.Path, cluster administrator
        control_plane.url                            # https://127.0.0.1:<port>
        control_plane.add_user("ann", ["developers"])             # kubeconfig of an RBAC user
        control_plane.service_account_token("manager", namespace)
        control_plane.kill_apiserver()               # and stop_apiserver, pause, resume, compact_etcd
        control_plane.start_apiserver()              # on the same port

In a test suite, ``pytest_plugins = ["kaiwu_runtime.envtest.pytest_plugin"]`` provides the fixtures
``control_plane``, ``kubeconfig``, ``namespace`` and ``install_crds``. From a shell,
``python -m kaiwu_runtime.envtest`` has ``setup``, ``path``, ``up`` and ``down``.

The programs are searched for in KUBEBUILDER_ASSETS, on PATH and in the cache; ``setup`` downloads or builds them
once.
"""

from __future__ import annotations

from kaiwu_runtime._lazy_names import lazy_names

# Not typing's, whose import takes most of the time until a command line can report Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from kaiwu_runtime.envtest._background import Background, down, status, up
    from kaiwu_runtime.envtest._binaries import Binaries, locate
    from kaiwu_runtime.envtest._control_plane import ControlPlane
    from kaiwu_runtime.envtest._progress import Progress, Step
    from kaiwu_runtime.envtest._provision import setup
    from kaiwu_runtime.envtest._webhooks import WebhookInstallation

__all__ = [
    "Background",
    "Binaries",
    "ControlPlane",
    "Progress",
    "Step",
    "WebhookInstallation",
    "down",
    "locate",
    "setup",
    "status",
    "up",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Background": "_background",
        "Binaries": "_binaries",
        "ControlPlane": "_control_plane",
        "Progress": "_progress",
        "Step": "_progress",
        "WebhookInstallation": "_webhooks",
        "down": "_background",
        "locate": "_binaries",
        "setup": "_provision",
        "status": "_background",
        "up": "_background",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
