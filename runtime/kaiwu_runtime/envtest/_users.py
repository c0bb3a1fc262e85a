"""The users of a control plane, each with a kubeconfig: by client certificate, or as a service account.

See https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest._base_control_plane import BaseControlPlane
from kaiwu_runtime.envtest._permissions import grant
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN_SECONDS = 24 * 3600  # longer than a debugger is left open
_NAME_BYTES = 64
"""How long a name in a certificate may be."""


class Users(BaseControlPlane):
    """Adds users to a control plane."""

    def add_user(self, name: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig for a user known by a client certificate; RBAC decides what the user may do.

        Args:
            name: User name, as RoleBindings name it.
            groups: Groups the user is in.

        Raises:
            ControlPlaneError: The name is empty or too long for a certificate, or the groups are not a list.
        """
        for each in (name, *_listed("groups", groups)):
            if not 0 < len(each.encode(errors="replace")) <= _NAME_BYTES:
                raise ControlPlaneError(f"{each[:80]!r}: the name of a user or group has 1 to {_NAME_BYTES} bytes")
        return self._write_user(name, self._authority.client(name, groups))

    def service_account_token(
        self, name: str, namespace: str = "default", *, audiences: Sequence[str] = (), seconds: int = 3600
    ) -> str:
        """Return a token of a service account, which is created when it does not exist.

        Args:
            name: Name of the service account.
            namespace: Its namespace, which must exist.
            audiences: Audiences of the token; default: the API server.
            seconds: Lifetime; the API server accepts 600 and above.

        Raises:
            ControlPlaneError: The audiences are not a list.
            APIStatusError: The API server rejected the request.
        """
        _listed("audiences", audiences)
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        self.rest.apply(accounts, account)
        return self._token(name, namespace, audiences, seconds)

    def service_account_kubeconfig(self, name: str, namespace: str = "default") -> Path:
        """Return a kubeconfig for a service account, which is created when it does not exist."""
        token = self.service_account_token(name, namespace)
        return self._write_user(f"{namespace}-{name}", token)

    def as_service_account(self, path: str | Path, *, namespace: str = "", name: str = "") -> Path:
        """Return a kubeconfig for the service account of a project, with the roles it is deployed with.

        Applies the ServiceAccount, the Roles, ClusterRoles and bindings of a kustomization that are about it, as
        ``make deploy`` does, and waits until the API server grants them. So a test runs an operator with exactly the
        permissions that its manifests declare.

        Args:
            path: Folder of the kustomization, for example ``config/rbac``, or a YAML file.
            namespace: Namespace of the operator, which takes the place of the one in the manifests (``system``);
                default a new one. It is also the namespace of the kubeconfig's context.
            name: Name of the ServiceAccount; needed only when the manifests have several.

        Raises:
            ControlPlaneError: The manifests cannot be read, or a binding refers to a role that does not exist.
            APIStatusError: The API server rejected the request.
        """
        where = namespace or self.create_namespace("operator-")
        account = grant(self.rest, Path(path), namespace=where, account=name)
        token = self._token(account.name, account.namespace, (), _TOKEN_SECONDS)
        return self._write_user(f"{account.namespace}-{account.name}", token, account.namespace)

    def _token(self, name: str, namespace: str, audiences: Sequence[str], seconds: int) -> str:
        spec = {"audiences": list(audiences), "expirationSeconds": seconds}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return str(self.rest.object("POST", path, request)["status"]["token"])


def _listed(argument: str, values: Sequence[str]) -> Sequence[str]:
    """Return a list of names; a single string would be taken for one name for each of its characters."""
    if isinstance(values, str):
        raise ControlPlaneError(f"{argument}={values!r} is a string: write {argument}=[{values!r}]")
    return values
