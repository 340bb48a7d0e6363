"""Helm repositories and charts: indexes, Chart.yaml, downloads, logins."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pyflux.controllers.source import chartbuild, chartindex, helmauth, ocirepository
from pyflux.controllers.source.chartfile import ChartError, metadata_of
from pyflux.controllers.source.helmrepository import human_size, index_url
from pyflux.controllers.source.httpget import HttpError, Login, download
from pyflux.controllers.source.outcome import SourceFailed
from pyflux.errors import NotFound

VERSIONS = ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "not-a-version", "1.2.0+b")


def index(*versions: str) -> dict[str, Any]:
    entries = [
        {"name": "app", "version": version, "created": f"2026-01-0{n + 1}T00:00:00Z"}
        for n, version in enumerate(versions)
    ]
    return chartindex.parse(json.dumps({"apiVersion": "v1", "entries": {"app": entries, "none": []}}).encode())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "1.10.0"),
        ("*", "1.10.0"),
        ("1.2.x", "1.2.0+b"),
        ("1.2.0", "1.2.0"),
        ("<1.2.0", "1.0.0"),
        (">=1.0.0-0", "2.0.0-rc.1"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
    ],
)
def test_choose(wanted: str, found: str) -> None:
    assert chartindex.choose(index(*VERSIONS), "app", wanted)["version"] == found


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("other", "", "no chart name found"),
        ("none", "", "no chart version found"),
        ("app", ">9", "no 'app' chart with version matching '>9' found"),
        ("app", "what ever", "improper constraint"),
    ],
)
def test_choose_tells_what_is_missing(name: str, wanted: str, message: str) -> None:
    with pytest.raises(chartindex.IndexFailed, match=message):
        chartindex.choose(index(*VERSIONS), name, wanted)


@pytest.mark.parametrize("text", ["", "a: [", "[]", "entries: {}", "apiVersion: v1\nentries: [1]\n"])
def test_what_is_no_index_is_refused(text: str) -> None:
    with pytest.raises(chartindex.IndexFailed):
        chartindex.parse(text.encode())


def test_newest_tag() -> None:
    assert chartindex.newest(["latest", "1.0.0", "1.5.0", "2.0.0"], "1.x") == "1.5.0"
    assert chartindex.newest(["latest", "1.0.0"], "latest") == "latest"
    with pytest.raises(chartindex.IndexFailed):
        chartindex.newest(["latest"], "1.x")


def archive(path: Path, name: str, text: str) -> None:
    """A chart's archive with the extra field in its gzip header that Helm writes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    packed = gzip.compress(plain.getvalue(), mtime=0)
    extra = b"+aHR0cHM6"
    path.write_bytes(
        packed[:3] + bytes([packed[3] | 4]) + packed[4:10] + len(extra).to_bytes(2, "little") + extra + packed[10:]
    )


def test_metadata_of_an_archive(tmp_path: Path) -> None:
    archive(tmp_path / "a.tgz", "app/Chart.yaml", "name: app\nversion: 1.0.0\nappVersion: 9.1\n")
    assert metadata_of(str(tmp_path / "a.tgz")) == {
        "name": "app",
        "version": "1.0.0",
        "appVersion": "9.1",
        "apiVersion": "v1",
    }


def test_metadata_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 1.0.0\n")
    assert metadata_of(str(tmp_path))["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("app/sub/Chart.yaml", "name: app\n", r"no 'Chart\.yaml' found"),
        ("app/Chart.yaml", "name: app\n", r"chart\.metadata\.version is required"),
        ("app/Chart.yaml", "a: [", r"cannot load 'Chart\.yaml'"),
        ("app/Chart.yaml", "- a\n", "not a mapping"),
        ("app/Chart.yaml", "name: ../x\nversion: 1.0.0\n", "name .* is invalid"),
        ("app/Chart.yaml", "name: app\nversion: a/../b\n", "version .* is invalid"),
    ],
)
def test_what_is_no_chart_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    archive(tmp_path / "a.tgz", name, text)
    with pytest.raises(ChartError, match=message):
        metadata_of(str(tmp_path / "a.tgz"))


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"\x1f\x8b\x08nothing")
    with pytest.raises(ChartError):
        metadata_of(str(tmp_path / "a.tgz"))


class Server:
    """Answers with what `pages` holds: (status, headers, body); keeps the requests' logins."""

    def __init__(self) -> None:
        self.pages: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self.logins: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.logins.append(self.headers.get("Authorization"))
                answers = outer.pages[self.path]
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def get(server: Server, path: str, target: Path, login: Login | None = None, **more: Any) -> bytes:
    more.setdefault("most", 100)
    download(server.url + path, str(target), login or Login(), sleep=lambda _: None, **more)
    return target.read_bytes()


def test_download_logs_in_and_tries_again(server: Server, tmp_path: Path) -> None:
    server.pages["/a"] = [(503, {}, b""), (200, {}, b"x")]
    assert get(server, "/a", tmp_path / "a", Login("me", "secret")) == b"x"
    assert server.logins == ["Basic " + base64.b64encode(b"me:secret").decode()] * 2


def test_credentials_stay_at_home(server: Server, tmp_path: Path) -> None:
    server.pages["/a"] = [(302, {"Location": server.url.replace("127.0.0.1", "localhost") + "/b"}, b"")]
    server.pages["/b"] = [(200, {}, b"x")]
    assert get(server, "/a", tmp_path / "a", Login("me", "secret")) == b"x"
    assert server.logins[1] is None
    get(server, "/a", tmp_path / "a", Login("me", "secret", everywhere=True))
    assert server.logins[3] is not None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, {}, b""), "404 Not Found"),
        ((200, {}, b"x" * 101), "larger than 100 bytes"),
        ((302, {"Location": "/a"}, b""), "redirects too often"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "not an http or https URL"),
    ],
)
def test_download_refuses(server: Server, tmp_path: Path, answer: Any, message: str) -> None:
    server.pages["/a"] = [answer]
    with pytest.raises(HttpError, match=message):
        get(server, "/a", tmp_path / "a")


