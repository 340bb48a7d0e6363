"""The handlers of object paths: from a request to the engine and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import orjson

from pyflux.sandbox import tables
from pyflux.sandbox.api import watching
from pyflux.sandbox.api.http import (
    JSON,
    PROTOBUF,
    Request,
    Response,
    go_error,
    json_response,
    load_json,
    load_yaml,
    summary,
    to_yaml,
)
from pyflux.sandbox.body import converting, no_kind
from pyflux.sandbox.engine import Engine
from pyflux.sandbox.options import Options
from pyflux.sandbox.patch import json_patch, merge_patch, strategic
from pyflux.sandbox.registry import Kind
from pyflux.sandbox.schema.decode import json_type
from pyflux.sandbox.status import (
    ApiError,
    Obj,
    Qualified,
    bad_request,
    forbidden_field,
    invalid,
    invalid_value,
    not_supported,
    required,
)

APPLY = "application/apply-patch+yaml"
PATCHES = {
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    APPLY,
}


_JOB_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


@dataclass(frozen=True)
class Target:
    """What a path points at."""

    kind: Kind
    namespace: str | None
    name: str = ""
    subresource: str = ""


def options_of(request: Request) -> Options:
    """The write options of a request; ApiError for values that are not allowed."""
    for value in request.query.get("dryRun", []):
        if value != "All":
            name = {"POST": "Create", "PATCH": "Patch", "DELETE": "Delete"}.get(request.method, "Update")
            cause = not_supported("dryRun", request.query["dryRun"], ["All"])
            raise invalid(Qualified("meta.k8s.io", f"{name}Options"), "", [cause])
    validation = request.one("fieldValidation") or "Warn"
    if validation not in ("Ignore", "Warn", "Strict"):
        kind = Qualified("meta.k8s.io", "CreateOptions" if request.method == "POST" else "UpdateOptions")
        raise invalid(kind, "", [not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"])])
    return Options(
        manager=request.one("fieldManager"),
        agent=request.headers.get("user-agent", ""),
        dry_run="All" in request.query.get("dryRun", []),
        field_validation=validation,
        force=request.flag("force"),
        user=request.user.name,
        warnings=request.warnings,
    )


def read_object(request: Request, strict: bool, kind: str = "") -> Obj:
    """The object in a request's body: JSON, YAML or protobuf."""
    media = request.content_type
    if media in (JSON, ""):
        return load_json(request.body, strict, kind)
    if media in ("application/yaml", "application/x-yaml"):
        made = load_yaml(request.body)
        if isinstance(made, dict):
            return made
        raise bad_request("the body is not an object")
    if media == PROTOBUF:
        from pyflux.sandbox.protobuf import decode

        return decode(request.body)
    raise ApiError(
        415,
        "the body of the request was in an unknown format - accepted media types include: application/json, "
        "application/yaml, application/vnd.kubernetes.protobuf",
    )


