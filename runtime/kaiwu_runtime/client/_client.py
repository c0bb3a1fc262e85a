"""The typed client: one method per verb, objects in, objects out.

Writes are server-side apply, create, patch and delete. There is no replace: a typed object does not hold the fields
its type does not know, and a PUT would drop them.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Self

from kaiwu_runtime.client._apply_result import ApplyResultVerbs
from kaiwu_runtime.client._base_client import FIELD_MANAGER
from kaiwu_runtime.client._further_verbs import FurtherVerbs
from kaiwu_runtime.client._pod_verbs import PodVerbs
from kaiwu_runtime.client._read_verbs import ReadVerbs
from kaiwu_runtime.client._request_options import FieldValidation
from kaiwu_runtime.client._write_verbs import WriteVerbs
from kaiwu_runtime.config._credentials import load_credentials
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._transport import Transport


class Client(ReadVerbs, WriteVerbs, ApplyResultVerbs, PodVerbs, FurtherVerbs):
    """Reads from and writes to the API server directly; a :class:`~kaiwu_runtime.client.Reader`.

    Args:
        transport: How requests are sent.
        field_manager: Name under which server-side apply records the fields this client owns.
        namespace: The context's or pod's namespace, for callers that want a default; no method applies it by itself:
            see :class:`~kaiwu_runtime.client.NamespacedClient`.
        field_validation: What the API server does about unknown fields in creations and patches, by default; see
            :data:`~kaiwu_runtime.client.FieldValidation`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        field_manager: str = FIELD_MANAGER,
        namespace: str = "default",
        field_validation: FieldValidation = "",
    ) -> None:
        super().__init__(transport, field_manager=field_manager, namespace=namespace, field_validation=field_validation)
        self._reconnect: Callable[[], Client] | None = None

    @classmethod
    def connect(
        cls,
        kubeconfig: str | os.PathLike[str] | None = None,
        *,
        context: str = "",
        field_manager: str = FIELD_MANAGER,
        field_validation: FieldValidation = "",
    ) -> Self:
        """Return a client for the cluster that the environment points at; sends nothing yet.

        Args:
            kubeconfig: A file that has to be used; default None looks in KUBECONFIG, the pod, ``~/.kube/config``.
            context: Name of the context; default is the current one.
            field_manager: See the class.
            field_validation: See the class.

        Raises:
            ConfigurationError: No usable configuration.
        """
        credentials = load_credentials(kubeconfig=kubeconfig, context=context or None)
        client = cls(
            HTTPTransport(credentials),
            field_manager=field_manager,
            namespace=credentials.namespace,
            field_validation=field_validation,
        )
        client._reconnect = lambda: Client.connect(
            kubeconfig, context=context, field_manager=field_manager, field_validation=field_validation
        )
        return client

    def reconnect(self) -> Client | None:
        """Return a new client that is connected as this one was, for another event loop; None for one with a transport.

        Raises:
            ConfigurationError: No usable configuration any longer.
        """
        return None if self._reconnect is None else self._reconnect()
