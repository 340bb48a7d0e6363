"""Journeys with charts that are not in Git: a Helm repository over HTTP, and a registry."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pyflux.catalog.kinds import kind
from pyflux.errors import NotFound
from pyflux.oci.reference import parse_repository
from tests.e2e.helm_world import FILES, HelmWorld, chart_file, newest, said
from tests.e2e.pairs import condition, ready, wait_until
from tests.e2e.world import World
from tests.real.processes import missing
from tests.real.registry import Registry
from tests.unit.oci import signing

helm_python = pytest.importorskip("helm_python", reason="Helm's SDK (the extra helm) is not installed")

Obj = dict[str, Any]


@pytest.fixture
def helm(world: World) -> HelmWorld:
    return HelmWorld(world)


class Charts:
    """A Helm repository in a folder, served over HTTP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

        handler = functools.partial(Quiet, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._entries: list[Obj] = []
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def archive(self, version: str, color: str = "blue") -> Path:
        """A packed chart."""
        source = self.folder / f"source-{version}"
        files = {**FILES, "charts/app/Chart.yaml": chart_file(version)}
        for name, text in files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text or "")
        values = source / "charts/app/values.yaml"
        values.write_text(values.read_text().replace("blue", color))
        return Path(helm_python.package(str(source / "charts/app"), destination=str(self.folder)))

    def add(self, version: str, color: str = "blue") -> None:
        """Adds a version of the chart to the index."""
        path = self.archive(version, color)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._entries.append(
            {"apiVersion": "v2", "name": "app", "version": version, "urls": [path.name], "digest": digest}
        )
        (self.folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": {"app": self._entries}}))

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def charts(tmp_path: Path) -> Iterator[Charts]:
    made = Charts(tmp_path)
    yield made
    made.stop()


def source(helm: HelmWorld, kind_name: str, **spec: Any) -> None:
    helm.pair.apply(
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": kind_name,
            "metadata": {"name": "charts", "namespace": helm.namespace},
            "spec": {"interval": "1h", **spec},
        }
    )


FROM_REPOSITORY = {"chart": "app", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}


def get(helm: HelmWorld, kind_name: str, name: str = "charts") -> Obj:
    return helm.pair.client.get(kind(kind_name).resource, name, helm.namespace)


def test_chart_from_a_helm_repository(helm: HelmWorld, charts: Charts) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        charts.add(version, f"color-{version}")
    source(helm, "HelmRepository", url=charts.url)
    helm.release("app", chart_spec={**FROM_REPOSITORY, "version": "1.x"})
    helm.ready("app")
    assert (helm.data("app") or {})["color"] == "color-1.1.0"
    repository = get(helm, "HelmRepository")
    text = (charts.folder / "index.yaml").read_bytes()
    revision = f"sha256:{hashlib.sha256(text).hexdigest()}"
    assert repository["status"]["artifact"]["revision"] == revision
    assert said(repository, "Ready") == ("True", "Succeeded", f"stored artifact: revision '{revision}'")
    chart = get(helm, "HelmChart", f"{helm.namespace}-app")
    text = "pulled 'app' chart with version '1.1.0'"
    assert said(chart, "Ready") == ("True", "ChartPullSucceeded", text)
    assert chart["status"]["observedSourceArtifactRevision"] == revision
    charts.add("1.2.0", "color-1.2.0")
    helm.world.flux("reconcile", "source", "helm", "charts")
    helm.until("app", "at 1.2.0", lambda obj: ready(obj) and newest(obj).get("chartVersion") == "1.2.0")
    assert (helm.data("app") or {})["color"] == "color-1.2.0"


def test_missing_charts_are_told(helm: HelmWorld, charts: Charts) -> None:
    charts.add("1.0.0")
    source(helm, "HelmRepository", url=charts.url)
    helm.release("app", chart_spec={**FROM_REPOSITORY, "version": "9.x"})
    text = (
        "invalid chart reference: failed to get chart version for remote reference: "
        "no 'app' chart with version matching '9.x' found"
    )
    obj = helm.until("app", "waits", lambda obj: text in said(obj, "Ready")[2])
    name = f"{helm.namespace}/{helm.namespace}-app"
    assert said(obj, "Ready") == ("False", "SourceNotReady", f"HelmChart '{name}' is not ready: {text}")
    chart = get(helm, "HelmChart", f"{helm.namespace}-app")
    assert said(chart, "Ready") == ("False", "InvalidChartReference", text)
    assert condition(chart, "Stalled")["reason"] == "InvalidChartReference"


def test_repository_that_is_not_there(helm: HelmWorld, charts: Charts) -> None:
    source(helm, "HelmRepository", url=f"{charts.url}/nowhere")

    def told() -> bool:
        return said(get(helm, "HelmRepository"), "Ready")[:2] == ("False", "Failed")

    wait_until("the HelmRepository failed", told, 30)
    message = said(get(helm, "HelmRepository"), "Ready")[2]
    start = "failed to fetch Helm repository index: failed to cache index to temporary file: "
    assert message == f"{start}failed to fetch {charts.url}/nowhere/index.yaml : 404 Not Found".replace(
        "404 Not Found", message.rpartition(" : ")[2]
    )
    assert message.rpartition(" : ")[2].startswith("404")


