"""The admission webhooks of a project, called for the writes to an API server in memory.

A write is tried first without storing anything; its result is what the webhooks are asked about. It is stored with what
they changed, if nothing else has changed the object meanwhile.

See https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify
from kaiwu_runtime.errors import APIStatusError, ConfigurationError
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.testing._dispatch import Dispatcher
from kaiwu_runtime.testing._injection import FakeRequest
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._patches import json_patch
from kaiwu_runtime.testing._refusals import refusal
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._writes import Writer
from kaiwu_runtime.webhook._admission import (
    AdmissionRequest,
    GroupVersionKind,
    GroupVersionResource,
    Operation,
    UserInfo,
)
from kaiwu_runtime.webhook._configuration import declared_webhooks
from kaiwu_runtime.webhook._declarations import WebhookDeclaration
from kaiwu_runtime.webhook._handlers import AdmissionHandler, DefaultingHandler, ValidatingHandler, answer
from kaiwu_runtime.webhook._server import WebhookServer

ADMINISTRATOR = UserInfo(username="kubernetes-admin", groups=("system:masters", "system:authenticated"))

_ATTEMPTS = 5
_ANY = "*"
_SUBRESOURCES = frozenset({"", "status"})


class _Webhook(NamedTuple):
    name: str
    path: str
    handler: AdmissionHandler
    kind: ResourceIdentity
    rules: Sequence[WebhookDeclaration]

    def matches(self, kind: ResourceIdentity, subresource: str, operation: Operation) -> bool:
        """Return whether the API server would call it for a write."""
        resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
        if not self.rules:
            return kind == self.kind and not subresource and operation in {"CREATE", "UPDATE"}
        return any(
            (_ANY in rule.operations or operation in rule.operations)
            and (_ANY in rule.groups or kind.group in rule.groups)
            and (_ANY in rule.versions or kind.version in rule.versions)
            and _covers(rule.resources, resource, kind.plural, subresource)
            for rule in self.rules
        )


class _Call(NamedTuple):
    dispatcher: Dispatcher
    kind: FakeKind
    request: FakeRequest
    params: Mapping[str, str]
    content_type: str

    def tried(self) -> dict[str, Any]:
        """Return the answer of a dry run."""
        params = {**self.params, "dryRun": "All"}
        return self.dispatcher.answer(self.kind, self.request, params, self.content_type)

    def answered(self) -> dict[str, Any]:
        """Return the answer."""
        return self.dispatcher.answer(self.kind, self.request, self.params, self.content_type)


class Unstable(NamedTuple):
    """A defaulter that changes its own result.

    Attributes:
        defaulter: The name of its class.
        once: The object as it made it.
        twice: What it makes of that when it is called again.
    """

    defaulter: str
    once: Mapping[str, Any]
    twice: Mapping[str, Any]


class Admission:
    """Calls the webhooks of a manager, which need not run.

    Args:
        manager: Has the webhooks.
        user: Returns who sends the present request.
        dispatcher: Answers requests.
        storage: Has the objects.
        writer: Carries out what the webhooks change.
        on_unstable: Told of each defaulter that changes its own result, for which it is called twice.

    Raises:
        ConfigurationError: The manager has no webhooks.
    """

    def __init__(
        self,
        manager: Manager,
        user: Callable[[], UserInfo],
        dispatcher: Dispatcher,
        storage: Storage,
        writer: Writer,
        *,
        on_unstable: Callable[[Unstable], None] | None = None,
    ) -> None:
        server = manager.webhooks
        if not isinstance(server, WebhookServer):
            raise ConfigurationError("call_webhooks: the manager has no webhooks: set them up before")
        self._user = user
        self._on_unstable = on_unstable
        self._dispatcher, self._storage, self._writer = dispatcher, storage, writer
        found = [_webhook(path, handler) for path, handler in server.admission_handlers.items()]
        self._mutating = [each for each in found if isinstance(each.handler, DefaultingHandler)]
        self._validating = [each for each in found if isinstance(each.handler, ValidatingHandler)]

    async def answer(
        self, kind: FakeKind, request: FakeRequest, params: Mapping[str, str], content_type: str
    ) -> tuple[dict[str, Any], bool]:
        """Return the body of the answer to a request, after the webhooks were asked, and whether it changed anything.

        Raises:
            APIStatusError: A webhook rejects the request, or the API server would.
        """
        call = _Call(self._dispatcher, kind, request, params, content_type)
        for _ in range(_ATTEMPTS):
            before = self._stored(kind, request)
            operation = _operation(request, before)
            mutating = [each for each in self._mutating if _applies(each, kind, request, operation)]
            validating = [each for each in self._validating if _applies(each, kind, request, operation)]
            patches: list[dict[str, Any]] = []
            result: Mapping[str, Any] | None = None
            if operation != "DELETE" and (mutating or validating):
                patches = await self._defaults(call, mutating, operation, before)
                with self._writer.mutating(patches):
                    result = call.tried()
            if result is not None or before is not None:
                for webhook in validating:
                    await self._review(webhook, call, operation, result, before)
            if self._stored(kind, request) is not before:
                continue  # another client was faster: the API server begins again too
            version = self._storage.version
            with self._writer.mutating(patches):
                found = call.answered()
            return found, self._storage.version != version
        raise refusal(409, f"{kind.identity.kind} {request.name}: it changes faster than its webhooks answer")

    def _stored(self, kind: FakeKind, request: FakeRequest) -> Mapping[str, Any] | None:
        return self._storage.get(kind, ObjectKey(request.namespace, request.name)) if request.name else None

    async def _defaults(
        self, call: _Call, webhooks: Sequence[_Webhook], operation: Operation, before: Mapping[str, Any] | None
    ) -> list[dict[str, Any]]:
        """Return the operations of all patches."""
        patches: list[dict[str, Any]] = []
        obj: Mapping[str, Any] = call.tried() if webhooks else {}
        for webhook in webhooks:
            if patch := await self._review(webhook, call, operation, obj, before):
                obj = json_patch(obj, patch)
                patches += patch
                await self._repeat(webhook, call, operation, obj, before)
        return patches

    async def _repeat(
        self,
        webhook: _Webhook,
        call: _Call,
        operation: Operation,
        obj: Mapping[str, Any],
        old: Mapping[str, Any] | None,
    ) -> None:
        """Call a defaulter with its own result, as a dry run, and tell if it changes something.

        It is called as for the next write, which changes nothing; within the same write only if it asks for that.
        """
        if self._on_unstable is None or not isinstance(webhook.handler, DefaultingHandler):
            return
        if all(rule.reinvocation_policy != "IfNeeded" for rule in webhook.rules):
            operation, old = "UPDATE", obj
        if not webhook.matches(call.kind.identity, call.request.subresource, operation):
            return
        try:
            dry = call._replace(params={**call.params, "dryRun": "All"})
            patch = await self._review(webhook, dry, operation, obj, old)
        except APIStatusError:
            return  # what it rejects is told by the next write
        if patch:
            name = type(webhook.handler.defaulter).__name__
            self._on_unstable(Unstable(name, obj, json_patch(obj, patch)))

    async def _review(
        self,
        webhook: _Webhook,
        call: _Call,
        operation: Operation,
        obj: Mapping[str, Any] | None,
        old: Mapping[str, Any] | None,
    ) -> list[dict[str, Any]]:
        """Return the patch of a webhook.

        Raises:
            APIStatusError: It rejects the request.
        """
        kind, request = call.kind, call.request
        identity = kind.identity
        has_name = operation == "UPDATE" or _is_named(request)
        review = AdmissionRequest(
            uid=str(uuid.uuid4()),
            operation=operation,
            namespace=request.namespace,
            name=request.name or (str(obj["metadata"]["name"]) if obj is not None and has_name else ""),
            kind=GroupVersionKind(identity.group, identity.version, identity.kind),
            resource=GroupVersionResource(identity.group, identity.version, identity.plural),
            sub_resource=request.subresource,
            request_kind=GroupVersionKind(identity.group, identity.version, identity.kind),
            request_resource=GroupVersionResource(identity.group, identity.version, identity.plural),
            request_sub_resource=request.subresource,
            user_info=self._user(),
            dry_run=call.params.get("dryRun") == "All",
            object=json.dumps(obj).encode() if obj is not None else b"",
            old_object=json.dumps(old).encode() if old is not None else b"",
        )
        response = await answer(webhook.path, webhook.handler, review)
        if not response.allowed:
            message = f'admission webhook "{webhook.name}" denied the request: {response.message}'
            raise refusal(
                response.code or 403,
                message,
                reason=response.reason or None,
                kind=kind,
                name=request.name,
                causes=response.details.get("causes"),
            )
        return response.patch


def _webhook(path: str, handler: AdmissionHandler) -> _Webhook:
    subject: object = None
    kind: type[Any] | None = None
    if isinstance(handler, DefaultingHandler):
        subject, kind = handler.defaulter, handler.kind
    elif isinstance(handler, ValidatingHandler):
        subject, kind = handler.validator, handler.kind
    rules = [rule for rule in declared_webhooks(type(subject)) if path in {rule.path, ""} or not rule.path]
    name = rules[0].name if rules else path.strip("/")
    identity = identify(kind) if kind is not None else ResourceIdentity("", "", "", "", namespaced=False)
    return _Webhook(name, path, handler, identity, rules)


def _applies(webhook: _Webhook, kind: FakeKind, request: FakeRequest, operation: Operation) -> bool:
    named = bool(request.name) or request.verb == "create"
    return (
        request.writes
        and named
        and request.subresource in _SUBRESOURCES
        and webhook.matches(kind.identity, request.subresource, operation)
    )


def _operation(request: FakeRequest, before: Mapping[str, Any] | None) -> Operation:
    if request.verb == "delete":
        return "DELETE"
    return "CREATE" if request.verb == "create" or before is None else "UPDATE"


def _is_named(request: FakeRequest) -> bool:
    """Return whether an object that is created has a name of its own: a generated one comes later."""
    metadata = json.loads(request.body or b"{}").get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("name"))


def _covers(resources: Sequence[str], resource: str, plural: str, subresource: str) -> bool:
    wanted = {resource, f"{plural}/*", "*/*"} | ({"*"} if not subresource else {f"*/{subresource}"})
    return not wanted.isdisjoint(resources)
