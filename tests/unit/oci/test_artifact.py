"""The artifact commands against a registry in this process."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakeregistry import Registry

    Run = Callable[..., tuple[int, str, str]]

# what flux 2.9.4 makes of the `manifests` fixture
LAYER = "sha256:c359cadf608e85459619b3d01d3a4a1562878210d16a7f18f79852f63fbd3a65"
ARTIFACT = "sha256:f6d37e67d93a2c5f1d2d90d4f85c20d44d62cd3bd714edc4424887306f16a54b"


def push(
    run: Run, registry: Registry, folder: Path, *more: str, tag: str = "v1", **environ: str
) -> tuple[int, str, str]:
    return run(
        "push",
        "artifact",
        f"oci://{registry.address}/org/app:{tag}",
        f"--path={folder}",
        "--source=https://git.example.com/a",
        "--revision=main@sha1:abc",
        *more,
        **environ,
    )


def layer(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def store(registry: Registry, data: bytes, tag: str = "v1") -> None:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    registry.blobs[digest] = data
    manifest = {"schemaVersion": 2, "layers": [{"digest": digest, "size": len(data)}]}
    registry.manifests["org/app", tag] = (
        "application/vnd.oci.image.manifest.v1+json",
        json.dumps(manifest).encode(),
    )


def test_push_has_the_digests_of_flux(run: Run, registry: Registry, manifests: Path) -> None:
    code, out, err = push(run, registry, manifests, "--reproducible")
    name = f"{registry.address}/org/app"
    assert (code, out) == (0, "")
    assert err == f"► pushing artifact to {name}:v1\n✔ artifact successfully pushed to {name}@{ARTIFACT}\n"
    assert LAYER in registry.blobs
    with tarfile.open(fileobj=io.BytesIO(registry.blobs[LAYER])) as archive:
        assert archive.getnames() == [".", "a.yaml", "apps", "apps/b.yaml", "run.sh"]


def test_push_prints_json_and_yaml(run: Run, registry: Registry, manifests: Path) -> None:
    code, out, err = push(run, registry, manifests, "--reproducible", "-ojson")
    name = f"{registry.address}/org/app"
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "url": f"oci://{name}@{ARTIFACT}",
        "repository": name,
        "tag": "v1",
        "digest": ARTIFACT,
    }
    code, out, _ = push(run, registry, manifests, "--reproducible", "--output=yaml")
    assert out == f"digest: {ARTIFACT}\nrepository: {name}\ntag: v1\nurl: oci://{name}@{ARTIFACT}\n"


def test_annotations_and_time(run: Run, registry: Registry, manifests: Path) -> None:
    code, _, _ = push(run, registry, manifests, "-a", "team=<a>", "--annotations", "org.opencontainers.image.source=b")
    assert code == 0
    raw = registry.manifests["org/app", "v1"][1]
    assert b'"team":"\\u003ca\\u003e"' in raw
    assert json.loads(raw)["annotations"] == {
        "team": "<a>",
        "org.opencontainers.image.source": "b",
        "org.opencontainers.image.revision": "main@sha1:abc",
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
    }
    code, _, err = push(run, registry, manifests, "-a", "a=b=c")
    assert (code, err) == (1, "✗ invalid annotation a=b=c, must be in the format key=value\n")


def test_push_of_stdin_is_the_same_every_time(run: Run, registry: Registry) -> None:
    digests = set()
    for _ in range(2):
        code, out, _ = run(
            "push", "artifact", f"oci://{registry.address}/org/app:v1", "--path=-", "--source=a", "--revision=b",
            "--reproducible", "-ojson", stdin="kind: A\n\n",
        )  # fmt: skip
        assert code == 0
        digests.add(json.loads(out)["digest"])
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("--source=https://git.example.com/a", "--source is required"),
        ("--revision=main@sha1:abc", "--revision is required"),
        ("--path=x", 'invalid path ""'),
        ("oci://r.example.com/org/app", "artifact URL is required"),
    ],
)
def test_push_says_what_is_missing(run: Run, missing: str, message: str) -> None:
    words = [
        "oci://r.example.com/org/app",
        "--path=x",
        "--source=https://git.example.com/a",
        "--revision=main@sha1:abc",
    ]
    words.remove(missing)
    assert run("push", "artifact", *words) == (1, "", f"✗ {message}\n")


def test_pull_gives_the_files_back(run: Run, registry: Registry, manifests: Path, tmp_path: Path) -> None:
    push(run, registry, manifests, "--reproducible")
    target = tmp_path / "out"
    target.mkdir()
    name = f"{registry.address}/org/app"
    code, _, err = run("pull", "artifact", f"oci://{name}:v1", "-o", str(target))
    assert code == 0
    assert err == (
        f"► pulling artifact from {name}:v1\n"
        "✔ source https://git.example.com/a\n✔ revision main@sha1:abc\n"
        f"✔ digest {name}@{ARTIFACT}\n✔ artifact content extracted to {target}\n"
    )
    assert (target / "apps/b.yaml").read_text() == "kind: B\n" * 50
    assert os.access(target / "run.sh", os.X_OK)
    assert not (target / "logo.png").exists()


def test_pull_trusts_no_archive(run: Run, registry: Registry, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    for name in ("../evil", "/evil", "a/../../evil", "a\\b"):
        store(registry, layer([(tarfile.TarInfo(name), b"x")]))
        code, _, err = run("pull", "artifact", f"oci://{registry.address}/org/app:v1", "-o", str(target))
        assert code == 1
        assert "tar contained invalid name error" in err
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    store(registry, layer([(link, b""), (tarfile.TarInfo("link/evil"), b"x")]))
    code, _, err = run("pull", "artifact", f"oci://{registry.address}/org/app:v1", "-o", str(target))
    assert code == 0, err  # the link is left out, so that the file lies in a folder of its name
    assert (target / "link/evil").read_text() == "x"
    (target / "out").symlink_to(tmp_path)
    store(registry, layer([(tarfile.TarInfo("out/evil"), b"x")]))
    code, _, err = run("pull", "artifact", f"oci://{registry.address}/org/app:v1", "-o", str(target))
    assert code == 1
    assert "through a link" in err
    assert not (tmp_path / "evil").exists()


def test_pull_takes_a_gzip_header_with_an_extra_field(run: Run, registry: Registry, tmp_path: Path) -> None:
    packed = layer([(tarfile.TarInfo("a.yaml"), b"a: 1\n")])
    extra = b"+aHR0cHM6"
    rest = packed[10:].partition(b"\0")[2] if packed[3] & 8 else packed[10:]
    header = packed[:3] + b"\x04" + packed[4:10] + len(extra).to_bytes(2, "little") + extra
    store(registry, header + rest)
    code, _, err = run("pull", "artifact", f"oci://{registry.address}/org/app:v1", f"--output={tmp_path}")
    assert code == 0, err
    assert (tmp_path / "a.yaml").read_text() == "a: 1\n"


def test_pull_checks_what_it_got(run: Run, registry: Registry, manifests: Path, tmp_path: Path) -> None:
    push(run, registry, manifests, "--reproducible")
    registry.blobs[LAYER] = gzip.compress(b"other")[: len(registry.blobs[LAYER])].ljust(
        len(registry.blobs[LAYER]), b"\0"
    )
    code, _, err = run("pull", "artifact", f"oci://{registry.address}/org/app:v1", "-o", str(tmp_path))
    assert code == 1
    assert "error verifying sha256 checksum" in err


def test_unknown_tag(run: Run, registry: Registry, tmp_path: Path) -> None:
    url = f"{registry.address}/org/app:nope"
    said = f"GET http://{registry.address}/v2/org/app/manifests/nope: MANIFEST_UNKNOWN: manifest unknown\n"
    _, _, err = run("pull", "artifact", f"oci://{url}", "-o", str(tmp_path))
    assert err == f"► pulling artifact from {url}\n✗ {said}"
    _, _, err = run("tag", "artifact", f"oci://{url}", "--tag=x")
    assert err == f'► tagging artifact\n✗ tagging artifact failed: fetching "{url}": {said}'


def test_tag_and_list(run: Run, registry: Registry, manifests: Path) -> None:
    push(run, registry, manifests, "--reproducible", tag="1.0.0")
    name = f"{registry.address}/org/app"
    code, _, err = run("tag", "artifact", f"oci://{name}:1.0.0", "--tag=2.1.0,latest", "--tag=sha256-aa.sig")
    assert code == 0
    assert err.startswith(f"► tagging artifact\n✔ artifact tagged as {name}:2.1.0\n")
    code, out, _ = run("list", "artifacts", f"oci://{name}")
    rows = [line.split("\t")[0].strip() for line in out.splitlines()]
    assert rows == ["ARTIFACT", f"{name}:latest", f"{name}:2.1.0", f"{name}:1.0.0"]
    _, out, _ = run("list", "artifacts", f"oci://{name}", "--filter-semver=1.x")
    assert [line.split("\t")[0].strip() for line in out.splitlines()[1:]] == [f"{name}:1.0.0"]
    _, out, _ = run("list", "artifacts", f"oci://{name}", "--filter-regex=^l")
    assert [line.split("\t")[0].strip() for line in out.splitlines()[1:]] == [f"{name}:latest"]


def test_list_reads_all_pages(run: Run, registry: Registry) -> None:
    registry.page = 2
    for tag in "abcde":
        store(registry, b"x", tag)
    _, out, _ = run("list", "artifacts", f"oci://{registry.address}/org/app")
    assert len(out.splitlines()) == 6


def test_diff(run: Run, registry: Registry, manifests: Path) -> None:
    push(run, registry, manifests)
    url = f"oci://{registry.address}/org/app:v1"
    assert run("diff", "artifact", url, f"--path={manifests}") == (0, "", "✔ no changes detected\n")
    (manifests / "logo.png").unlink()  # left out of artifacts
    assert run("diff", "artifact", url, f"--path={manifests}")[0] == 0
    (manifests / "a.yaml").write_text("kind: C\n")
    failure = "✗ the remote artifact contents differs from the local one\n"
    assert run("diff", "artifact", url, f"--path={manifests}") == (1, "", failure)


def test_build_writes_what_push_stores(run: Run, manifests: Path, tmp_path: Path) -> None:
    target = tmp_path / "artifact.tgz"
    code, _, err = run("build", "artifact", "--path", str(manifests), "--output", str(target))
    assert (code, err) == (0, f"► building artifact from {manifests}\n✔ artifact created at {target}\n")
    assert f"sha256:{hashlib.sha256(target.read_bytes()).hexdigest()}" == LAYER


def test_build_leaves_its_own_output_out(run: Run, manifests: Path) -> None:
    target = manifests / "artifact.bin"
    for _ in range(2):
        assert run("build", "artifact", "-p", str(manifests), "-o", str(target))[0] == 0
    with tarfile.open(target) as archive:
        assert not [name for name in archive.getnames() if name.startswith(".pyflux")]


def test_build_ignores_and_resolves(run: Run, manifests: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.tgz"
    (manifests / "linked.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    (tmp_path / "elsewhere.yaml").write_text("kind: E\n")
    (manifests / "loop").symlink_to(manifests)
    flags = ("--resolve-symlinks", "--ignore-paths=apps/", "--add-ignore-paths=*.sh")
    code, _, err = run("build", "artifact", "-p", str(manifests), "-o", str(target), *flags)
    assert code == 0, err
    with tarfile.open(target) as archive:
        assert archive.getnames() == [".", "a.yaml", "linked.yaml", "logo.png", "loop"]


def test_build_of_one_file(run: Run, manifests: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.tgz"
    assert run("build", "artifact", "-p", str(manifests / "a.yaml"), "-o", str(target))[0] == 0
    with tarfile.open(target) as archive:
        assert archive.getnames() == [".", "a.yaml"]


def test_build_of_nothing(run: Run, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    message = f"✗ invalid path '{gone}', must point to an existing directory or file\n"
    assert run("build", "artifact", "-p", str(gone)) == (1, "", message)
    assert run("build", "artifact") == (1, "", '✗ invalid path ""\n')


def test_a_failed_build_leaves_nothing(run: Run, manifests: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "a.tgz"
    code, _, err = run("build", "artifact", "-p", str(manifests), "-o", str(target))
    assert code == 1
    assert f"building artifact failed, error: {target}: No such file or directory" in err


def test_passing_failures_are_tried_again(run: Run, registry: Registry, manifests: Path) -> None:
    registry.fail_next = [503, 500]
    code, _, err = push(run, registry, manifests, "--debug")
    assert code == 0
    assert err.count("retrying ") == 2


def test_upload_in_pieces_where_the_registry_wants_it(run: Run, registry: Registry, manifests: Path) -> None:
    (manifests / "random.bin").write_bytes(os.urandom(40_000))
    registry.patch_limit = 30_000
    code, _, err = push(run, registry, manifests)
    assert code == 0, err
    ranges = [headers["Content-Range"] for _, _, headers in registry.requests if "Content-Range" in headers]
    assert len(ranges) >= 2
    assert ranges[0].startswith("0-")


def test_secrets_in_locations_stay_out_of_messages(run: Run, registry: Registry, manifests: Path) -> None:
    registry.patch_limit = 1
    code, _, err = push(run, registry, manifests, "--debug")
    assert code == 1
    assert "_state=REDACTED" in err
    assert "_state=secret" not in err


def test_nobody_there(run: Run, tmp_path: Path) -> None:
    code, _, err = run("list", "artifacts", "oci://127.0.0.1:1/org/app")
    refused = "dial tcp 127.0.0.1:1: connect: connection refused"
    assert code == 1
    assert err == (
        f'✗ listing tags failed: Get "https://127.0.0.1:1/v2/": {refused}; Get "http://127.0.0.1:1/v2/": {refused}\n'
    )
