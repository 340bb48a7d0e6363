"""One Git repository with a case a folder: what the official controllers make of it, and what pyflux makes of it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pyflux.catalog.resources import built_in
from pyflux.cli.main import run
from pyflux.env import Env
from pyflux.ui.yamlin import load_all
from pyflux.ui.yamlout import dump
from tests.real.cluster import Json, RealCluster, condition, is_ready
from tests.real.githttp import GitHTTPServer
from tests.real.registry import Registry
from tests.real.s3 import BUCKET, S3

CASES = Path(__file__).parent / "render_cases"
PATIENCE = 480
"""Seconds until a case must have settled: all of them start at once."""

WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}, annotations: {mark: "no"}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "example.com/web:1.0.0", env: [{name: MODE, value: fast}], ports: [{containerPort: 80}]}
"""
SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue, size: "3"}
"""
SYNC = """apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, url: "%s", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec:
  interval: 10m
  path: ./clusters/all
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
"""


def read_cases(name: str) -> list[Json]:
    """The cases of a file in `render_cases`."""
    (found,) = load_all((CASES / f"{name}.yaml").read_text())
    return list(found)


def namespace_of(case: Json) -> str:
    """A namespace of the case's own, which has at most 63 characters."""
    return str(case["name"])[:63]


class World:
    """The settled cluster and what pyflux built from a clone of the same repository."""

    def __init__(self, cluster: RealCluster, code: int, out: str, err: str) -> None:
        self.cluster = cluster
        self._deadline = time.monotonic() + PATIENCE
        self.code = code
        self.built: dict[str, list[Json]] = {}
        """Objects by unit, such as `Kustomization/ns/name`."""
        for part in out.split("---\n# ")[1:]:
            title, _, text = part.partition("\n")
            self.built.setdefault(title, []).extend(load_all(text))
        self.failed = dict(line.removeprefix("✗ ").split(": ", 1) for line in err.splitlines() if line[0] == "✗")
        self.warned = [line for line in err.splitlines() if line[0] == "⚠"]

    def settled(self, path: str, fails: str = "") -> Json:
        """The object once it is Ready, or once it is refused with a message that holds `fails`."""
        patience = min(150.0, max(2.0, self._deadline - time.monotonic()))
        if not fails:
            return self.cluster.wait_for(path, is_ready, patience)
        return self.cluster.wait_for(path, lambda item: fails in str(condition(item).get("message")), patience)

    def changes(self, obj: Json, manager: str) -> dict[str, tuple[Any, Any]]:
        """What a server-side apply of our object as the controller would change: path to (live, ours)."""
        path = self.cluster.path_of(obj)
        live = self.cluster.must("GET", path)
        query = f"?dryRun=All&force=true&fieldManager={manager}"
        body = dump(_native(obj)).encode()
        after = self.cluster.must("PATCH", path + query, body, content_type="application/apply-patch+yaml")
        for state in (live, after):
            del state["metadata"]["managedFields"]
        return dict(_differences(live, after, ""))

    def release(self, item: Json) -> tuple[list[Json], list[Json]]:
        """The objects of the newest Helm release of a HelmRelease as Helm stored them, and its hooks but for tests."""
        newest = item["status"]["history"][0]
        name = f"sh.helm.release.v1.{newest['name']}.v{newest['version']}"
        secret = self.cluster.must("GET", f"/api/v1/namespaces/{item['status']['storageNamespace']}/secrets/{name}")
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        stored = json.loads(gzip.decompress(packed))
        hooks = [hook for hook in stored.get("hooks") or [] if "test" not in hook["events"]]
        plain = [obj for obj in load_all(stored["manifest"], strict=False) if obj]
        found = [obj for hook in hooks for obj in load_all(hook["manifest"], strict=False) if obj]
        for obj in [*plain, *found]:
            known = built_in(obj["apiVersion"], obj["kind"])
            if known is None or known.namespaced:
                obj["metadata"].setdefault("namespace", newest["namespace"])
        return plain, found


def identity(obj: Json) -> str:
    """An object's entry in an inventory."""
    meta = obj["metadata"]
    group = obj["apiVersion"].rpartition("/")[0]
    return f"{meta.get('namespace', '')}_{meta['name'].replace(':', '__')}_{group}_{obj['kind']}"


