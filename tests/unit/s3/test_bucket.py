"""Buckets on storages that are slow, broken or hostile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyflux.s3 import bucket as buckets
from pyflux.s3.access import Access
from pyflux.s3.bucket import Source, fetch_files, list_index, local_path, revision
from pyflux.s3.client import Client
from pyflux.s3.endpoint import parse
from pyflux.s3.errors import S3Error
from pyflux.s3.sign import Keys
from tests.unit.s3.storage import Reply, Storage, listing, problem


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as made:
        yield made


def access(storage: Storage, **more: Any) -> Access:
    return Access(parse(storage.address, secure=False), **{"keys": Keys("me", "hidden-secret"), **more})


def source(**more: Any) -> Source:
    return Source(
        **{"bucket": "box", "prefix": "", "rules": lambda _folder: lambda _key: False, "timeout": 20.0, **more}
    )


def run(storage: Storage, folder: Path, wanted: Source | None = None, **more: Any) -> dict[str, str]:
    """Brings the whole bucket; its index."""
    wanted = wanted or source()
    with Client(access(storage, **more), sleep=lambda _seconds: None) as client:
        index = list_index(client, wanted, str(folder))
        fetch_files(client, wanted, index, str(folder))
    return index


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_revision_is_that_of_source_controller() -> None:
    text = "a 1\na/b 2\nb 3\né 4\n😀 5\n"
    index = {"😀": "5", "é": "4", "b": "3", "a/b": "2", "a": "1"}
    assert revision(index) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert revision({}) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_objects_become_files(storage: Storage, tmp_path: Path) -> None:
    storage.objects = {"a.yaml": b"a", "b/c d.yaml": b"bb", "b/": b"", "empty": b"", ".sourceignore": b"skip"}
    storage.objects["skipped"] = b"x"
    rules_of: list[str] = []

    def rules(folder: str) -> Any:
        rules_of.append((Path(folder) / ".sourceignore").read_text())
        return lambda key: key == "skipped"

    index = run(storage, tmp_path, source(rules=rules))
    assert rules_of == ["skip"]
    assert index == {"a.yaml": "e-1", "b/c d.yaml": "e-2", "empty": "e-0"}
    assert tree(tmp_path) == {".sourceignore": b"skip", "a.yaml": b"a", "b/c d.yaml": b"bb", "empty": b""}
    assert all(os.stat(path).st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))
    assert not any("/skipped" in target for _, target in storage.seen)
    assert not any(
        "hidden-secret" in f"{target}{headers}"
        for (_, target), headers in zip(storage.seen, storage.headers, strict=True)
    )


def test_an_index_is_corrected_by_what_was_read(storage: Storage, tmp_path: Path) -> None:
    storage.objects = {"here": b"now longer"}
    storage.pages = [listing(("here", "e-1"), ("gone", "e-2"))]
    assert run(storage, tmp_path) == {"here": "e-10"}
    assert tree(tmp_path) == {"here": b"now longer"}


def test_pages(storage: Storage, tmp_path: Path) -> None:
    storage.objects = {"a": b"1", "b": b"2"}
    storage.pages = [listing(("a", "e-1"), token="x&amp;y"), listing(("b", "e-1"))]
    assert set(run(storage, tmp_path)) == {"a", "b"}
    assert any("continuation-token=x%26y" in target for _, target in storage.seen)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [("../../x", "x"), ("/x", "x"), ("a/../../x", "x"), ("./a//b", "a/b"), ("a\\..\\b", "a\\..\\b"), ("...", "...")],
)
def test_no_key_leads_out_of_the_folder(key: str, wanted: str, storage: Storage, tmp_path: Path) -> None:
    assert local_path("/root", key) == f"/root/{wanted}"
    folder = tmp_path / "in"
    folder.mkdir()
    storage.pages = [listing((key, "e-1"))]
    storage.first = {"/box/": []}
    body = Reply(200, b"x", (("ETag", '"e-1"'),))
    storage.first["/box/" + key.replace("\\", "%5C")] = [body]
    run(storage, folder)
    assert tree(tmp_path) == {f"in/{wanted}": b"x"}


@pytest.mark.parametrize("key", ["..", ".", "", "/", "a\0b", "x" * 1025, "é" * 600])
def test_keys_that_are_no_names(key: str) -> None:
    with pytest.raises(S3Error, match="its key cannot be a file's name"):
        local_path("/root", key)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("a", "./a"), "it is the same file as './a'"),
        (("a", "a/b"), "failed to get 'a(/b)?' object: (not a directory|file exists|is a directory)"),
        (("x" * 300,), "file name too long"),
        (("a\u202eb", "./a\u202eb"), r"get 'a\\u202eb' object: it is the same file as '\./a\\u202eb'"),
    ],
)
def test_keys_that_cannot_be_files_together(keys: tuple[str, ...], said: str, storage: Storage, tmp_path: Path) -> None:
    storage.objects = dict.fromkeys(keys, b"1")
    with pytest.raises(S3Error, match=said) as caught:
        run(storage, tmp_path)
    assert caught.value.message.startswith("fetch from bucket 'box' failed: ")


def test_bounds(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.objects = {"a": b"1" * 60, "b": b"2" * 60}
    monkeypatch.setattr(buckets, "MAX_BYTES", 100)
    with pytest.raises(S3Error, match="larger than 100 bytes altogether"):
        run(storage, tmp_path)
    monkeypatch.setattr(buckets, "MAX_OBJECTS", 1)
    with pytest.raises(S3Error, match="there are more than 1 objects"):
        run(storage, tmp_path)


def test_a_listing_without_end(storage: Storage, tmp_path: Path) -> None:
    storage.pages = [listing(("a", "1"), token="t")] * 3
    with pytest.raises(S3Error, match="does not end"):
        run(storage, tmp_path)
    storage.pages = [listing(token=str(number)) for number in range(9)]
    with pytest.raises(S3Error, match="does not end"):
        run(storage, tmp_path)
    storage.pages = [listing(("a" * (17 << 20), "1"))]
    with pytest.raises(S3Error, match="larger than 16 MiB"):
        run(storage, tmp_path)


def test_passing_failures_are_tried_again(storage: Storage, tmp_path: Path) -> None:
    storage.objects = {"a": b"content"}
    broken = Reply(200, b"cont", (("ETag", '"e-7"'),), length=7)
    storage.first = {"/box/a": [Reply(503), broken, problem(400, "SlowDown", "slow")], "/box/?encoding": [Reply(500)]}
    assert run(storage, tmp_path) == {"a": "e-7"}
    assert tree(tmp_path) == {"a": b"content"}
    storage.first = {"/box/a": [Reply(503)] * 20}
    with pytest.raises(S3Error, match="failed to get 'a' object: the storage answers with the HTTP status 503"):
        run(storage, tmp_path)


def test_time_is_bounded(storage: Storage, tmp_path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    storage.first = {"/box/": [Reply(503)] * 100}
    with (
        Client(access(storage, region="r"), monotonic=lambda: now[0], sleep=sleep) as client,
        pytest.raises(S3Error, match="failed to confirm existence of 'box' bucket: context deadline exceeded"),
    ):
        list_index(client, source(timeout=1.0), str(tmp_path))
    assert now[0] <= 1.0


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (problem(403, "AccessDenied", "no way"), "no way"),
        (Reply(403), "Access Denied."),
        (problem(403, "AccessDenied"), "Error response code AccessDenied."),
        (Reply(403, headers=(("x-minio-error-code", "Odd"), ("x-minio-error-desc", '"odd words"'))), "odd words"),
        (Reply(301), "the storage answers with the HTTP status 301"),
        (Reply(418, b"<html>"), "the storage answers with the HTTP status 418"),
    ],
)
def test_refusals_in_the_storage_s_words(reply: Reply, said: str, storage: Storage, tmp_path: Path) -> None:
    storage.first = {"/box/?encoding": [reply]}
    text = f"indexation of objects from bucket 'box' failed: listing objects from bucket 'box' failed: {said}"
    with pytest.raises(S3Error) as caught:
        run(storage, tmp_path)
    assert caught.value.message == text


def test_a_bucket_that_is_not_there(storage: Storage, tmp_path: Path) -> None:
    for reply in (Reply(404), problem(404, "NoSuchBucket", "nope")):
        storage.first = {"/box/": [reply]}
        with pytest.raises(S3Error, match=r"\Abucket 'box' not found\Z"):
            run(storage, tmp_path)
    with pytest.raises(S3Error, match=r"of '\.\./x' bucket: Bucket name contains invalid characters"):
        run(storage, tmp_path, source(bucket="../x"))


def test_the_region_is_found(storage: Storage, tmp_path: Path) -> None:
    def regions() -> list[str]:
        found = [headers["Authorization"].split("/")[2] for headers in storage.headers]
        storage.headers.clear()
        return found

    storage.first = {"/box/?location": [Reply(200, b"<LocationConstraint>eu-1</LocationConstraint>")]}
    run(storage, tmp_path)
    assert regions() == ["us-east-1", "eu-1", "eu-1", "eu-1"]
    # one who may not ask
    storage.first = {"/box/?location": [problem(403, "AccessDenied", more="<Region>eu-2</Region>")]}
    run(storage, tmp_path)
    assert regions()[1:] == ["eu-2"] * 3
    # a storage that answers late
    wrong = problem(400, "AuthorizationHeaderMalformed", more="<Region>eu-3</Region>")
    storage.first = {"/box/.sourceignore": [wrong]}
    run(storage, tmp_path)
    assert regions() == ["us-east-1", "us-east-1", "us-east-1", "eu-3", "eu-3"]
    run(storage, tmp_path, region="mine")
    assert regions() == ["mine"] * 3


def test_without_a_login_nothing_is_signed(storage: Storage, tmp_path: Path) -> None:
    run(storage, tmp_path, keys=None)
    assert not any("Authorization" in headers for headers in storage.headers)