def test_values_files_of_a_chart_from_a_repository(helm: HelmWorld, charts: Charts) -> None:
    charts.add("1.0.0")
    source(helm, "HelmRepository", url=charts.url)
    files = ["values.yaml", "values-green.yaml", "values-nowhere.yaml"]
    helm.release("app", chart_spec={**FROM_REPOSITORY, "valuesFiles": files, "ignoreMissingValuesFiles": True})
    obj = helm.ready("app")
    assert (helm.data("app") or {})["color"] == "green"
    assert obj["status"]["lastAttemptedRevision"] == "1.0.0+1"
    chart = get(helm, "HelmChart", f"{helm.namespace}-app")
    assert chart["status"]["observedValuesFiles"] == files[:2]


@pytest.fixture
def registry() -> Iterator[Registry]:
    reason = missing("registry")
    if reason:
        pytest.skip(reason)
    with Registry() as running:
        yield running


def push(charts: Charts, registry: Registry, version: str, color: str) -> None:
    with helm_python.RegistryClient(plain_http=True) as client:
        client.push(str(charts.archive(version, color)), f"oci://{registry.address}/charts", plain_http=True)


def test_charts_from_a_registry(helm: HelmWorld, charts: Charts, registry: Registry) -> None:
    push(charts, registry, "1.0.0", "one")
    push(charts, registry, "1.1.0", "two")
    source(helm, "HelmRepository", url=f"oci://{registry.address}/charts", type="oci", insecure=True)
    helm.release("app", chart_spec={**FROM_REPOSITORY, "version": "1.0.x"})
    helm.ready("app")
    assert (helm.data("app") or {})["color"] == "one"
    assert "status" not in get(helm, "HelmRepository") or get(helm, "HelmRepository")["status"] in ({}, None)
    layer = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation": "copy"}
    url = f"oci://{registry.address}/charts/app"
    source(helm, "OCIRepository", url=url, insecure=True, ref={"semver": "1.x"}, layerSelector=layer)
    helm.release("other", chartRef={"kind": "OCIRepository", "name": "charts"})
    obj = helm.ready("other")
    assert (helm.data("other") or {})["color"] == "two"
    revision = get(helm, "OCIRepository")["status"]["artifact"]["revision"]
    tag, _, digest = revision.partition("@")
    assert tag == "1.1.0"
    assert obj["status"]["lastAttemptedRevision"] == f"1.1.0+{digest.removeprefix('sha256:')[:12]}"
    assert obj["status"]["lastAttemptedRevisionDigest"] == digest
    assert newest(obj)["ociDigest"] == digest
    text = f"stored artifact for digest '{revision}'"
    assert said(get(helm, "OCIRepository"), "Ready") == ("True", "Succeeded", text)


COPY = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation": "copy"}


def keys(helm: HelmWorld, name: str, *private: signing.Private) -> dict[str, Any]:
    """Puts public keys into a Secret; `spec.verify` for it."""
    data = {f"k{n}.pub": base64.b64encode(signing.public(key)).decode() for n, key in enumerate(private)}
    metadata = {"name": name, "namespace": helm.namespace}
    helm.pair.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    return {"provider": "cosign", "secretRef": {"name": name}}


def test_only_signed_artifacts_are_taken(helm: HelmWorld, charts: Charts, registry: Registry) -> None:
    for version in ("1.0.0", "1.1.0"):
        push(charts, registry, version, "signed")
    target = signing.repository(registry.address, "charts/app")
    url, mine, other = f"oci://{registry.address}/charts/app", signing.new_key("ecdsa"), signing.new_key("ed25519")
    verify = keys(helm, "keys", mine, other)

    def at(version: str) -> Any:
        """The artifact of a version, named by digest."""
        reference = parse_repository(f"{registry.address}/charts/app").with_tag(version)
        return reference.with_digest(target.manifest(reference).digest)

    def until(status: str, reason: str, message: str) -> None:
        def told() -> bool:
            return said(get(helm, "OCIRepository"), "SourceVerified") == (status, reason, message)

        wait_until(f"SourceVerified {status}: {message}", told, 60)

    source(helm, "OCIRepository", url=url, insecure=True, ref={"tag": "1.0.0"}, layerSelector=COPY, verify=verify)
    text = "failed to verify the signature using provider 'cosign': no matching signatures were found for"
    until("False", "VerificationError", f"{text} '{at('1.0.0')}'")
    unready = ("False", "VerificationError")
    wait_until("it is not ready", lambda: said(get(helm, "OCIRepository"), "Ready")[:2] == unready, 30)
    assert "artifact" not in get(helm, "OCIRepository")["status"]
    signing.sign(target, at("1.0.0"), signing.new_key("ecdsa"), other)
    helm.world.flux("reconcile", "source", "oci", "charts")
    until("True", "Succeeded", f"verified signature of revision 1.0.0@{at('1.0.0').digest}")
    # a signature as cosign 3 stores it
    signing.sign_bundle(target, at("1.1.0"), mine)
    source(helm, "OCIRepository", url=url, insecure=True, ref={"tag": "1.1.0"}, layerSelector=COPY, verify=verify)
    until("True", "Succeeded", f"verified signature of revision 1.1.0@{at('1.1.0').digest}")