def owned_by_helm(obj: Json, release: Json) -> Json:
    """An object with the marks that Helm puts on what it creates."""
    meta = obj["metadata"]
    labels = {**(meta.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    marks = {f"meta.helm.sh/release-{key}": release[key] for key in ("name", "namespace")}
    annotations = {**(meta.get("annotations") or {}), **marks}
    return {**obj, "metadata": {**meta, "labels": labels, "annotations": annotations}}


def _native(obj: Json) -> Json:
    """As kustomize-controller sends it: the text of a Secret is data."""
    if obj["kind"] != "Secret" or "stringData" not in obj:
        return obj
    texts = {key: base64.b64encode(str(value).encode()).decode() for key, value in obj["stringData"].items()}
    return {**{k: v for k, v in obj.items() if k != "stringData"}, "data": {**(obj.get("data") or {}), **texts}}


def _differences(live: Any, ours: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(live, dict) and isinstance(ours, dict):
        for key in sorted(live.keys() | ours.keys()):
            yield from _differences(live.get(key), ours.get(key), f"{path}/{key}")
    elif live != ours:
        yield path, (live, ours)


def _artifacts(folder: Path, kustomizations: list[Json], registry: Registry) -> dict[str, str]:
    """Pushes the artifacts of the cases, by tag, to a repository of the case's name; the digests, by their marks."""
    digests = {}
    for case in kustomizations:
        for tag, files in case.get("oci", {}).items():
            place = folder / "artifacts" / case["name"] / tag
            _write(place, {name: _text(text, case) for name, text in files.items()})
            url = f"oci://{registry.address}/cases/{case['name']}:{tag}"
            said = ("--source=https://git.example.com/fleet", f"--revision={tag}@sha1:{'0' * 40}", "-ojson")
            code, out, err = _pyflux(folder, {}, "push", "artifact", url, f"--path={place}", *said)
            assert code == 0, err
            digests[f"@DIGEST:{case['name']}:{tag}@"] = json.loads(out)["digest"]
    return digests


def _objects(kustomizations: list[Json], s3: S3) -> None:
    """Stores the objects of the cases' Buckets."""
    for case in kustomizations:
        for name, text in case.get("bucket", {}).items():
            s3.put(f"{case['name']}/{name}", _text(text, case))


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _files(kustomizations: list[Json], releases: list[Json], url: str, places: Mapping[str, str]) -> dict[str, str]:
    files = {"clusters/all/flux-system/gotk-sync.yaml": SYNC % url}
    for path in sorted((CASES / "charts").rglob("*")):
        if path.is_file():
            files[str(path.relative_to(CASES))] = path.read_text()
    for case in kustomizations:
        files |= {f"cases/{case['name']}/{name}": _text(text, case) for name, text in case.get("files", {}).items()}
        files |= {name: _text(text, case) for name, text in case.get("shared", {}).items()}
        files[f"clusters/all/{case['name']}.yaml"] = _entry(case, _kustomization(case))
    for case in releases:
        files[f"clusters/all/{case['name']}.yaml"] = _entry(case, _release(case))
    for mark, place in {**places, "@URL@": url}.items():
        files = {name: text.replace(mark, place) for name, text in files.items()}
    return files


def _text(text: str, case: Json) -> str:
    return {"WEB": WEB, "SETTINGS": SETTINGS}.get(text, text).replace("@@", namespace_of(case))


def _entry(case: Json, obj: Json) -> str:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_of(case)}}
    beside = [case["beside"]] if case.get("beside") else []
    return _text("---\n".join([dump(namespace), *beside, dump(obj)]), case)


def _kustomization(case: Json) -> Json:
    spec = {
        "interval": "10m",
        "retryInterval": "2m" if case.get("fails") else "3s",
        "prune": True,
        "path": f"./cases/{case['name']}",
        "targetNamespace": namespace_of(case),
        "sourceRef": {"kind": "GitRepository", "name": "flux-system", "namespace": "flux-system"},
    }
    return _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", case, spec)


def _release(case: Json) -> Json:
    given = (case.get("spec") or {}).get("chart", {})
    source = {"kind": "GitRepository", "name": "flux-system", "namespace": "flux-system"}
    chart = {"chart": "./charts/app", "sourceRef": source, "interval": "10m", **((given or {}).get("spec") or {})}
    spec = {"interval": "10m", "timeout": "1m", "install": {"disableWait": True}}
    case = {**case, "spec": {**(case.get("spec") or {}), "chart": None if given is None else {"spec": chart}}}
    return _object("helm.toolkit.fluxcd.io/v2", "HelmRelease", case, spec)


def _object(api: str, kind: str, case: Json, spec: Json) -> Json:
    merged = {**spec, **(case.get("spec") or {})}
    metadata = {"name": case["name"], "namespace": namespace_of(case)}
    spec = {key: value for key, value in merged.items() if value is not None}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


@contextmanager
def chart_server(folder: Path) -> Iterator[str]:
    """A chart repository over HTTP with the chart `packed`; its URL."""
    folder.mkdir()
    archive = folder / "packed-1.4.0.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(CASES / "charts/packed", "packed")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    entry = {"apiVersion": "v2", "name": "packed", "version": "1.4.0", "urls": [archive.name], "digest": digest}
    index = {"apiVersion": "v1", "generated": "2024-01-01T00:00:00Z", "entries": {"packed": [entry]}}
    (folder / "index.yaml").write_text(dump(index))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _push(charts: Path, registry: Registry) -> None:
    """Pushes the chart `packed` to a registry."""
    import helm_python

    helm_python.push(str(charts / "packed-1.4.0.tgz"), f"oci://{registry.address}/charts", plain_http=True)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def world(folder: Path, kustomizations: list[Json], releases: list[Json]) -> Iterator[World]:
    """All cases in one repository, synced by the controllers and built by pyflux."""
    with (
        GitHTTPServer() as git,
        chart_server(folder / "charts") as charts,
        Registry() as registry,
        S3() as s3,
        RealCluster(light=True) as cluster,
    ):
        _push(folder / "charts", registry)
        cluster.install_crds("source-controller", "kustomize-controller", "helm-controller")
        cluster.start_controllers("source-controller", "kustomize-controller", "helm-controller")
        repository = git.create("fleet")
        digests = _artifacts(folder, kustomizations, registry)
        _objects(kustomizations, s3)
        places = {"@CHARTS@": charts, "@REGISTRY@": registry.address, "@S3@": s3.address, "@BUCKET@": BUCKET, **digests}
        repository.commit(_files(kustomizations, releases, git.url_of("fleet"), places))
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}})
        cluster.apply(*load_all(SYNC % git.url_of("fleet")))
        checkout = folder / "checkout"
        repository.git("clone", "-q", str(repository.path), str(checkout))
        yield World(cluster, *_pyflux(folder, {}, "build", "all", "--path", str(checkout)))


def _pyflux(folder: Path, environ: Mapping[str, str], *argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    environ = {"HOME": str(folder), "PYFLUX_CACHE": str(folder / "cache"), "KUBECONFIG": "/nonexistent", **environ}
    code = run(list(argv), Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ))
    return code, out.getvalue(), err.getvalue()
