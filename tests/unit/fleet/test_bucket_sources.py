"""Buckets of a repository: fetched once a run, with the repository's own Secrets."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pyflux.env import Env
from pyflux.render.fleet.model import Obj, ObjectId, Unavailable
from pyflux.verbs.fleet.sources import Fetcher
from tests.unit.s3.storage import Storage

SECRET: ObjectId = ("Secret", "apps", "login")


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as made:
        made.objects = {"deploy/a.yaml": b"a: b", "skipped": b"x"}
        yield made


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    # the user's own login is not for repositories to use
    environ = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "own"}
    return Fetcher(Env(environ=environ), offline=False, cache=str(tmp_path / "cache"), scratch=str(tmp_path))


def bucket(storage: Storage, **spec: Any) -> Obj:
    found = {"bucketName": "box", "endpoint": storage.address, "insecure": True, "ignore": "skipped", **spec}
    return {"kind": "Bucket", "metadata": {"name": "files", "namespace": "apps"}, "spec": found}


def secret(**fields: Mapping[str, str]) -> dict[ObjectId, Obj]:
    return {SECRET: {"apiVersion": "v1", "kind": "Secret", **fields}}


def signers(storage: Storage) -> set[str]:
    """Whose signatures the storage saw."""
    return {one.get("Authorization", "=/").split("=")[1].split("/")[0] for one in storage.headers}


def test_a_bucket_is_fetched_once(storage: Storage, fetcher: Fetcher) -> None:
    folder = fetcher.source(bucket(storage), {})
    assert os.listdir(folder) == ["deploy"]
    assert (Path(folder) / "deploy/a.yaml").read_text() == "a: b"
    asked = len(storage.seen)
    assert fetcher.source(bucket(storage), {}) == folder
    assert len(storage.seen) == asked
    assert signers(storage) == {""}
    assert sorted(os.listdir(fetcher.source(bucket(storage, ignore=""), {}))) == ["deploy", "skipped"]


@pytest.mark.parametrize("provider", ["generic", "aws"])
def test_the_repository_s_own_login(provider: str, storage: Storage, fetcher: Fetcher) -> None:
    index = secret(
        data={"accesskey": base64.b64encode(b"mine").decode(), "secretkey": "b3RoZXI="}, stringData={"secretkey": "key"}
    )
    fetcher.source(bucket(storage, provider=provider, secretRef={"name": "login"}), index)
    assert signers(storage) == {"mine"}


@pytest.mark.parametrize(
    ("spec", "index", "said"),
    [
        ({"secretRef": {"name": "login"}}, {}, "Secret/apps/login is not in the repository in the clear"),
        (
            {"secretRef": {"name": "login"}},
            secret(data={"accesskey": "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]", "secretkey": "eA=="}),
            "Secret/apps/login is not in the repository in the clear",
        ),
        (
            {"secretRef": {"name": "login"}},
            secret(stringData={"accesskey": "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]", "secretkey": "x"}),
            "Secret/apps/login is not in the repository in the clear",
        ),
        ({"secretRef": {"name": "login"}}, secret(stringData={"accesskey": "a"}), "invalid 'login' secret data"),
        ({"certSecretRef": {"name": "login"}}, {}, "Secret/apps/login is not in the repository in the clear"),
        ({"proxySecretRef": {"name": "login"}}, secret(data={}), "key 'address' not found"),
        ({"provider": "aws"}, {}, "its keys come from a login at a cloud or a token service; --local-sources"),
        ({"provider": "gcp"}, {}, "its provider gcp wants a login at a cloud; --local-sources"),
        ({"sts": {"provider": "ldap"}}, {}, "its keys come from a login at a cloud or a token service"),
        ({"bucketName": "x"}, {}, "Bucket name cannot be shorter than 3 characters"),
        ({"endpoint": "a/b"}, {}, "Endpoint url cannot have fully qualified paths."),
    ],
)
def test_what_cannot_be_had_is_told(
    spec: Obj, index: dict[ObjectId, Obj], said: str, storage: Storage, fetcher: Fetcher
) -> None:
    with pytest.raises(Unavailable) as caught:
        fetcher.source(bucket(storage, **spec), index)
    assert caught.value.message.startswith("Bucket/apps/files: ")
    assert said in caught.value.message
    assert not storage.seen


def test_nothing_is_asked_for_offline(storage: Storage, tmp_path: Path) -> None:
    fetcher = Fetcher(Env(environ={}), offline=True, cache=str(tmp_path / "cache"), scratch=str(tmp_path))
    with pytest.raises(Unavailable, match="Bucket/apps/files is in a storage, and --offline is set"):
        fetcher.source(bucket(storage), {})
    assert not storage.seen
