"""`build kustomization` and `diff kustomization` of a repository that the real SOPS encrypted."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyflux.cli import main
from pyflux.env import Env
from pyflux.ui.yamlin import load_all
from tests.real.cluster import RealCluster
from tests.real.processes import missing
from tests.real.sops import CLEAR, ONLY_DATA, SECRET, Keys, data_of, encrypted, in_the_clear

_MISSING = missing("sops", "age-keygen")
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "")]

KUSTOMIZATION = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: default}
spec:
  interval: 1h
  prune: true
  targetNamespace: default
  sourceRef: {kind: GitRepository, name: src}
  decryption: {provider: sops, secretRef: {name: keys}}
"""
MASK = "**SOPS**"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    made = Keys(tmp_path_factory.mktemp("sops") / "keys", pgp=shutil.which("gpg") is not None)
    yield made
    made.close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "ks.yaml").write_text(KUSTOMIZATION)
    return tmp_path


def fill(repository: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))


def pyflux(repository: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    environ = {"HOME": str(repository), "PATH": os.defpath, **environ}
    argv = [*words, "app", f"--path={repository}/app", f"--kustomization-file={repository}/ks.yaml", "-ndefault"]
    code = main.run(argv, Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ))
    return code, out.getvalue(), err.getvalue()


def test_what_is_encrypted_is_masked(repository: Path, keys: Keys) -> None:
    value = base64.b64encode(keys.encrypt(f"a: {CLEAR}\n", "yaml").encode()).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "values"},
        "data": {"a.yaml": value, "b": "Yg=="},
    }
    login = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\ntype: kubernetes.io/dockerconfigjson\n"
    files = {
        "app/object.yaml": keys.encrypt(SECRET, "yaml", *ONLY_DATA),
        "app/values.yaml": json.dumps(secret),
        "app/login.yaml": keys.encrypt(f"{login}data: {{.dockerconfigjson: e30=}}\n", "yaml", *ONLY_DATA),
        "app/part.yaml": keys.encrypt(
            SECRET.replace("plain", "part").replace("password", "password_x"), "yaml", "--encrypted-suffix", "_x"
        ),
    }
    fill(repository, files)
    code, out, err = pyflux(repository, "build", "ks", "--dry-run")
    assert (code, err) == (0, "")
    assert "ENC[" not in out
    found = {obj["metadata"]["name"]: obj for obj in load_all(out) if obj}
    assert found["plain"]["stringData"] == {"password": MASK, "port": MASK}
    assert {key: base64.b64decode(text) for key, text in found["values"]["data"].items()} == {
        "a.yaml": MASK.encode(),
        "b": b"b",
    }
    assert json.loads(base64.b64decode(found["login"]["data"][".dockerconfigjson"])) == {"mask": MASK}
    assert not any("sops" in obj for obj in found.values())
    flux = shutil.which("flux")
    if flux is not None:
        argv = [flux, "build", "ks", "app", f"--path={repository}/app", f"--kustomization-file={repository}/ks.yaml"]
        done = subprocess.run([*argv, "--dry-run", "-ndefault"], capture_output=True, text=True, check=True)
        assert out == done.stdout


@pytest.mark.parametrize("to", ["age", "pgp"])
def test_decrypt_gives_what_the_files_hold(to: str, repository: Path, keys: Keys, tmp_path: Path) -> None:
    if to == "pgp" and shutil.which("gpg") is None:
        pytest.skip("the program gpg is not installed")
    fill(repository, encrypted(keys, to))
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    code, out, err = pyflux(repository, "build", "ks", "--dry-run", "--decrypt", **keys.environ)
    assert (code, err) == (0, "")
    assert data_of(out) == in_the_clear(tmp_path / "clear")
    assert {path: path.read_bytes() for path in before} == before


def test_a_key_that_does_not_fit_is_told_in_one_line(repository: Path, keys: Keys, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    fill(repository, {"app/secret.yaml": keys.encrypt(SECRET, "yaml", *ONLY_DATA)})
    code, out, err = pyflux(repository, "build", "ks", "--dry-run", "--decrypt", **other.environ)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert f"cannot get sops data key: no key for {keys.recipient}: " in err
    assert "did not match any of the recipients" in err
    nobody = {name: text for name, text in other.environ.items() if name != "SOPS_AGE_KEY_FILE"}
    err = pyflux(repository, "build", "ks", "--dry-run", "--decrypt", **nobody)[2]
    assert len(err.splitlines()) == 1
    assert "failed to load age identities" in err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("password: ENC[", f"password: {CLEAR}["), "Input string <redacted> does not match"),
        (lambda text: text.replace("password: ENC[AES256_GCM,data:", "password: ENC[AES256_GCM,data:AAAA"), "AES_GCM"),
        (lambda text: text.replace("-----BEGIN AGE", "-----BEGIN ODD"), "cannot get sops data key"),
    ],
)
def test_what_somebody_changed_is_told_without_its_values(
    change: object, said: str, repository: Path, keys: Keys
) -> None:
    assert callable(change)
    fill(repository, {"app/secret.yaml": change(keys.encrypt(SECRET, "yaml", *ONLY_DATA))})
    code, out, err = pyflux(repository, "build", "ks", "--dry-run", "--decrypt", **keys.environ)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert said in err
    assert CLEAR not in err
    assert "AGE-SECRET-KEY" not in err


