"""What the operator is not allowed to do: the missing ``@rbac`` decorator, from a request that the server forbade."""

from __future__ import annotations

from aiohttp import web

from kaiwu_runtime._missing_rule import missing_rule
from kaiwu_runtime.testing._kinds import parse_path
from kaiwu_runtime.testing.faults._real._resources import Resources, json_object


def forbidden(request: web.BaseRequest, body: bytes, response: web.StreamResponse, resources: Resources) -> str:
    """Return which request was forbidden and the decorator that allows it, in one line; empty for other answers.

    A 403 of another origin, such as a quota, an admission policy or a namespace that is being deleted, is none.

    Args:
        request: The request.
        body: Its body, which has the name of an object that is created.
        response: The answer.
        resources: The API server's resources.
    """
    if response.status != 403 or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return ""
    rule = missing_rule(str(json_object(response.body).get("message", "")))
    if not rule:
        return ""
    path = request.raw_path.partition("?")[0]
    write = resources.write(request.method, path, request.content_type)
    if write is not None:
        return f"{write.text(body)} is forbidden: {rule}"
    target = parse_path(path)
    if target is None:
        return f"{request.method.lower()} {path} is forbidden: {rule}"
    verb = "watch" if "watch" in request.query else "get" if target.name else "list"
    plural = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    where = "/".join(filter(None, (target.namespace, target.name)))
    return f"{verb} {plural} {where}".strip() + f" is forbidden: {rule}"
