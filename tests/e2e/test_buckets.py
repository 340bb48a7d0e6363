"""Journeys with Buckets: what is stored, told and fetched again is the same with pyflux's controllers and Flux's."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflux.catalog.kinds import kind
from pyflux.errors import NotFound
from tests.e2e.helm_world import said
from tests.e2e.pairs import condition, ready, show, wait_until
from tests.e2e.world import World, config_map
from tests.real.processes import free_port, missing
from tests.real.s3 import S3
from tests.real.s3guard import ACCESS, SECRET, Guard

Obj = dict[str, Any]

_MISSING = missing("s3")
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "")]

NAME = "files"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with S3() as server:
        yield server


class Store:
    """A bucket of the test's own, and the Bucket `files` for it."""

    def __init__(self, world: World, s3: S3) -> None:
        self.world = world
        self.s3 = s3
        self.guard = Guard(s3.address)
        self.bucket = f"{world.pair.name}-{world.namespace}"[:60].strip("-")
        s3.make(self.bucket)
        self.etags: dict[str, str] = {}

    def put(self, **files: str | bytes) -> None:
        for key, text in files.items():
            self.s3.put(key, text, self.bucket)
            content = text if isinstance(text, bytes) else text.encode()
            self.etags[key] = hashlib.md5(content).hexdigest()

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.s3.delete(key, self.bucket)
            del self.etags[key]

    def revision(self, *left_out: str) -> str:
        """The revision of the objects but those left out."""
        found = sorted((key, etag) for key, etag in self.etags.items() if key not in left_out)
        return "sha256:" + hashlib.sha256("".join(f"{key} {etag}\n" for key, etag in found).encode()).hexdigest()

    def secret(self, name: str = "login", **data: str | bytes) -> None:
        values = {key: base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode() for key, v in data.items()}
        metadata = {"name": name, "namespace": self.world.namespace}
        self.world.pair.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": values})

    def login(self) -> None:
        self.secret(accesskey=ACCESS, secretkey=SECRET)

    def apply(self, **spec: Any) -> None:
        """The Bucket; by default it goes through the door with the Secret `login`."""
        given = {
            "interval": "1h",
            "endpoint": self.guard.address,
            "bucketName": self.bucket,
            "insecure": True,
            "secretRef": {"name": "login"},
            "timeout": "10s",
            **spec,
        }
        self.world.pair.apply(
            {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "Bucket",
                "metadata": {"name": NAME, "namespace": self.world.namespace},
                "spec": {key: value for key, value in given.items() if value is not None},
            }
        )

    def get(self) -> Obj:
        return self.world.pair.client.get(kind("Bucket").resource, NAME, self.world.namespace)

    def until(self, what: str, test: Any, timeout: float = 60.0) -> Obj:
        last: list[Obj] = [{}]

        def found() -> bool:
            last[0] = self.get()
            return bool(test(last[0]))

        try:
            wait_until(what, found, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{show(last[0])}") from None
        return last[0]

    def stored(self, revision: str) -> Obj:
        """The Bucket once it is ready at a revision."""
        obj = self.until(
            f"ready at {revision}",
            lambda obj: ready(obj) and (obj["status"].get("artifact") or {}).get("revision") == revision,
        )
        text = f"stored artifact: revision '{revision}'"
        assert said(obj, "Ready") == ("True", "Succeeded", text)
        assert said(obj, "ArtifactInStorage") == ("True", "Succeeded", text)
        assert {one["type"] for one in obj["status"]["conditions"]} == {"Ready", "ArtifactInStorage"}
        return obj

    def failed(self, text: str, reason: str = "BucketOperationFailed") -> Obj:
        """The Bucket once fetching failed with a reason and a text in its message."""

        def test(obj: Obj) -> bool:
            status, why, message = said(obj, "Ready")
            return (status, why) == ("False", reason) and text in message

        obj = self.until(f"{reason}: {text}", test)
        assert said(obj, "FetchFailed") == ("True", *said(obj, "Ready")[1:])
        return obj

    def reconcile(self, *, check: bool = True) -> str:
        # an object that failed and will be tried again counts as in progress: the command waits for it
        limit = "20s" if check else "2s"
        done = self.world.flux("reconcile", "source", "bucket", NAME, "--timeout", limit, check=check)
        return done.out + done.err

    def members(self) -> dict[str, str]:
        """The files in the artifact as it is served, with their content."""
        status = self.get()["status"]
        with urllib.request.urlopen(status["artifact"]["url"], timeout=10) as answer:
            content = answer.read()
        assert status["artifact"]["digest"] == "sha256:" + hashlib.sha256(content).hexdigest()
        assert status["artifact"]["size"] == len(content)
        found = {}
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for entry in archive:
                if entry.isfile():
                    assert entry.mode & 0o777 == 0o600
                    file = archive.extractfile(entry)
                    assert file is not None
                    found[entry.name] = file.read().decode()
        return found

    def events(self, reason: str) -> list[str]:
        """The messages of the events with a reason."""
        found = self.world.pair.events(self.world.namespace, NAME)
        return [event["message"] for event in found if event["reason"] == reason]

    def until_event(self, reason: str, message: str) -> None:
        wait_until(f"event {reason}: {message}", lambda: message in self.events(reason), 20)


@pytest.fixture
def store(world: World, s3: S3) -> Iterator[Store]:
    made = Store(world, s3)
    yield made
    made.guard.stop()


def test_a_bucket_from_first_to_last(store: Store) -> None:
    world = store.world
    web = "deploy/web map.yaml"
    ignore = "# comment\n*.txt\nnotes/\n"
    first = {
        ".sourceignore": ignore,
        web: config_map("web", world.namespace, color="red"),
        "deploy/größe/(1)+&.json": "{}",
        "deploy/folder/": "",
        "deploy/notes.txt": "left out",
        "notes/web.yaml": "left out",
        "other/secret.yaml": "left out by the spec",
        "picture.png": "no default leaves it out",
    }
    store.put(**first)
    out = (".sourceignore", "deploy/folder/", "deploy/notes.txt", "notes/web.yaml", "other/secret.yaml")
    store.login()
    store.apply(ignore="other/\n")
    obj = store.stored(store.revision(*out))
    artifact, place = obj["status"]["artifact"], f"bucket/{world.namespace}/{NAME}"
    encoded = artifact["revision"].removeprefix("sha256:")
    assert artifact["path"] == f"{place}/{encoded}.tar.gz"
    assert artifact["url"].endswith(f"/{artifact['path']}")
    assert obj["status"]["url"].endswith(f"/{place}/latest.tar.gz")
    assert obj["status"]["observedIgnore"] == "other/\n"
    assert obj["status"]["observedGeneration"] == obj["metadata"]["generation"]
    assert obj["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    kept = {key: text for key, text in first.items() if key == ".sourceignore" or key not in out}
    assert store.members() == kept
    store.until_event("NewArtifact", f"stored artifact with 3 fetched files from '{store.bucket}' bucket")
    world.add("apps", path="./deploy", sourceRef={"kind": "Bucket", "name": NAME})
    world.ready("apps", artifact["revision"])
    assert world.config_map("web") == {"color": "red"}

    # nothing has changed: the objects are not read again
    store.guard.requests.clear()
    assert f"fetched revision {artifact['revision']}" in store.reconcile()
    store.until_event("ArtifactUpToDate", f"artifact up-to-date with remote revision: '{artifact['revision']}'")
    assert set(store.guard.objects_read(store.bucket)) == {".sourceignore"}
    assert store.get()["status"]["artifact"] == artifact

    # a changed object, and one that came
    store.put(**{web: config_map("web", world.namespace, color="blue"), "deploy/more.json": "[]"})
    store.reconcile()
    obj = store.stored(store.revision(*out))
    assert obj["status"]["artifact"]["revision"] != artifact["revision"]
    store.until_event("NewArtifact", f"stored artifact with 4 fetched files from '{store.bucket}' bucket")
    world.ready("apps", obj["status"]["artifact"]["revision"])
    assert world.config_map("web") == {"color": "blue"}

    # no longer left out
    store.apply()
    obj = store.stored(store.revision(*[key for key in out if key != "other/secret.yaml"]))
    assert "observedIgnore" not in obj["status"]
    assert "other/secret.yaml" in store.members()

    # an emptied bucket is an artifact, too
    store.delete(*store.etags)
    world.flux("suspend", "kustomization", "apps")
    store.reconcile()
    obj = store.stored(f"sha256:{hashlib.sha256(b'').hexdigest()}")
    assert store.members() == {}
    store.until_event("NewArtifact", f"stored artifact with 0 fetched files from '{store.bucket}' bucket")
    assert store.bucket in world.flux("export", "source", "bucket", NAME).out
    assert obj["status"]["artifact"]["revision"].partition(":")[2][:8] in world.flux("get", "sources", "bucket").out


def test_only_what_begins_with_the_prefix(store: Store) -> None:
    store.put(**{"a/one.yaml": "1", "a/b/two.yaml": "2", "ab.yaml": "3", "c.yaml": "4", ".sourceignore": "two.yaml"})
    store.login()
    store.apply(prefix="a/", region="eu-somewhere-1")
    store.stored(store.revision("a/b/two.yaml", "ab.yaml", "c.yaml", ".sourceignore"))
    # the rules come from the top of the bucket all the same
    assert store.members() == {"a/one.yaml": "1", ".sourceignore": "two.yaml"}
    # the region is not asked for, and signed
    assert not any("location" in target for _, target in store.guard.requests)
    assert all("/eu-somewhere-1/s3/" in one["authorization"] for one in store.guard.headers)
    store.apply(prefix="a", region=None, ignore="!two.yaml")
    store.stored(store.revision("c.yaml", ".sourceignore"))


def test_many_objects(store: Store) -> None:
    # a listing has a thousand objects a page
    store.put(**{f"many/{number % 7}/{number}.yaml": f"{number}\n" * 10 for number in range(1205)})
    # without the door, which is too slow for the official controller's hundred requests at a time
    store.apply(endpoint=store.s3.address, secretRef=None, timeout="50s")
    store.stored(store.revision())
    store.until_event("NewArtifact", f"stored artifact with 1205 fetched files from '{store.bucket}' bucket")
    found = store.members()
    assert len(found) == 1205
    assert found["many/1/1.yaml"] == "1\n" * 10


def test_a_login_that_is_not_right(store: Store) -> None:
    store.put(**{"one.yaml": "a: b"})
    store.apply()
    where = f"{store.world.namespace}/login"
    store.failed(f"failed to get secret '{where}': ", "AuthenticationFailed")
    store.secret(accesskey=ACCESS)
    store.reconcile(check=False)
    text = "invalid 'login' secret data: required fields 'accesskey' and 'secretkey'"
    assert said(store.failed(text, "AuthenticationFailed"), "Ready")[2] == text
    start = f"failed to confirm existence of '{store.bucket}' bucket: "
    store.secret(accesskey="someone", secretkey=SECRET)
    store.reconcile(check=False)
    store.failed(f"{start}The Access Key Id you provided does not exist in our records.")
    store.secret(accesskey=ACCESS, secretkey="of-someone-else")
    store.reconcile(check=False)
    obj = store.failed(f"{start}The request signature we calculated does not match the signature you provided.")
    assert "artifact" not in obj["status"]
    store.apply(secretRef=None)
    store.failed(f"{start}Access Denied")
    store.login()
    store.apply()
    store.stored(store.revision())
    for event in store.world.pair.events(store.world.namespace, NAME):
        assert SECRET not in event["message"]
        assert "of-someone-else" not in event["message"]
    # what was there stays while the storage cannot be had
    store.secret(accesskey=ACCESS, secretkey="of-someone-else")
    store.reconcile(check=False)
    obj = store.failed(start)
    assert obj["status"]["artifact"]["revision"] == store.revision()
    assert condition(obj, "Reconciling")["reason"] == "ProgressingWithRetry"
    store.login()
    store.reconcile()
    store.stored(store.revision())
    store.until_event("Succeeded", f"stored artifact with 1 fetched files from '{store.bucket}' bucket")


def test_what_is_not_there(store: Store) -> None:
    store.login()
    store.apply(bucketName="not-there")
    text = "bucket 'not-there' not found"
    assert said(store.failed(text), "Ready")[2] == text
    store.apply(endpoint=f"127.0.0.1:{free_port()}")
    store.failed("connection refused")
    store.apply(endpoint=f"{store.guard.address}/path")
    store.failed("Endpoint url cannot have fully qualified paths.", "AuthenticationFailed")
    store.apply(bucketName="x")
    store.failed("failed to confirm existence of 'x' bucket: Bucket name cannot be shorter than 3 characters")
    store.apply()
    store.stored(store.revision())


def test_a_bucket_for_everyone(store: Store) -> None:
    store.put(**{"one.yaml": "a: b"})
    store.apply(endpoint=store.s3.address, secretRef=None)
    store.stored(store.revision())
    # paused, then gone with its artifact
    store.world.flux("suspend", "source", "bucket", NAME)
    revision = store.revision()
    store.put(**{"two.yaml": "c: d"})
    assert store.get()["status"]["artifact"]["revision"] == revision
    store.world.flux("resume", "source", "bucket", NAME)
    url = store.stored(store.revision())["status"]["artifact"]["url"]
    store.world.pair.client.delete(kind("Bucket").resource, NAME, store.world.namespace)

    def gone() -> bool:
        try:
            store.get()
        except NotFound:
            return True
        return False

    wait_until("the Bucket is gone", gone, 30)
    with pytest.raises(OSError, match="404"):
        urllib.request.urlopen(url, timeout=10)


def test_a_storage_with_tls(store: Store, tmp_path: Path) -> None:
    store.put(**{"one.yaml": "a: b"})
    store.login()
    guard = Guard(store.s3.address, tls=tmp_path)
    try:
        store.apply(endpoint=guard.address, insecure=False)
        store.failed("failed to verify certificate")
        store.secret("trust", **{"tls.crt": guard.ca})
        store.apply(endpoint=guard.address, insecure=False, certSecretRef={"name": "trust"})
        store.failed("secret", "AuthenticationFailed")
        store.secret("trust", **{"ca.crt": guard.ca})
        store.apply(endpoint=guard.address, insecure=False, certSecretRef={"name": "trust"}, interval="2h")
        store.stored(store.revision())
    finally:
        guard.stop()


def test_a_storage_behind_a_proxy(store: Store) -> None:
    store.put(**{"one.yaml": "a: b"})
    store.login()
    storage = "storage.example.internal:9000"
    store.secret("proxy", username="me", password="proxy-password", address=f"http://{store.guard.address}")
    store.apply(endpoint=storage, proxySecretRef={"name": "proxy"})
    store.stored(store.revision())
    assert all(target.startswith(f"http://{storage}/") for _, target in store.guard.requests)
    login = "Basic " + base64.b64encode(b"me:proxy-password").decode()
    assert all(one["proxy-authorization"] == login for one in store.guard.headers)
    store.secret("proxy", username="me")
    store.reconcile(check=False)
    text = f"failed to get proxy URL: secret '{store.world.namespace}/proxy': key 'address' not found"
    store.failed(text, "AuthenticationFailed")


def test_a_chart_from_a_bucket(store: Store) -> None:
    version = "apiVersion: v2\nname: app\nversion: 1.0.%d\n"
    store.put(**{"charts/app/Chart.yaml": version % 0, "charts/app/values.yaml": "a: b\n"})
    store.login()
    store.apply()
    store.stored(store.revision())
    world = store.world
    spec = {"interval": "1h", "chart": "./charts/app", "sourceRef": {"kind": "Bucket", "name": NAME}}
    metadata = {"name": "app", "namespace": world.namespace}
    world.pair.apply(
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart", "metadata": metadata, "spec": spec}
    )

    def packaged(number: int) -> bool:
        chart = world.pair.client.get(kind("HelmChart").resource, "app", world.namespace)
        return condition(chart, "Ready").get("message") == f"packaged 'app' chart with version '1.0.{number}'"

    wait_until("the chart is packaged", lambda: packaged(0), 60)
    # a new revision of the Bucket is a reason to look at the chart
    store.put(**{"charts/app/Chart.yaml": version % 1})
    store.reconcile()
    wait_until("the chart is packaged anew", lambda: packaged(1), 60)


def test_a_bucket_of_a_cloud_is_refused(store: Store) -> None:
    if not store.world.pair.ours:
        pytest.skip("the official source-controller logs in at clouds")
    store.login()
    for provider, more in (("aws", {}), ("gcp", {}), ("azure", {}), ("gcp", {"secretRef": {"name": "login"}})):
        store.apply(provider=provider, **{"secretRef": None, **more})
        text = f"failed to get credential from '{provider}': pyflux's controllers do not log in at cloud providers"
        obj = store.failed(text, "AuthenticationFailed")
        assert said(obj, "Ready")[2] == text
        assert said(obj, "Stalled") == ("True", "AuthenticationFailed", text)
    assert "not log in at cloud providers" in store.reconcile(check=False)


def test_the_keys_of_a_secret_open_aws(store: Store) -> None:
    store.put(**{"one.yaml": "a: b"})
    store.login()
    store.apply(provider="aws")
    store.stored(store.revision())


def test_a_token_service_is_refused(store: Store) -> None:
    if not store.world.pair.ours:
        pytest.skip("the official source-controller asks token services")
    store.apply(secretRef=None, sts={"provider": "ldap", "endpoint": "https://127.0.0.1:1"})
    text = "STS provider 'ldap' is not supported by pyflux's controllers"
    obj = store.failed(text, "InvalidSTSConfiguration")
    assert said(obj, "Stalled") == ("True", "InvalidSTSConfiguration", text)
