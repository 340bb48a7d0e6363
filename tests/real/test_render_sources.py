"""Kustomizations from a registry, a bucket or a generator: rendered, or one line that says why not."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflux.cli import main
from pyflux.env import Env
from pyflux.ui.yamlin import load_all
from tests.real.githttp import GitHTTPServer
from tests.real.processes import free_port, missing
from tests.real.registry import PASSWORD, USERNAME, Registry
from tests.real.render_world import SETTINGS, SYNC
from tests.real.s3 import BUCKET, S3
from tests.real.s3guard import ACCESS, SECRET, Guard

_MISSING = missing("registry")
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "")]

SAID = ("--source=https://git.example.com/fleet", f"--revision=main@sha1:{'0' * 40}")
LAYER = "application/vnd.cncf.flux.content.v1.tar+gzip"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A clone of a repository with one cluster and nothing in it but its own Kustomization."""
    with GitHTTPServer() as git:
        repository = git.create("fleet")
        repository.commit({"clusters/all/flux-system/gotk-sync.yaml": SYNC % git.url_of("fleet")})
        repository.git("clone", "-q", str(repository.path), str(tmp_path / "checkout"))
        yield tmp_path / "checkout"


def add(checkout: Path, kind: str, spec: str, api: str = "source.toolkit.fluxcd.io/v1") -> None:
    """A source called `source` and the Kustomization `apps` from it."""
    source = f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: source, namespace: apps}}\nspec: {spec}\n"
    apps = (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: apps}\n"
        f"spec: {{interval: 1h, prune: true, path: ./deploy, sourceRef: {{kind: {kind}, name: source}}}}\n"
    )
    (checkout / "clusters/all/apps.yaml").write_text(f"{source}---\n{apps}")


def pyflux(checkout: Path, *words: str, docker: str = "") -> tuple[int, str, list[str]]:
    home = checkout.parent
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "DOCKER_CONFIG": docker, "KUBECONFIG": "/nonexistent"}
    out, err = io.StringIO(), io.StringIO()
    code = main.run([*words, "--timeout=10s"], Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ))
    return code, out.getvalue(), err.getvalue().splitlines()


def push(checkout: Path, url: str, *more: str) -> None:
    place = checkout.parent / "artifact/deploy"
    place.mkdir(parents=True, exist_ok=True)
    (place / "settings.yaml").write_text(SETTINGS)
    code, _, err = pyflux(checkout, "push", "artifact", url, f"--path={place.parent}", *SAID, *more)
    assert code == 0, err


def names(out: str) -> set[str]:
    return {obj["metadata"]["name"] for obj in load_all(out) if obj}


def test_an_artifact_that_can_be_fetched_is_rendered_by_every_command(checkout: Path, registry: Registry) -> None:
    url = f"oci://{registry.address}/render/apps"
    push(checkout, f"{url}:1.0.0")
    add(checkout, "OCIRepository", f'{{interval: 1h, url: "{url}", ref: {{tag: 1.0.0}}, insecure: true}}')
    path = f"--path={checkout}"
    code, out, err = pyflux(checkout, "build", "all", path)
    assert (code, err) == (0, [])
    assert "settings" in names(out)
    code, out, err = pyflux(checkout, "test", path)
    assert (code, err) == (0, []), out
    code, out, err = pyflux(checkout, "diff", "all", path, "--from=HEAD")
    assert (code, err) == (1, []), out
    assert "+ ConfigMap/settings created" in out
    assert "Kustomization/apps/apps" in pyflux(checkout, "graph", path)[1]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("ref: {tag: nope}", "MANIFEST_UNKNOWN"),
        ('ref: {semver: ">=9"}', "no tag matches semver '>=9'"),
        ('ref: {semver: "one"}', "semver 'one'"),
        ("layerSelector: {mediaType: text/plain}", "failed to find layer with media type 'text/plain' in artifact"),
    ],
)
def test_an_artifact_that_is_not_there_is_told_in_one_line(
    ref: str, said: str, checkout: Path, registry: Registry
) -> None:
    url = f"oci://{registry.address}/render/some"
    push(checkout, f"{url}:latest")
    add(checkout, "OCIRepository", f'{{interval: 1h, url: "{url}", {ref}, insecure: true}}')
    code, out, err = pyflux(checkout, "build", "all", f"--path={checkout}")
    # the others are built
    assert (code, names(out)) == (0, {"flux-system", "source", "apps"})
    assert len(err) == 1
    assert "Kustomization/apps/apps was not rendered: OCIRepository/apps/source: " in err[0]
    assert said in err[0]
    assert pyflux(checkout, "test", f"--path={checkout}")[0] == 0
    assert pyflux(checkout, "test", f"--path={checkout}", "--strict")[0] == 1


