"""A cluster in a dict, with the part of the kube client that the installation commands use."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Sequence
from typing import Any

from pyflux.catalog.resources import Resource, built_in
from pyflux.env import Env
from pyflux.errors import KubeError, NotFound
from pyflux.kube.client import Listing
from pyflux.kube.request import Request
from pyflux.kube.transport import Response

Obj = dict[str, Any]
Key = tuple[str, str, str]


def make_env(stdin: str = "", timeout: float = 20.0) -> Env:
    """Streams in memory and a clock that only moves when someone sleeps."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    env = Env(
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        stdin=io.StringIO(stdin),
        environ={},
        sleep=sleep,
        monotonic=lambda: clock[0],
    )
    env.kube.timeout = timeout
    return env


def messages(env: Env) -> list[str]:
    assert isinstance(env.stderr, io.StringIO)
    return env.stderr.getvalue().splitlines()


class FakeClient:
    """Objects by (plural, namespace, name). `refuse` maps "verb plural" or a name to the error to raise."""

    def __init__(self, objects: Sequence[Obj] = ()) -> None:
        self.objects: dict[Key, Obj] = {}
        self.refuse: dict[str, KubeError] = {}
        self.calls: list[str] = []
        self.version = "v1.36.3"
        for obj in objects:
            self.put(obj)

    def put(self, obj: Obj) -> Obj:
        stored = copy.deepcopy(obj)
        resource = self.resource_for(obj["apiVersion"], obj["kind"])
        key = (resource.plural, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        old = self.objects.get(key)
        if old is not None and "status" in old:
            stored.setdefault("status", old["status"])
        if obj["kind"] == "CustomResourceDefinition":
            stored.setdefault("status", {"conditions": [{"type": "Established", "status": "True"}]})
        self.objects[key] = stored
        return stored

    def resource_for(self, api_version: str, kind: str) -> Resource:
        known = built_in(api_version, kind)
        if known is not None:
            return known
        group, _, version = api_version.rpartition("/")
        return Resource(group, version, kind.lower().removesuffix("y") + ("ies" if kind[-1] == "y" else "s"), kind)

    def _do(self, verb: str, resource: Resource, name: str = "") -> None:
        self.calls.append(f"{verb} {resource.plural} {name}".strip())
        error = self.refuse.get(f"{verb} {resource.plural}") or self.refuse.get(f"{verb} {name}")
        if error is not None:
            raise error

    def server_version(self) -> dict[str, str]:
        if "version" in self.refuse:
            raise self.refuse["version"]
        return {"gitVersion": self.version}

    def list(self, resource: Resource, namespace: str = "", *, labels: str = "", chunk: int = 0) -> Listing:
        self._do("list", resource)
        wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
        return Listing(
            [
                copy.deepcopy(obj)
                for (plural, where, _), obj in self.objects.items()
                if plural == resource.plural
                and (not namespace or where == namespace)
                and wanted.items() <= (obj["metadata"].get("labels") or {}).items()
            ],
            "1",
        )

    def list_many(self, resources: Sequence[tuple[Resource, str]], *, labels: str = "") -> list[Any]:
        return [self._caught(lambda pair=pair: self.list(*pair, labels=labels)) for pair in resources]

    def _caught(self, call: Any) -> Any:
        try:
            return call()
        except KubeError as error:
            return error

    def get(self, resource: Resource, name: str, namespace: str = "") -> Obj:
        self._do("get", resource, name)
        try:
            return copy.deepcopy(self.objects[resource.plural, namespace, name])
        except KeyError:
            raise NotFound(f'{resource.group_resource} "{name}" not found', status=404) from None

    def get_many(self, names: Sequence[tuple[Resource, str, str]]) -> list[Any]:
        return [self._caught(lambda key=key: self.get(*key)) for key in names]

    def send_many(self, requests: Sequence[Request]) -> list[Any]:
        """Server-side apply dry runs: the object as it would be."""
        return [self._caught(lambda request=request: self._dry_run(request)) for request in requests]

    def _dry_run(self, request: Request) -> Response:
        assert request.method == "PATCH"
        assert request.query["dryRun"] == "All"
        obj = json.loads(request.body or b"")
        assert request.resource is not None
        self._do("dry-run", request.resource, obj["metadata"]["name"])
        return Response(200, {}, json.dumps(obj).encode())

    def apply(
        self, obj: Obj, *, force: bool = False, field_manager: str = "flux", resource: Resource | None = None
    ) -> Obj:
        where = resource or self.resource_for(obj["apiVersion"], obj["kind"])
        self._do("apply", where, obj["metadata"]["name"])
        return self.put(obj)

    def delete(self, resource: Resource, name: str, namespace: str = "", *, dry_run: bool = False) -> Obj:
        obj = self.get(resource, name, namespace)
        self._do("delete", resource, name)
        if not dry_run:
            del self.objects[resource.plural, namespace, name]
        return obj

    def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        body: Any,
        *,
        type: str = "merge",
        subresource: str = "",
        dry_run: bool = False,
    ) -> Obj:
        obj = self.get(resource, name, namespace)
        self._do("patch", resource, name)
        if not dry_run:
            self.calls[-1] += f" {type}{'/' + subresource if subresource else ''} {json.dumps(body)}"
        return obj
