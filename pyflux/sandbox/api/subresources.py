"""Subresources: status, scale, finalize, token, eviction, log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyflux.sandbox.api.http import Request, Response, json_response, load_json
from pyflux.sandbox.jsonpath import evaluate
from pyflux.sandbox.objectmeta import get
from pyflux.sandbox.patch import json_patch, merge_patch
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.decode import json_type
from pyflux.sandbox.status import (
    ApiError,
    Obj,
    Qualified,
    invalid,
    invalid_value,
    page_not_found,
)

if TYPE_CHECKING:
    from pyflux.sandbox.api.resources import Resources, Target
    from pyflux.sandbox.options import Options


async def handle(resources: Resources, target: Target, request: Request) -> Response:
    """Answers a request on a subresource."""
    name, kind, method = target.subresource, target.kind, request.method
    scaled = name == "scale" and kind.has_scale
    if method not in ("GET", "PUT", "PATCH") and (scaled or (name == "status" and kind.has_status)):
        raise ApiError(405, "the server does not allow this method on the requested resource", details={})
    if (name == "status" and kind.has_status) or (name == "finalize" and kind.resource == "/namespaces"):
        if method == "GET" and name == "status":
            obj = resources.engine.get(kind, target.namespace or "", target.name)
            return await resources.respond(kind, obj, request)
        if method == "PUT":
            return await resources.update(target, request)
        if method == "PATCH" and name == "status":
            return await resources.patch(target, request)
    elif scaled:
        return await _scale(resources, target, request)
    elif name == "token" and kind.resource == "/serviceaccounts" and method == "POST":
        return await _token(resources, target, request)
    elif name == "eviction" and kind.resource == "/pods" and method == "POST":
        resources.engine.delete(kind, target.namespace or "", target.name, {}, _options(request))
        await resources.engine.store.settled()
        return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 201)
    elif name == "log" and kind.resource == "/pods" and method == "GET":
        resources.engine.get(kind, target.namespace or "", target.name)
        text = "the sandbox runs no containers, so this pod has no log\n"
        return Response(text.encode(), 200, "text/plain")
    raise page_not_found()


def _options(request: Request) -> Options:
    from pyflux.sandbox.api.resources import options_of

    return options_of(request)


def _paths(kind: Kind) -> tuple[str, str, str]:
    if kind.custom is not None:
        scale = kind.scale
        return scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", "")
    return ".spec.replicas", ".status.replicas", ""


def _selector_text(selector: Obj | None) -> str:
    from pyflux.sandbox.columns import _selector

    text = _selector(selector)
    return "" if text == "<none>" else text


def to_scale(kind: Kind, obj: Obj) -> Obj:
    """The Scale of a workload."""
    wanted, have, selector = _paths(kind)
    meta = {
        k: obj["metadata"][k]
        for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if k in obj["metadata"]
    }
    status: Obj = {"replicas": (evaluate(have, obj) or [0])[0]}
    text = str((evaluate(selector, obj) or [""])[0]) if selector else _selector_text(get(obj, "spec", "selector"))
    if kind.resource == "/replicationcontrollers":
        text = ",".join(f"{k}={v}" for k, v in (get(obj, "spec", "selector") or {}).items())
    if text:
        status["selector"] = text
    replicas = (evaluate(wanted, obj) or [0])[0]
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}


async def _scale(resources: Resources, target: Target, request: Request) -> Response:
    from pyflux.sandbox.api.resources import APPLY, _patch_body, read_object

    engine, kind = resources.engine, target.kind
    namespace = target.namespace or ""
    current = engine.get(kind, namespace, target.name)
    scale = to_scale(kind, current)
    if request.method == "GET":
        return await resources.respond(kind, scale, request)
    if request.method == "PUT":
        wanted = read_object(request, False)
    elif request.method == "PATCH":
        media = request.content_type
        if media == APPLY:
            wanted = merge_patch.apply(scale, load_json(request.body, False))
        else:
            body = _patch_body(request.body, media)
            patcher = json_patch.apply if media == "application/json-patch+json" else merge_patch.apply
            wanted = patcher(scale, body)
    else:
        raise page_not_found()
    replicas = get(wanted, "spec", "replicas") or 0
    if not isinstance(replicas, int):
        text = (
            f"json: cannot unmarshal {json_type(replicas)} into Go struct field ScaleSpec.spec.replicas of type int32"
        )
        raise invalid(Qualified("", ""), "", [invalid_value("patch", json.dumps(wanted), text)])
    if replicas < 0 and kind.custom is None:
        cause = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid(Qualified("autoscaling", "Scale"), target.name, [cause])
    version = get(wanted, "metadata", "resourceVersion")
    path = [p for p in _paths(kind)[0].split(".") if p]

    def mutate(obj: Obj) -> Obj:
        node = obj
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = replicas
        if version:
            obj["metadata"]["resourceVersion"] = version
        return obj

    options = _options(request)
    made = engine.patch(kind, namespace, target.name, mutate, options, "scale")
    return await resources.respond(kind, to_scale(kind, made), request)


async def _token(resources: Resources, target: Target, request: Request) -> Response:
    from pyflux.sandbox.api.auth import issue_token
    from pyflux.sandbox.api.resources import read_object

    account = resources.engine.get(target.kind, target.namespace or "", target.name)
    body = read_object(request, False) if request.body.strip() else {}
    spec = body.get("spec") or {}
    seconds = int(spec.get("expirationSeconds") or 3600)
    if seconds < 600:
        text = "may not specify a duration less than 10 minutes"
        cause = invalid_value("spec.expirationSeconds", seconds, text)
        raise invalid(Qualified("authentication.k8s.io", "TokenRequest"), "", [cause])
    token, expires = issue_token(resources.engine, account, seconds)
    made = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": target.name, "namespace": target.namespace},
        "spec": {
            "audiences": spec.get("audiences") or ["https://kubernetes.default.svc"],
            "expirationSeconds": seconds,
            "boundObjectRef": None,
        },
        "status": {"token": token, "expirationTimestamp": expires},
    }
    return json_response(made, 201)
