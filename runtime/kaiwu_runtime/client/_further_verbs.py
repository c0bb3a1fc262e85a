"""The client's methods beyond the verbs of single objects: whole collections, discovery and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._request_options import PropagationPolicy, delete_options
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.rest._paths import collection_path

if TYPE_CHECKING:
    from kaiwu_runtime.client._tokens import Token

TOKEN_SECONDS = 3600


class _Resource(msgspec.Struct):
    name: str = ""
    kind: str = ""


class _ResourceList(msgspec.Struct):
    resources: list[_Resource] | None = None


_resources = msgspec.json.Decoder(_ResourceList)


class FurtherVerbs(BaseClient):
    """The methods; :class:`~kaiwu_runtime.client.Client` has them."""

    async def delete_all_of(
        self,
        kind: type[Any],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        propagation: PropagationPolicy = "Background",
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
    ) -> None:
        """Delete the objects of a namespace that match, by one request; without selectors all of them.

        Needs ``@rbac(Kind, verbs="deletecollection")``.

        Args:
            kind: A project's type or a lightkube kind.
            namespace: The namespace; the API server deletes in one only. Ignored for a cluster-scoped kind.
            label_selector: For example ``app=db,tier!=cache``.
            field_selector: For example ``status.phase=Failed``.
            propagation: What happens to the objects that they own.
            grace_period_seconds: For pods; default is the objects' own.
            dry_run: Let the server check it without deleting.

        Raises:
            ValueError: The kind is namespaced, and no namespace is given.
            MethodNotAllowedError: The kind does not offer it, as Namespace and Service of older API servers.
            APIError: Any other failure.
        """
        identity = identify(kind)
        namespace = self.namespace_for(identity, namespace)
        if identity.namespaced and not namespace:
            raise ValueError(f"delete_all_of: {identity.kind}: no namespace: name it with namespace=...")
        options = delete_options(
            propagation=propagation,
            uid="",
            resource_version="",
            grace_period_seconds=grace_period_seconds,
            dry_run=dry_run,
        )
        params = {"labelSelector": label_selector, "fieldSelector": field_selector}
        self._forget_apply("")
        await self.transport.request(
            "DELETE",
            collection_path(identity, namespace),
            params={name: value for name, value in params.items() if value},
            body=msgspec.json.encode(options),
        )

    async def serves(self, kind: type[Any]) -> bool:
        """Return whether the API server has a kind, in this version: one of an optional CRD, for instance.

        It is asked each time. A CRD that was created a moment ago may not be served yet. No rule is needed: every
        authenticated user may ask.

        Args:
            kind: A project's type or a lightkube kind.

        Raises:
            APIError: The question was not answered.
        """
        identity = identify(kind)
        group = f"/apis/{identity.group}/{identity.version}" if identity.group else f"/api/{identity.version}"
        try:
            answer = await self.transport.request("GET", group)
        except NotFoundError:
            return False
        served = read_answer(_resources, answer, f"GET {group}").resources or ()
        return any((each.name, each.kind) == (identity.plural, identity.kind) for each in served)

    async def create_token(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        namespace: str = "",
        audiences: Sequence[str] = (),
        expiration_seconds: int = TOKEN_SECONDS,
        bound_to: object | None = None,
    ) -> Token:
        """Return a new token of a service account, as ``kubectl create token`` does.

        Needs ``@rbac(ServiceAccount, subresource="token", verbs="create")``.

        Args:
            kind: ServiceAccount.
            name: The service account's name, or its key.
            namespace: Its namespace.
            audiences: For whom the token is; empty for the API server itself.
            expiration_seconds: How long it is valid, 600 or more; the API server may choose another time.
            bound_to: A Pod, Secret or Node: the token is valid for as long as it exists.

        Raises:
            NotFoundError: There is no such service account, or no such object.
            ValueError: The time is too short, or the object has no name.
            APIError: Any other failure.

        See https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
        """
        from kaiwu_runtime.client._tokens import decode_token, token_request  # noqa: PLC0415 - few operators need it

        path, _ = self._path_of(identify(kind), name, namespace, "token")
        body = msgspec.json.encode(token_request(audiences, expiration_seconds, bound_to))
        return decode_token(await self.transport.request("POST", path, body=body))