def test_only_signed_charts_are_released(helm: HelmWorld, charts: Charts, registry: Registry) -> None:
    push(charts, registry, "1.0.0", "signed")
    mine, name = signing.new_key("rsa"), f"{helm.namespace}-app"
    source(helm, "HelmRepository", url=f"oci://{registry.address}/charts", type="oci", insecure=True)
    verify = keys(helm, "keys", mine)
    helm.release("app", chart_spec={**FROM_REPOSITORY, "version": "1.0.0", "verify": verify})

    def refused() -> bool:
        try:
            chart = get(helm, "HelmChart", name)
        except NotFound:
            return False
        return said(chart, "SourceVerified")[:2] == ("False", "VerificationError")

    wait_until("the HelmChart is refused", refused, 60)
    chart = get(helm, "HelmChart", name)
    start = f"chart verification error: failed to verify oci://{registry.address}/charts/app:1.0.0: "
    assert said(chart, "SourceVerified")[2].startswith(start)
    assert said(chart, "BuildFailed")[:2] == ("True", "ChartVerificationError")
    assert "artifact" not in chart["status"]
    target = signing.repository(registry.address, "charts/app")
    reference = parse_repository(f"{registry.address}/charts/app").with_tag("1.0.0")
    signing.sign(target, reference.with_digest(target.manifest(reference).digest), mine)
    helm.world.flux("reconcile", "source", "chart", name)
    helm.ready("app")
    assert (helm.data("app") or {})["color"] == "signed"
    text = "verified signature of version 1.0.0"
    assert said(get(helm, "HelmChart", name), "SourceVerified") == ("True", "Succeeded", text)


def test_signatures_that_nobody_can_check(helm: HelmWorld, charts: Charts, registry: Registry) -> None:
    if not helm.pair.ours:
        pytest.skip("helm's own controllers check these, with services on the internet")
    push(charts, registry, "1.0.0", "signed")
    url = f"oci://{registry.address}/charts/app"

    def told(verify: Obj, text: str) -> None:
        source(helm, "OCIRepository", url=url, insecure=True, ref={"tag": "1.0.0"}, layerSelector=COPY, verify=verify)
        text = f"failed to verify the signature using provider {text}"
        wanted = ("False", "VerificationError", text)
        wait_until(text, lambda: said(get(helm, "OCIRepository"), "SourceVerified") == wanted, 30)

    told(
        {"provider": "cosign"},
        "'cosign keyless': pyflux's controllers verify with public keys only, those of spec.verify.secretRef",
    )
    told(
        {"provider": "notation", "secretRef": {"name": "keys"}},
        "'notation': pyflux's controllers do not verify signatures of notation",
    )
    told({**keys(helm, "none")}, f"'cosign': no public keys found in secret '{helm.namespace}/none'")

    # a chart of a repository by HTTP has none
    charts.add("1.0.0")
    source(helm, "HelmRepository", url=charts.url)
    verify = {"verify": {"provider": "cosign"}}
    helm.release("app", chart_spec={**FROM_REPOSITORY, **verify})
    helm.ready("app")

    def skipped() -> bool:
        events = helm.pair.events(helm.namespace, f"{helm.namespace}-app")
        return [one["count"] for one in events if one["reason"] == "VerificationSkipped"] == [1]

    wait_until("a warning", skipped, 15)
    # and the API takes none for a chart of a Git repository
    helm.release("other", chart_spec=verify)
    text = "spec.verify is only supported when spec.sourceRef.kind is 'HelmRepository'"
    obj = helm.until("other", "refused", lambda obj: text in said(obj, "Ready")[2])
    assert said(obj, "Ready")[1] == "HelmChartSyncErr"


def test_a_provider_of_a_cloud_is_refused(helm: HelmWorld, registry: Registry) -> None:
    if not helm.pair.ours:
        pytest.skip("the official source-controller logs in at clouds")
    text = "failed to get credential from 'aws': pyflux's controllers do not log in at cloud providers"
    url = f"oci://{registry.address}/charts"
    source(helm, "HelmRepository", url=url, type="oci", insecure=True, provider="aws")
    helm.release("app", chart_spec={**FROM_REPOSITORY, "version": "1.0.0"})
    obj = helm.until("app", "waits", lambda obj: text in said(obj, "Ready")[2])
    assert said(obj, "Ready")[1] == "SourceNotReady"
    chart = get(helm, "HelmChart", f"{helm.namespace}-app")
    assert said(chart, "FetchFailed") == ("True", "AuthenticationFailed", text)
    source(helm, "OCIRepository", url=f"{url}/app", insecure=True, provider="aws")
    wait_until(text, lambda: said(get(helm, "OCIRepository"), "Ready") == ("False", "AuthenticationFailed", text), 30)
