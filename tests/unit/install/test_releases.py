from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import yaml
from fake_cluster import make_env

from pyflux.catalog.components import InstallOptions, render_components
from pyflux.catalog.components.controllers import component_objects
from pyflux.catalog.components.rbac import network_policies, rbac_objects
from pyflux.catalog.components.release import COMPONENTS
from pyflux.env import Env
from pyflux.errors import PyfluxError
from pyflux.verbs.install import releases
from pyflux.verbs.install.manifests import install_objects
from pyflux.verbs.install.releases import cached_archive, check_version, find_checksum, read_archive


def files() -> dict[str, str]:
    """What a release's archive holds: objects without any option."""
    made = {component.name: component_objects(component) for component in COMPONENTS}
    made |= {"rbac": rbac_objects(), "policies": network_policies()}
    return {f"{name}.yaml": yaml.safe_dump_all(objects) for name, objects in made.items()}


def archive(contents: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("link.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return stream.getvalue()


class Page:
    """A release page; counts what is fetched."""

    def __init__(self, data: bytes, checksum: str = "") -> None:
        self.data = data
        self.checksum = checksum or hashlib.sha256(data).hexdigest()
        self.fetched: list[str] = []

    def fetch(self, env: Env, url: str) -> bytes:
        self.fetched.append(url)
        if url.endswith("_checksums.txt"):
            return f"{'0' * 64}  other.tar.gz\n{self.checksum}  manifests.tar.gz\n".encode()
        return self.data


@pytest.fixture
def env(tmp_path: Path) -> Env:
    made = make_env()
    made.environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    return made


@pytest.mark.parametrize(
    "options", [InstallOptions(), InstallOptions(namespace="gitops", registry="r", log_level="debug")]
)
def test_a_release_gives_what_the_embedded_one_gives(tmp_path: Path, env: Env, options: InstallOptions):
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    (tmp_path / "manifests.tar.gz").write_bytes(archive(files()))
    expected = render_components(options)
    assert install_objects(env, options, str(tmp_path)) == expected
    assert install_objects(env, options, str(tmp_path / "manifests.tar.gz")) == expected


def test_another_version_is_downloaded_once_and_checked(env: Env, monkeypatch: pytest.MonkeyPatch):
    page = Page(archive(files()))
    monkeypatch.setattr("pyflux.verbs.install.download.fetch", page.fetch)
    options = InstallOptions(version="v2.9.1")
    for _ in range(2):
        objects = install_objects(env, options, "")
    assert objects == render_components(options)
    assert objects[0]["metadata"]["labels"]["app.kubernetes.io/version"] == "v2.9.1"
    base = "https://github.com/fluxcd/flux2/releases/download/v2.9.1"
    assert page.fetched == [f"{base}/flux_2.9.1_checksums.txt", f"{base}/manifests.tar.gz"]


def test_a_damaged_cache_is_fetched_again(env: Env):
    page = Page(b"data")
    assert cached_archive(env, "v2.9.1", page.fetch) == b"data"
    (releases.cache_folder(env) / "v2.9.1" / "manifests.tar.gz").write_bytes(b"damaged")
    assert cached_archive(env, "v2.9.1", page.fetch) == b"data"
    assert len(page.fetched) == 4


def test_a_wrong_checksum_is_refused_and_not_kept(env: Env):
    page = Page(b"data", checksum="1" * 64)
    with pytest.raises(PyfluxError, match=f"has checksum .*, the release says {'1' * 64}"):
        cached_archive(env, "v2.9.1", page.fetch)
    assert not list(releases.cache_folder(env).rglob("*.tar.gz"))


def test_a_mirror(env: Env):
    env.environ = {**env.environ, "PYFLUX_RELEASES_URL": "https://mirror.example.com/flux/"}
    page = Page(b"data")
    cached_archive(env, "v2.9.1", page.fetch)
    assert page.fetched[0] == "https://mirror.example.com/flux/download/v2.9.1/flux_2.9.1_checksums.txt"


def test_checksums():
    assert find_checksum("AB12  *a.gz\ncd34  b.gz\n\n", "a.gz") == "ab12"
    assert find_checksum("ab12  a.gz.sig\n", "a.gz") == ""
    with pytest.raises(PyfluxError, match=r"do not name"):
        cached_archive(make_env(), "v2.9.9", lambda env, url: b"")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("2.9.1", "targeted version '2.9.1' must be prefixed with 'v'"),
        ("v2.8.1", r"targeted version 'v2.8.1' is not compatible with your current version of flux \(2.9.4\)"),
        ("v3", r"targeted version 'v3' is not compatible .*"),
        ("v2.9.1/../..", r"targeted version 'v2.9.1/../..' is not compatible .*"),
    ],
)
def test_wrong_versions(env: Env, wanted: str, message: str):
    with pytest.raises(PyfluxError, match=f"^{message}$"):
        check_version(env, wanted, lambda env: "v2.9.9")


def test_right_versions(env: Env):
    assert check_version(env, "v2.9.1", lambda env: "") == "v2.9.1"
    assert check_version(env, "latest", lambda env: "v2.9.9") == "v2.9.9"


def test_archives_from_outside_are_not_trusted(monkeypatch: pytest.MonkeyPatch):
    found = read_archive(archive({"../../evil/a.yaml": "kind: A\nmetadata: {name: a}", "run.sh": "rm -rf /"}))
    assert found == {"a": [{"kind": "A", "metadata": {"name": "a"}}]}
    with pytest.raises(PyfluxError, match=r"manifests.tar.gz cannot be read"):
        read_archive(b"no archive")
    with pytest.raises(PyfluxError, match=r"a.yaml is not YAML"):
        read_archive(archive({"a.yaml": "a: [1"}))
    with pytest.raises(PyfluxError, match=r"a.yaml holds something that is not a Kubernetes object"):
        read_archive(archive({"a.yaml": "- 1"}))
    monkeypatch.setattr(releases, "MAX_UNPACKED", 10)
    with pytest.raises(PyfluxError, match=r"holds more than"):
        read_archive(archive({"a.yaml": "kind: A\nmetadata: {name: a}"}))


def test_folders_that_are_no_release(tmp_path: Path, env: Env):
    with pytest.raises(PyfluxError, match=r"kustomization.yaml not found in"):
        install_objects(env, InstallOptions(), str(tmp_path))
    for name, text in files().items():
        if name != "helm-controller.yaml":
            (tmp_path / name).write_text(text)
    with pytest.raises(PyfluxError, match=r"^the release has no helm-controller.yaml$"):
        install_objects(env, InstallOptions(), str(tmp_path))


def test_a_kustomization_decides_itself(tmp_path: Path, env: Env):
    (tmp_path / "kustomization.yaml").write_text("resources: [rbac.yaml]\nnameSuffix: -mine\n")
    (tmp_path / "rbac.yaml").write_text(yaml.safe_dump_all(rbac_objects()))
    objects = install_objects(env, InstallOptions(), str(tmp_path))
    assert [obj["metadata"]["name"] for obj in objects][:2] == ["critical-pods-mine", "crd-controller-mine"]
