"""The small process that empties deleted namespaces in a control plane without kube-controller-manager.

Run as a script (``python -I -S _namespaces.py PORT PKI``), standard library only, beside the control plane that ``up``
starts: without it ``kubectl delete namespace``, and with it ``make undeploy``, would wait for ever. It does what the
namespace controller does: delete every object in the namespace, wait until none is left, then release the namespace.
An object with a finalizer stays until its operator removes it, as in a cluster.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

_PAUSE_SECONDS = 0.5
_TIMEOUT_SECONDS = 30.0
_WATCH_SECONDS = 300
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_FINALIZER = "kubernetes"


class Server:
    """The API server.

    Args:
        port: Its port on 127.0.0.1.
        pki: Directory with ``ca.crt`` and ``admin.pem``.
    """

    def __init__(self, port: int, pki: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(str(pki / "admin.pem"))

    def request(self, method: str, path: str, body: object = None, *, accept: str = "application/json") -> Any:  # noqa: ANN401 - JSON
        """Send a request and return what the answer has; None for an object that is not there.

        Raises:
            OSError: No answer, or an error.
        """
        with contextlib.closing(self._connection(_TIMEOUT_SECONDS)) as connection:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Accept": accept, "Content-Type": "application/json"})
            response = connection.getresponse()
            data = response.read()
        if response.status in {404, 405}:
            return None
        if response.status >= 400:
            raise OSError(f"{method} {path}: {response.status}")
        return json.loads(data or b"null")

    def wait_for_deletion(self, version: str) -> None:
        """Return when a namespace is being deleted, or some minutes later.

        Args:
            version: The resourceVersion of the list that had none.
        """
        path = f"/api/v1/namespaces?watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        with contextlib.closing(self._connection(_WATCH_SECONDS + _TIMEOUT_SECONDS)) as connection:
            connection.request("GET", path, headers={"Accept": "application/json"})
            for line in connection.getresponse():
                event = json.loads(line)
                if event["type"] == "ERROR" or event["object"]["metadata"].get("deletionTimestamp"):
                    return

    def _connection(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context, timeout=timeout)


def serve(server: Server) -> None:
    """Empty the namespaces that are being deleted, until this process is killed.

    An error ends nothing: the API server may be restarted, and the end of this process would end the control plane.
    """
    while True:
        with contextlib.suppress(Exception):
            found = server.request("GET", "/api/v1/namespaces")
            deleted = [each for each in found["items"] if each["metadata"].get("deletionTimestamp")]
            for namespace in deleted:
                with contextlib.suppress(Exception):  # the others are emptied all the same
                    empty(server, namespace)
            if not deleted:
                server.wait_for_deletion(found["metadata"]["resourceVersion"])
                continue
        time.sleep(_PAUSE_SECONDS)


def empty(server: Server, namespace: dict[str, Any]) -> None:
    """Delete what a namespace has, and release it when nothing is left."""
    name = quote(namespace["metadata"]["name"])
    left = False
    for path in collections(server, name):
        try:
            listed = server.request("GET", f"{path}?limit=1")
            if not listed or not listed["items"]:
                continue
            left = True
            # Without grace: no node would stop a Pod.
            server.request("DELETE", f"{path}?gracePeriodSeconds=0&propagationPolicy=Background")
        except OSError:  # a policy or a webhook rejects it; the others go
            left = True
    if not left:
        kept = [each for each in namespace["spec"].get("finalizers") or () if each != _FINALIZER]
        body = {**namespace, "spec": {**namespace["spec"], "finalizers": kept}}
        server.request("PUT", f"/api/v1/namespaces/{name}/finalize", body)


def collections(server: Server, namespace: str) -> list[str]:
    """Return the paths of everything that a namespace can have and that can be deleted."""
    paths = []
    for root in ("/api", "/apis"):
        for group in (server.request("GET", root, accept=_DISCOVERY) or {}).get("items", ()):
            name = group["metadata"].get("name")
            # The first version that has a resource: the others are the same objects.
            seen: set[str] = set()
            for version in group["versions"]:
                for resource in version.get("resources", ()):
                    plural = resource["resource"]
                    wanted = resource["scope"] == "Namespaced" and {"list", "deletecollection"} <= set(
                        resource["verbs"]
                    )
                    if wanted and plural not in seen:
                        seen.add(plural)
                        prefix = f"{root}/{name}/{version['version']}" if name else f"{root}/{version['version']}"
                        paths.append(f"{prefix}/namespaces/{namespace}/{plural}")
    return paths


if __name__ == "__main__":
    serve(Server(int(sys.argv[1]), Path(sys.argv[2])))