def test_the_layer_of_a_media_type(checkout: Path, registry: Registry) -> None:
    url = f"oci://{registry.address}/render/layer"
    push(checkout, f"{url}:latest")
    layer = f"layerSelector: {{mediaType: {LAYER}, operation: extract}}"
    add(checkout, "OCIRepository", f'{{interval: 1h, url: "{url}", {layer}, insecure: true}}')
    assert "settings" in names(pyflux(checkout, "build", "all", f"--path={checkout}")[1])


def test_a_bucket_is_rendered_by_every_command(checkout: Path) -> None:
    reason = missing("s3")
    if reason:
        pytest.skip(reason)
    with S3() as s3:
        s3.put("all/deploy/settings.yaml", SETTINGS)
        s3.put("all/deploy/skipped.yaml", "no: manifest")
        s3.put("other/deploy/settings.yaml", "left out by the prefix: [")
        place = f'bucketName: {BUCKET}, endpoint: "{s3.address}", insecure: true'
        add(checkout, "Bucket", f'{{interval: 1h, {place}, prefix: all/, ignore: "skipped.yaml"}}')
        apps = checkout / "clusters/all/apps.yaml"
        apps.write_text(apps.read_text().replace("path: ./deploy", "path: ./all/deploy"))
        path = f"--path={checkout}"
        code, out, err = pyflux(checkout, "build", "all", path)
        assert (code, err) == (0, [])
        assert "settings" in names(out)
        code, out, err = pyflux(checkout, "test", path, "--strict")
        assert (code, err) == (0, []), out
        code, out, err = pyflux(checkout, "diff", "all", path, "--from=HEAD")
        assert (code, err) == (1, []), out
        assert "+ ConfigMap/settings created" in out
        assert "Kustomization/apps/apps" in pyflux(checkout, "graph", path)[1]
        # what was left out is not there
        apps.write_text(apps.read_text().replace("skipped.yaml", ""))
        assert pyflux(checkout, "build", "all", path)[0] == 1


def test_a_bucket_with_the_login_of_the_repository(checkout: Path) -> None:
    reason = missing("s3")
    if reason:
        pytest.skip(reason)
    with S3() as s3:
        s3.put("deploy/settings.yaml", SETTINGS)
        guard = Guard(s3.address)
        place = f'bucketName: {BUCKET}, endpoint: "{guard.address}", insecure: true, secretRef: {{name: login}}'
        add(checkout, "Bucket", f"{{interval: 1h, {place}}}")
        login = "apiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: apps}\nstringData: %s\n"
        for secret in (SECRET, "of-someone-else"):
            given = json.dumps({"accesskey": ACCESS, "secretkey": secret})
            (checkout / "clusters/all/login.yaml").write_text(login % given)
            code, out, err = pyflux(checkout, "build", "all", f"--path={checkout}")
            assert code == 0
            assert ("settings" in names(out)) == (secret == SECRET)
            assert all("signature" in line and secret not in line for line in err)
            assert len(err) == (secret != SECRET)
        guard.stop()