class Resources:
    """Serves one store."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def handle(self, target: Target, request: Request) -> Response:
        """Answers any request on a collection or an object."""
        method = request.method
        if target.kind.resource == "/endpoints" and method in ("POST", "PUT"):
            request.warnings.append("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
        if target.kind.custom is not None and target.kind.custom.deprecation:
            request.warnings.append(target.kind.custom.deprecation)
        if target.subresource:
            from pyflux.sandbox.api import subresources

            return await subresources.handle(self, target, request)
        if not target.name:
            if method == "GET":
                return await self._list_or_watch(target, request)
            if method == "POST":
                return await self.create(target, request)
            if method == "DELETE" and "x" not in target.kind.flags:
                return await self._delete_collection(target, request)
        elif method == "GET":
            if request.flag("watch") and request.watch_path:
                return await self._list_or_watch(target, request)
            return await self.respond(target.kind, self._read(target), request)
        elif method == "PUT":
            return await self.update(target, request)
        elif method == "PATCH":
            return await self.patch(target, request)
        elif method == "DELETE":
            return await self._delete(target, request)
        raise ApiError(405, "the server does not allow this method on the requested resource", details={})

    def _read(self, target: Target) -> Obj:
        return self.engine.get(target.kind, target.namespace or "", target.name)

    async def respond(self, kind: Kind, obj: Obj, request: Request, code: int = 200) -> Response:
        """An object in the form the client accepts, after everything is on disk."""
        await self.engine.store.settled()
        form = watching.wanted_form(request)
        if form.transform == "Table" and obj.get("kind") != "Status":
            record = _as_record(obj)
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            include = request.one("includeObject", "Metadata")
            made = tables.table(self.engine, kind, [record], meta, include, True, form.api_version)
            return json_response(made, code)
        if form.transform and obj.get("kind") != "Status":
            made = {"kind": "PartialObjectMetadata", "apiVersion": form.api_version, "metadata": obj["metadata"]}
            return json_response(made, code)
        if form.media == "application/yaml":
            return Response(to_yaml(obj), code, "application/yaml")
        return json_response(obj, code)

    async def _list_or_watch(self, target: Target, request: Request) -> Response:
        chosen = watching.make_filter(self.engine, target.kind, target.namespace, request, target.name)
        if request.flag("watch"):
            match, initial = request.one("resourceVersionMatch"), request.one("sendInitialEvents")
            why = ""
            if initial and match != "NotOlderThan":
                why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            elif match and not initial:
                why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            if why:
                cause = forbidden_field("resourceVersionMatch", why)
                raise invalid(Qualified("meta.k8s.io", "ListOptions"), "", [cause])
            watch = watching.Watch(self.engine, target.kind, chosen, request)
            return Response(stream=watch.stream())
        return await watching.list_response(self.engine, target.kind, chosen, request)

    async def create(self, target: Target, request: Request) -> Response:
        """POST to a collection."""
        options = options_of(request)
        obj = read_object(request, options.field_validation != "Ignore", target.kind.kind)
        self._check_kind(target.kind, obj, request.body)
        namespace = target.namespace or ""
        if target.kind.namespaced and not namespace:
            raise bad_request("an empty namespace may not be set during creation")
        made = self.engine.create(target.kind, namespace, obj, options)
        return await self.respond(target.kind, made, request, 201)

    def _check_kind(self, kind: Kind, obj: Obj, body: bytes) -> None:
        given_version, given_kind = obj.get("apiVersion"), obj.get("kind")
        if kind.custom is not None:
            if not given_kind or not given_version:
                missing = "Kind" if not given_kind else "apiVersion"
                text = body.decode(errors="replace")
                raise bad_request(
                    f"the object provided is unrecognized (must be of type {kind.kind}): Object '{missing}' is missing "
                    f"in '{text}' ({summary(body)})"
                )
            if given_kind != kind.kind:
                name = (obj.get("metadata") or {}).get("name", "")
                cause = invalid_value("kind", given_kind, f"must be {kind.kind}")
                raise invalid(Qualified(kind.group, given_kind), name, [cause])
        elif given_version and self._unknown(given_version, given_kind or kind.kind):
            short = given_version.split("/")[-1]
            raise bad_request(f'{given_kind} in version "{short}" cannot be handled as a {kind.kind}: {no_kind(obj)}')
        elif given_kind and given_kind != kind.kind:
            short = (given_version or "").split("/")[-1]
            raise bad_request(
                f'{given_kind} in version "{short}" cannot be handled as a {kind.kind}: {converting(kind, obj)}'
            )
        if given_version and given_version != kind.api_version:
            raise bad_request(
                f"the API version in the data ({given_version}) does not match the expected API version "
                f"({kind.api_version})"
            )

    def _unknown(self, api_version: str, kind: str) -> bool:
        group, _, version = api_version.rpartition("/")
        return self.engine.registry.by_kind(group, version, kind) is None

    async def update(self, target: Target, request: Request) -> Response:
        """PUT of an object."""
        options = options_of(request)
        obj = read_object(request, options.field_validation != "Ignore", target.kind.kind)
        self._check_kind(target.kind, obj, request.body)
        made, new = self.engine.update(
            target.kind, target.namespace or "", target.name, obj, options, target.subresource
        )
        return await self.respond(target.kind, made, request, 201 if new else 200)

    async def patch(self, target: Target, request: Request) -> Response:
        """PATCH of an object, in any of the four ways."""
        kind, namespace = target.kind, target.namespace or ""
        media = request.content_type
        supported = PATCHES - {"application/strategic-merge-patch+json"} if kind.custom is not None else PATCHES
        if media not in supported:
            raise ApiError(
                415,
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(_listed(kind)),
            )
        options = options_of(request)
        if media == APPLY:
            return await self._apply(target, request, options)
        if request.one("force"):
            cause = forbidden_field("force", "may not be specified for non-apply patch")
            raise invalid(Qualified("meta.k8s.io", "PatchOptions"), "", [cause])
        body = _patch_body(request.body, media)
        if media == "application/json-patch+json":

            def mutate(doc: Obj) -> Obj:
                made: Obj = json_patch.apply(doc, body)
                return made
        elif media == "application/merge-patch+json":

            def mutate(doc: Obj) -> Obj:
                made: Obj = merge_patch.apply(doc, body)
                return made
        else:

            def mutate(doc: Obj) -> Obj:
                return strategic.apply(kind.schema, doc, body)

        shown = strategic.go_map(body) if media.startswith("application/strategic") else None
        made = self.engine.patch(kind, namespace, target.name, mutate, options, target.subresource, shown)
        return await self.respond(kind, made, request)

    async def _apply(self, target: Target, request: Request, options: Options) -> Response:
        if not options.manager:
            cause = required("fieldManager", "is required for apply patch")
            raise invalid(Qualified("meta.k8s.io", "PatchOptions"), "", [cause])
        try:
            config = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            config = load_yaml(request.body)
        if not isinstance(config, dict):
            raise bad_request("error decoding YAML: the body is not an object")
        made, new = self.engine.apply(
            target.kind, target.namespace or "", target.name, config, options, target.subresource
        )
        return await self.respond(target.kind, made, request, 201 if new else 200)

    def _delete_options(self, request: Request) -> Obj:
        body: Obj = {}
        if request.body.strip():
            body = read_object(request, False)
            if body.get("kind") not in (None, "", "DeleteOptions"):
                raise bad_request(no_kind(body))
        for key in ("propagationPolicy",):
            if request.one(key):
                body[key] = request.one(key)
        if request.one("orphanDependents"):
            body["orphanDependents"] = request.flag("orphanDependents")
        if request.one("gracePeriodSeconds"):
            body["gracePeriodSeconds"] = int(request.one("gracePeriodSeconds"))
        if request.query.get("dryRun"):
            body["dryRun"] = request.query["dryRun"]
        policy = body.get("propagationPolicy")
        if policy not in (None, "", "Orphan", "Foreground", "Background"):
            cause = not_supported("propagationPolicy", policy, ["Foreground", "Background", "Orphan", "nil"])
            raise invalid(Qualified("meta.k8s.io", "DeleteOptions"), "", [cause])
        if policy and body.get("orphanDependents") is not None:
            text = "orphanDependents and deletionPropagation cannot be both set"
            cause = invalid_value("propagationPolicy", policy, text)
            raise invalid(Qualified("meta.k8s.io", "DeleteOptions"), "", [cause])
        if any(value != "All" for value in body.get("dryRun") or []):
            cause = not_supported("dryRun", body["dryRun"], ["All"])
            raise invalid(Qualified("meta.k8s.io", "DeleteOptions"), "", [cause])
        return body

    async def _delete(self, target: Target, request: Request) -> Response:
        wanted = self._delete_options(request)
        options = options_of(request)
        options.dry_run = options.dry_run or "All" in (wanted.get("dryRun") or [])
        if target.kind.resource == "batch/jobs" and "propagationPolicy" not in wanted:
            request.warnings.append(_JOB_WARNING)
        made, code = self.engine.delete(target.kind, target.namespace or "", target.name, wanted, options)
        return await self.respond(target.kind, made, request, code)

    async def _delete_collection(self, target: Target, request: Request) -> Response:
        wanted = self._delete_options(request)
        options = options_of(request)
        options.dry_run = options.dry_run or "All" in (wanted.get("dryRun") or [])
        chosen = watching.make_filter(self.engine, target.kind, target.namespace, request)
        records, meta = watching.select(self.engine, chosen, request)
        items = []
        for record in records:
            items.append(self.engine.load(target.kind, record))
            self.engine.delete(target.kind, record.namespace, record.name, dict(wanted), options)
        if target.kind.bare_items:
            items = [{k: v for k, v in i.items() if k not in ("apiVersion", "kind")} for i in items]
        await self.engine.store.settled()
        head: Obj = {"kind": target.kind.list_kind, "apiVersion": target.kind.api_version, "metadata": meta}
        return json_response({**head, "items": items})


def _listed(kind: Kind) -> list[str]:
    out = ["application/json-patch+json", "application/merge-patch+json"]
    if kind.custom is None:
        out.append("application/strategic-merge-patch+json")
    return [*out, APPLY]


def _patch_body(body: bytes, media: str) -> Any:
    try:
        made = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"error decoding patch: {go_error(body, error)}") from None
    wanted = list if media == "application/json-patch+json" else dict
    if not isinstance(made, wanted):
        name = json_type(made)
        go_type = "[]handlers.jsonPatchOp" if wanted is list else "map[string]interface {}"
        head = "" if media.startswith("application/strategic") else "error decoding patch: "
        raise bad_request(f"{head}json: cannot unmarshal {name} into Go value of type {go_type}")
    return made


def _as_record(obj: Obj) -> Any:
    from pyflux.sandbox.storage import make_record

    version = int(obj["metadata"].get("resourceVersion") or 0)
    return make_record(json.loads(json.dumps(obj)), version)
