"""The client's methods for what runs: commands in pods, their logs, evictions, and requests to pods and Services."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._request_options import delete_options
from kaiwu_runtime.rest._raw_transport import ANSWER_SECONDS, raw

if TYPE_CHECKING:
    from kaiwu_runtime.client._exec import ExecResult, Stdin
    from kaiwu_runtime.client._service_proxy import ProxyResponse

EXEC_SECONDS = 60.0
OUTPUT_BYTES = 64 << 20

# The modules behind the methods are imported when they are used: few operators use them all.
# ruff: noqa: PLC0415


class PodVerbs(BaseClient):
    """The methods; :class:`~kaiwu_runtime.client.Client` has them."""

    async def exec(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        command: Sequence[str],
        *,
        namespace: str = "",
        container: str = "",
        stdin: Stdin | None = None,
        timeout: float | None = EXEC_SECONDS,  # noqa: ASYNC109 - the error tells what was written until then
        output_limit: int = OUTPUT_BYTES,
    ) -> ExecResult:
        """Run a command in a container, as ``kubectl exec`` does, and return its output and exit code.

        Needs ``@rbac(Pod, subresource="exec", verbs=["create", "get"])``. A command is never run a second time by
        the client: after an error it may have run, in part or as a whole.

        Args:
            kind: Pod.
            name: The pod's name, or its key.
            command: The program and its arguments. No shell is involved: for one use ``["sh", "-c", "..."]``.
            namespace: The pod's namespace.
            container: Name of the container; empty for the pod's default one.
            stdin: What to write to its standard input, which is closed then: bytes, text, or an async iterable of
                bytes. None: there is none.
            timeout: Maximum seconds, connecting included; None for no limit. The command itself is not ended by it:
                Kubernetes has no means to; run it with ``timeout 30 ...`` in the container.
            output_limit: Maximum bytes of standard output and error, which are kept in memory.

        Returns:
            The result; an exit code other than 0 is one as well, see `ExecResult.check`.

        Raises:
            ExecTimeoutError: It has not ended in time; also a TimeoutError.
            ExecInterruptedError: The connection ended before the command did, for instance because the pod was
                deleted, or the output is too long. The error has what was written until then.
            NotFoundError: There is no such pod.
            BadRequestError: There is no such container.
            APIError: Any other failure, for instance a program that does not exist.

        See https://kubernetes.io/docs/tasks/debug/debug-application/get-shell-running-container/
        """
        from kaiwu_runtime.client._exec import run_command

        identity = identify(kind)
        path, key = self._path_of(identity, name, namespace, "exec")
        return await run_command(
            raw(self.transport),
            path,
            command,
            container=container,
            stdin=stdin,
            seconds=timeout,
            limit=output_limit,
            what=f"exec in {identity.kind} {key}",
        )

    @overload
    def logs(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        follow: Literal[True],
        namespace: str = "",
        container: str = "",
        since: datetime | timedelta | float | None = None,
        tail: int | None = None,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> AsyncGenerator[str, None]: ...

    @overload
    def logs(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        follow: Literal[False] = False,
        namespace: str = "",
        container: str = "",
        since: datetime | timedelta | float | None = None,
        tail: int | None = None,
        previous: bool = False,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> Coroutine[Any, Any, str]: ...

    def logs(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        follow: bool = False,
        namespace: str = "",
        container: str = "",
        since: datetime | timedelta | float | None = None,
        tail: int | None = None,
        previous: bool = False,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> AsyncGenerator[str, None] | Coroutine[Any, Any, str]:
        """Return a container's log, or follow it line by line.

        ::

            text = await client.logs(Pod, key, tail=100)
            async for line in client.logs(Pod, key, follow=True): ...

        Needs ``@rbac(Pod, subresource="log", verbs="get")``.

        Args:
            kind: Pod.
            name: The pod's name, or its key.
            follow: Yield lines until the container ends; False returns what there is as one text.
            namespace: The pod's namespace.
            container: Name of the container; needed when the pod has several.
            since: Only what is newer: a time with its time zone, a timedelta, or seconds.
            tail: Only the last lines, this many.
            previous: The log of the container before its last restart.
            timestamps: Begin each line with its time.
            limit_bytes: Maximum bytes that the API server sends.

        Raises:
            NotFoundError: There is no such pod.
            BadRequestError: There is no such container, or it has not started yet.
            ValueError: A number is negative, or a time has no time zone.
            APIError: Any other failure.
        """
        from kaiwu_runtime.client._pod_logs import follow_log, log_query, read_log

        path, _ = self._path_of(identify(kind), name, namespace, "log")
        query = log_query(
            container=container,
            follow=follow,
            since=since,
            tail=tail,
            previous=previous,
            timestamps=timestamps,
            limit_bytes=limit_bytes,
        )
        read = follow_log if follow else read_log
        return read(raw(self.transport), path, query)

    async def evict(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        namespace: str = "",
        uid: str = "",
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
    ) -> None:
        """Delete a pod unless that violates a PodDisruptionBudget, as ``kubectl drain`` does.

        Needs ``@rbac(Pod, subresource="eviction", verbs="create")``.

        Args:
            kind: Pod.
            name: The pod's name, or its key.
            namespace: The pod's namespace.
            uid: Evict this very pod, not a successor of the same name.
            grace_period_seconds: Default is the pod's own.
            dry_run: Let the server check it without deleting.

        Raises:
            TooManyRequestsError: A PodDisruptionBudget does not permit it now: ``error.has_cause("DisruptionBudget")``;
                try again later, for instance by ``raise RetryAfter(...)``.
            NotFoundError: There is no such pod.
            ConflictError: `uid` is another.
            APIError: Any other failure.

        See https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
        """
        path, key = self._path_of(identify(kind), name, namespace, "eviction")
        options = delete_options(
            propagation="Background",
            uid=uid,
            resource_version="",
            grace_period_seconds=grace_period_seconds,
            dry_run=dry_run,
        )
        del options["propagationPolicy"]  # a pod owns nothing
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": key.name, "namespace": key.namespace},
            "deleteOptions": {**options, "apiVersion": "v1"},
        }
        self._forget_apply(path.removesuffix("/eviction"))
        with self._attempt(kind, key, dry_run=dry_run):
            await self.transport.request("POST", path, body=msgspec.json.encode(body))
        if self._observer is not None and not dry_run:
            self._observer.in_doubt(kind, key)  # the answer does not tell the pod's new version

    async def proxy(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        path: str = "/",
        *,
        namespace: str = "",
        port: int | str = "",
        scheme: Literal["", "http", "https"] = "",
        params: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        timeout: float = ANSWER_SECONDS,  # noqa: ASYNC109 - see exec
    ) -> ProxyResponse:
        """Send a GET to a pod or a Service through the API server, and return what it answers.

        Whatever the status: a 503 is an answer. The API server's own refusals are errors. Needs
        ``@rbac(Service, subresource="proxy", verbs="get")``, or the same of Pod.

        Args:
            kind: Pod, Service or Node.
            name: The object's name, or its key.
            path: Path of the request, without a query.
            namespace: The object's namespace.
            port: Number, or a Service's port's name; empty for the only one of a Service, the first of a pod.
            scheme: ``https`` for a server with TLS, whose certificate is not verified; empty is http.
            params: The query.
            timeout: Maximum seconds.

        Raises:
            NotFoundError: There is no such pod. (For a Service that does not exist API servers answer 503.)
            ForbiddenError: The operator may not.
            APIConnectionError: There was no complete response of the API server.
            ValueError: The kind has no proxy, or a value is not valid.

        See https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
        """
        from kaiwu_runtime.client._service_proxy import proxied, proxy_path

        identity = identify(kind)
        _, key = self._path_of(identity, name, namespace)
        whole = proxy_path(identity, key.namespace, key.name, port=port, scheme=scheme, path=path)
        query = list(params.items()) if isinstance(params, Mapping) else list(params)
        answer = await raw(self.transport).answer("GET", whole, params=query, seconds=timeout)
        return proxied(answer, identity, key.name)