def test_a_login_of_the_user_is_used(checkout: Path, tmp_path: Path) -> None:
    with Registry(auth=True) as registry:
        url = f"oci://{registry.address}/render/private"
        push(checkout, f"{url}:latest", f"--creds={USERNAME}:{PASSWORD}")
        add(checkout, "OCIRepository", f'{{interval: 1h, url: "{url}", insecure: true}}')
        _, out, err = pyflux(checkout, "build", "all", f"--path={checkout}")
        assert "settings" not in names(out)
        assert len(err) == 1
        assert "UNAUTHORIZED" in err[0]
        docker = tmp_path / "docker"
        docker.mkdir()
        login = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        (docker / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": login}}}))
        code, out, err = pyflux(checkout, "build", "all", f"--path={checkout}", docker=str(docker))
        assert (code, err) == (0, [])
        assert "settings" in names(out)


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("OCIRepository", '{interval: 1h, url: "oci://127.0.0.1:PORT/x/y", insecure: true}', "connection refused"),
        ("GitRepository", '{interval: 1h, url: "http://127.0.0.1:PORT/x.git"}', "cannot be reached"),
        ("Bucket", '{interval: 1h, bucketName: box, insecure: true, endpoint: "127.0.0.1:PORT"}', "connection refused"),
        ("Bucket", '{interval: 1h, bucketName: box, endpoint: "127.0.0.1:PORT", provider: gcp}', "a login at a cloud"),
        (
            "Bucket",
            '{interval: 1h, bucketName: box, endpoint: "127.0.0.1:PORT", secretRef: {name: nope}}',
            "Secret/apps/nope is not in the repository in the clear",
        ),
        ("ExternalArtifact", "{}", "can only be had in the cluster"),
    ],
)
def test_a_source_that_cannot_be_reached(kind: str, spec: str, said: str, checkout: Path, tmp_path: Path) -> None:
    add(checkout, kind, spec.replace("PORT", str(free_port())))
    path = f"--path={checkout}"
    for more in ((), ("--offline",)):
        code, out, err = pyflux(checkout, "build", "all", path, *more)
        assert (code, names(out)) == (0, {"flux-system", "source", "apps"})
        assert len(err) == 1
        expected = "--offline is set" if more and kind != "ExternalArtifact" else said
        assert "Kustomization/apps/apps was not rendered: " in err[0]
        assert expected in err[0]
    code, out, _ = pyflux(checkout, "test", path)
    assert code == 0, out
    assert said in out
    code, out, err = pyflux(checkout, "diff", "all", path, "--from=HEAD")
    assert code == 1
    assert len([line for line in err if said in line]) == 1
    # a folder stands in for it
    (tmp_path / "folder/deploy").mkdir(parents=True)
    (tmp_path / "folder/deploy/settings.yaml").write_text(SETTINGS)
    local = f"--local-sources={kind}/apps/source={tmp_path / 'folder'}"
    code, out, err = pyflux(checkout, "build", "all", path, "--offline", local)
    assert (code, err) == (0, [])
    assert "settings" in names(out)


def test_a_source_that_nothing_defines_fails_the_test(checkout: Path) -> None:
    add(checkout, "Bucket", '{interval: 1h, bucketName: b, endpoint: "127.0.0.1:1"}')
    text = (checkout / "clusters/all/apps.yaml").read_text()
    (checkout / "clusters/all/apps.yaml").write_text(text.replace("name: source}", "name: nope}"))
    code, out, _ = pyflux(checkout, "test", f"--path={checkout}", "--offline")
    assert code == 1
    assert "its source Bucket/apps/nope is not in the repository" in out


def test_an_artifact_generated_from_an_artifact(checkout: Path, registry: Registry) -> None:
    url = f"oci://{registry.address}/render/generated"
    push(checkout, f"{url}:latest")
    add(checkout, "OCIRepository", f'{{interval: 1h, url: "{url}", insecure: true}}')
    text = (checkout / "clusters/all/apps.yaml").read_text()
    text = text.replace(
        "sourceRef: {kind: OCIRepository, name: source}", "sourceRef: {kind: ExternalArtifact, name: made}"
    )
    generator = (
        "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\n"
        "metadata: {name: generator, namespace: apps}\nspec:\n"
        "  sources: [{alias: one, kind: OCIRepository, name: source}]\n"
        '  artifacts: [{name: made, copy: [{from: "@one/deploy/**", to: "@artifact/deploy/"}]}]\n'
    )
    (checkout / "clusters/all/apps.yaml").write_text(f"{text}---\n{generator}")
    code, out, err = pyflux(checkout, "build", "all", f"--path={checkout}")
    assert (code, err) == (0, [])
    assert "settings" in names(out)
    code, out, err = pyflux(checkout, "build", "all", f"--path={checkout}", "--offline")
    assert len(err) == 1
    assert "was not rendered: OCIRepository/apps/source is an artifact in a registry, and --offline is set" in err[0]