def test_bad_tls_data_is_told() -> None:
    with pytest.raises(HttpError, match="cannot use the TLS data"):
        Login(ca=b"nothing").context()


def test_index_url_and_sizes() -> None:
    assert index_url("https://charts.example.com/x/") == "https://charts.example.com/x/index.yaml"
    assert index_url("https://charts.example.com?a=b") == "https://charts.example.com/index.yaml?a=b"
    assert [human_size(size) for size in (0, 999, 1000, 1_234_000)] == ["0B", "999B", "1kB", "1.234MB"]


class Cluster:
    def __init__(self, **data: str) -> None:
        self._data = {
            key.replace("_", ".", 1): base64.b64encode(value.encode()).decode() for key, value in data.items()
        }

    def get(self, *_: object) -> dict[str, Any]:
        return {"data": self._data}


def login(url: str = "oci://registry.example.com/charts", **data: str) -> Login:
    spec = {"url": url, "secretRef": {"name": "s"}}
    obj = {"metadata": {"namespace": "apps"}, "spec": spec}
    return helmauth.repository_login(Cluster(**data), obj)  # type: ignore[arg-type]


def test_logins() -> None:
    found = login(username="me", password="secret")
    assert (found.username, found.password) == ("me", "secret")
    entry = {"auth": base64.b64encode(b"me:se:cret").decode()}
    found = login(_dockerconfigjson=json.dumps({"auths": {"https://registry.example.com/v2/": entry}}))
    assert (found.username, found.password) == ("me", "se:cret")
    assert login(_dockerconfigjson=json.dumps({"auths": {"elsewhere": entry}})).username == ""


@pytest.mark.parametrize("data", [{"username": "me"}, {"tls_crt": "x"}, {"_dockerconfigjson": "[]"}])
def test_halves_of_a_login_are_refused(data: dict[str, str]) -> None:
    with pytest.raises(SourceFailed):
        login(**data)


@pytest.mark.parametrize(
    ("place", "fine"), [("file://../sub", True), ("file://../../../etc", False), ("file:///etc", False)]
)
@pytest.mark.parametrize("name", ["Chart.yaml", "requirements.yaml"])
def test_dependencies_stay_in_the_source(tmp_path: Path, place: str, fine: bool, name: str) -> None:
    chart = tmp_path / "charts" / "app"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: app\nversion: 1.0.0\n")
    with (chart / name).open("a") as file:
        file.write(f"dependencies: [{{name: sub, version: 1.0.0, repository: '{place}'}}]\n")
    if fine:
        chartbuild._check_dependencies(str(chart), str(tmp_path))
        return
    with pytest.raises(chartbuild.BuildFailed, match="outside of the source"):
        chartbuild._check_dependencies(str(chart), str(tmp_path))


def test_a_filter_of_tags_that_is_no_expression() -> None:
    assert ocirepository._filtered(["1.0.0", "1.0.0-rc"], "-rc$", "oci://a/b") == ["1.0.0-rc"]
    with pytest.raises(SourceFailed, match="failed to determine the artifact tag for 'oci://a/b'"):
        ocirepository._filtered(["1.0.0"], "(", "oci://a/b")


class Accounts:
    """A service account `puller` with a pull secret, and a Secret with a proxy."""

    def get(self, resource: Any, name: str, namespace: str) -> dict[str, Any]:
        if resource.kind == "ServiceAccount" and name == "puller":
            return {"imagePullSecrets": [{"name": "elsewhere"}, {"name": "pull"}]}
        login = {"username": "me", "password": "secret"}
        hosts = {"pull": "registry.example.com", "elsewhere": "other.example.com"}
        texts = {".dockerconfigjson": json.dumps({"auths": {hosts[name]: login}})} if name in hosts else {}
        if name == "proxy":
            texts = {"address": "http://proxy:3128", "username": "p", "password": "w"}
        if not texts:
            raise NotFound(f'{resource.plural} "{name}" not found')
        return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}}


def as_told(**spec: Any) -> Login:
    client: Any = Accounts()
    url = "oci://registry.example.com/charts"
    return helmauth.repository_login(client, {"metadata": {"namespace": "ns"}, "spec": {"url": url, **spec}})


def test_pull_secrets_of_a_service_account() -> None:
    found = as_told(serviceAccountName="puller")
    assert (found.username, found.password) == ("me", "secret")
    assert as_told(serviceAccountName="puller", provider="aws").username == "me"
    with pytest.raises(SourceFailed, match="failed to get credential: failed to get service account 'ns/nobody'"):
        as_told(serviceAccountName="nobody")


def test_a_proxy_for_registries() -> None:
    assert as_told(proxySecretRef={"name": "proxy"}).proxy == "http://p:w@proxy:3128"
    with pytest.raises(SourceFailed, match="failed to get proxy address"):
        as_told(proxySecretRef={"name": "nowhere"})


def test_providers_of_clouds_are_refused_for_registries() -> None:
    text = "failed to get credential from 'azure': pyflux's controllers do not log in at cloud providers"
    with pytest.raises(SourceFailed, match=text) as failed:
        as_told(provider="azure")
    assert (failed.value.condition, failed.value.reason) == ("FetchFailed", "AuthenticationFailed")
    assert as_told(provider="generic").username == ""
    assert as_told(provider="azure", url="https://charts.example.com").username == ""