def test_a_difference_shows_keys_and_no_values(repository: Path, keys: Keys, light_cluster: RealCluster) -> None:
    cluster = light_cluster
    cluster.install_crds("kustomize-controller", "source-controller")
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sops-live", "namespace": "default"}}
    cluster.apply({**live, "stringData": {"password": "before", "port": "5432"}}, manager="kustomize-controller")
    secret = SECRET.replace("plain", "sops-live")
    fill(repository, {"app/secret.yaml": keys.encrypt(secret, "yaml", *ONLY_DATA)})
    (kustomization,) = load_all(KUSTOMIZATION)
    cluster.apply(kustomization)
    environ = {**keys.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    # masked, it differs by its labels only, and those of a Secret are not compared
    masked, out, err = pyflux(repository, "diff", "ks", **environ)
    assert CLEAR not in out + err
    assert MASK not in out
    code, out, err = pyflux(repository, "diff", "ks", "--decrypt", **environ)
    assert code == 1
    assert "► Secret/default/sops-live drifted" in out
    assert CLEAR not in out + err
    assert "data.password" in out
    assert base64.b64encode(CLEAR.encode()).decode() not in out
    flux = shutil.which("flux")
    if flux is not None:
        argv = [flux, "diff", "ks", "app", f"--path={repository}/app", f"--kustomization-file={repository}/ks.yaml"]
        done = subprocess.run([*argv, "-ndefault"], capture_output=True, env=environ, check=False)
        assert done.returncode == masked


FLEET = {
    "cluster/apps.yaml": """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: secrets, namespace: default}
spec:
  interval: 1h
  path: ./secrets
  prune: true
  targetNamespace: default
  sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
  decryption: {provider: sops, secretRef: {name: keys}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: default}
spec:
  interval: 1h
  path: ./app
  prune: true
  targetNamespace: default
  sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
  postBuild: {substituteFrom: [{kind: Secret, name: plain}]}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: default}
spec:
  interval: 1h
  chart: {spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}}}
  valuesFrom: [{kind: Secret, name: plain, valuesKey: password, targetPath: word}]
""",
    "app/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {url: 'db://u:${password}@db'}\n",
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/templates/config.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {word: '{{ .Values.word }}'}\n"
    ),
}


@pytest.fixture
def fleet(tmp_path: Path, keys: Keys) -> Path:
    from pyflux.git.local import commit_all, start

    folder = tmp_path / "fleet"
    fill(folder, {**FLEET, "secrets/plain.yaml": keys.encrypt(SECRET, "yaml", *ONLY_DATA)})
    start(str(folder), "https://git.example.com/fleet", "main")
    commit_all(str(folder), "Start", "A <a@example.com>")
    return folder


def in_fleet(fleet: Path, *words: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    environ = {"PYFLUX_CACHE": str(fleet.parent / "cache"), **environ}
    argv = [*words, f"--path={fleet}/cluster", "--offline"]
    code = main.run(argv, Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ))
    return code, out.getvalue(), err.getvalue()


def test_a_whole_repository_in_the_clear(fleet: Path, keys: Keys) -> None:
    code, out, err = in_fleet(fleet, "build", "all", **keys.environ)
    assert (code, "web was not rendered" in err, CLEAR in out) == (0, True, False)
    for _ in range(2):
        code, out, err = in_fleet(fleet, "build", "all", "--decrypt", **keys.environ)
        assert (code, err) == (0, "")
        found = {(obj["kind"], obj["metadata"]["name"]): obj for obj in load_all(out) if obj}
        assert found["Secret", "plain"]["stringData"] == {"password": CLEAR, "port": "5432"}
        assert found["ConfigMap", "app"]["data"] == {"url": f"db://u:{CLEAR}@db"}
        assert found["ConfigMap", "web"]["data"] == {"word": CLEAR}
    code, out, err = in_fleet(fleet, "test", "--decrypt", **keys.environ)
    assert (code, "4 passed" in out) == (0, True)
    kept = [path.read_text() for path in (fleet.parent / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(CLEAR in text or base64.b64encode(CLEAR.encode()).decode() in text for text in kept)
    # the next one without keys shows what it showed before
    assert CLEAR not in in_fleet(fleet, "build", "all", **keys.environ)[1]


def test_the_difference_of_a_whole_repository_hides_what_it_decrypts(fleet: Path, keys: Keys) -> None:
    again = keys.encrypt(SECRET, "yaml", *ONLY_DATA)
    fill(fleet, {"secrets/plain.yaml": again})
    # encrypted anew with the same values: other ciphertext, the same content
    assert in_fleet(fleet, "diff", "all", **keys.environ)[0] == 1
    assert in_fleet(fleet, "diff", "all", "--decrypt", **keys.environ) == (0, "", "")
    fill(fleet, {"secrets/plain.yaml": keys.encrypt(SECRET.replace(CLEAR, "correct-horse"), "yaml", *ONLY_DATA)})
    for form in ("unified", "json", "markdown", "html"):
        code, out, err = in_fleet(fleet, "diff", "all", "--decrypt", f"--output={form}", **keys.environ)
        assert (code, err) == (1, "")
        assert CLEAR not in out
        assert "correct-horse" not in out
        assert out.count("*** (") >= 6
    assert "db://u:*** (" in out


VALUES = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: values}}
stringData:
  values.yaml: |
    word: {CLEAR}
    pin: 123456
"""
CODED = "{word: '{{ .Values.word | b64enc }}', pin: '{{ .Values.pin }}', plain: '{{ .Values.word }}'}"


def test_what_is_in_a_decrypted_text_is_hidden_too(fleet: Path, keys: Keys) -> None:
    """Values of a values file, base64 of a value, objects that are no Secrets, patches, errors."""
    chart = FLEET["charts/web/templates/config.yaml"]
    apps = FLEET["cluster/apps.yaml"].replace("name: plain, valuesKey: password, targetPath: word", "name: values")
    assert apps != FLEET["cluster/apps.yaml"]
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: open}\ndata: {word: correct-horse, other: seen}\n"
    patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {patch: 'the-patch'}\n"
    fill(
        fleet,
        {
            "cluster/apps.yaml": apps,
            "charts/web/templates/config.yaml": chart.replace("{word: '{{ .Values.word }}'}", CODED),
            "secrets/values.yaml": keys.encrypt(VALUES, "yaml", *ONLY_DATA),
            "secrets/open.yaml": keys.encrypt(config, "yaml", "--encrypted-regex", "^word$"),
            "secrets/patched.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\n",
            "secrets/patch.yaml": keys.encrypt(patch, "yaml", "--encrypted-regex", "^patch$"),
            "secrets/kustomization.yaml": (
                "resources: [plain.yaml, values.yaml, open.yaml, patched.yaml]\npatches: [{path: patch.yaml}]\n"
            ),
        },
    )
    clear = (CLEAR, base64.b64encode(CLEAR.encode()).decode(), "123456", "correct-horse", "the-patch")
    code, out, err = in_fleet(fleet, "build", "all", "--decrypt", **keys.environ)
    assert (code, err) == (0, "")
    assert all(text in out for text in clear)
    for form in ("unified", "json", "markdown", "html"):
        code, out, err = in_fleet(fleet, "diff", "all", "--decrypt", f"--output={form}", **keys.environ)
        assert (code, err) == (1, "")
        assert [text for text in clear if text in out] == []
        assert "seen" in out
    fill(fleet, {"charts/web/templates/fails.yaml": '{{ fail (printf "no %s" .Values.word) }}\n'})
    for words in (["build", "all"], ["test"], ["diff", "all"], ["graph", "-o", "html", "--from", "HEAD"]):
        code, out, err = in_fleet(fleet, *words, "--decrypt", **keys.environ)
        assert "no *** (" in out + err
        assert [text for text in clear if text in err] == []
        assert words[0] == "build" or [text for text in clear if text in out] == []
    kept = [path.read_text() for path in (fleet.parent / "cache").rglob("*") if path.is_file()]
    assert [text for text in clear if any(text in found for found in kept)] == []


def test_a_whole_repository_without_the_key_or_the_program(fleet: Path, keys: Keys, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    code, out, err = in_fleet(fleet, "build", "all", "--decrypt", **other.environ)
    assert code == 1
    assert "✗ Kustomization/default/secrets: " in err
    assert f"cannot get sops data key: no key for {keys.recipient}: " in err
    code, out, err = in_fleet(fleet, "build", "all", "--decrypt", **{**keys.environ, "PATH": str(tmp_path)})
    assert (code, out) == (1, "")
    assert "the program sops is not on PATH" in err
