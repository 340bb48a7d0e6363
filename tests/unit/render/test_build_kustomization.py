"""`build kustomization --dry-run`: recorded results of flux 2.9.4, and what goes beyond it.

Not recorded, since it differs on purpose: `stringData` keeps its texts (flux makes numbers of them), files that Flux
sources leave out are left out (flux fails on a `.sops.yaml`), and messages do not end in Go's <nil>.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pyflux.cli import main
from pyflux.env import Env
from pyflux.render import sopsmask
from pyflux.render.overlay import BuildError

CASES = json.loads((Path(__file__).parent / "build_cases.json").read_text())
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n"
KUSTOMIZATION = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: default}
spec:
  sourceRef: {kind: GitRepository, name: src}
"""


def prepare(root: Path, files: dict[str, str], kustomization: str) -> None:
    (root / "app").mkdir()
    (root / "repo" / "other").mkdir(parents=True)
    (root / "repo" / "other" / "o.yaml").write_text(CONFIG.replace("name: a", "name: other").replace("k: v", "k: 1"))
    for name, text in files.items():
        path = root / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "ks.yaml").write_text(kustomization)


def build(root: Path, *more: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    env = Env(
        stdout=out, stderr=err, stdin=io.StringIO(), environ={"HOME": str(root), "PATH": "/usr/bin:/bin", **environ}
    )
    words = [
        "build",
        "ks",
        "app",
        f"--path={root}/app",
        f"--kustomization-file={root}/ks.yaml",
        "--dry-run",
        "-ndefault",
    ]
    code = main.run([*words, *more], env)
    # a way out, in a line of its own, is ours
    said = "".join(line for line in err.getvalue().splitlines(keepends=True) if not line.startswith("  "))
    return code, out.getvalue(), said


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_as_flux(case: dict[str, Any], tmp_path: Path) -> None:
    prepare(tmp_path, case["files"], case["kustomization"])
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    args = [arg.replace("{root}", str(tmp_path)) for arg in case["args"]]
    code, out, err = build(tmp_path, *args)
    assert err == case["stderr"].replace("{root}", str(tmp_path))
    assert out == case["stdout"].replace("{root}", str(tmp_path))
    assert code == case["code"]
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_texts_in_string_data_stay_texts(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  port: '5432'\n"
    prepare(tmp_path, {"s.yaml": secret}, KUSTOMIZATION)
    assert 'port: "5432"' in build(tmp_path)[1]


def test_decrypt(tmp_path: Path) -> None:
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: ENC[AES256_GCM,data:x]\n"
        "sops:\n  mac: ENC[AES256_GCM,data:x]\n"
    )
    prepare(tmp_path, {"s.yaml": secret, "c.yaml": CONFIG}, KUSTOMIZATION)
    assert "a: '**SOPS**'" in build(tmp_path)[1]
    tools = tmp_path / "bin"
    tools.mkdir()
    path = f"{tools}:/usr/bin:/bin"
    code, out, err = build(tmp_path, "--decrypt", PATH=path)
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "✗ decryption failed for 'Secret.v1.[noGrp]/s': the program sops is not on PATH"
    program = tools / "sops"
    program.write_text(
        "#!/bin/sh\ncat >/dev/null\n"
        'echo \'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"clear"},"sops":{}}\'\n'
    )
    program.chmod(0o755)
    code, out, _ = build(tmp_path, "--decrypt", PATH=path)
    assert code == 0
    assert "  a: clear\n" in out
    assert "sops" not in out
    program.write_text("#!/bin/sh\necho 'no key found' >&2\nexit 128\n")
    assert build(tmp_path, "--decrypt", PATH=path)[2].endswith(": failed to load encrypted JSON data: no key found\n")


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ("text", "spec"),
        ("{patches: text}", "spec.patches"),
        ("{patches: [text]}", "spec.patches[0]"),
        ("{sourceRef: text}", "spec.sourceRef"),
        ("{postBuild: [a]}", "spec.postBuild"),
        ("{postBuild: {substitute: {a: [1]}}}", "spec.postBuild.substitute.a"),
        ("{commonMetadata: 7}", "spec.commonMetadata"),
        ("{components: 1}", "spec.components"),
    ],
)
def test_a_kustomization_of_another_shape(spec: str, wrong: str, tmp_path: Path) -> None:
    head = KUSTOMIZATION.partition("spec:")[0]
    prepare(tmp_path, {"c.yaml": CONFIG}, f"{head}spec: {spec}\n")
    code, out, err = build(tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("✗ failed to get kustomization object: failed to unmarshall kustomization file ")
    assert f"/ks.yaml: {wrong}: Invalid value: " in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "spec", ["", "spec: text\n", "spec: {patches: 5, sourceRef: {kind: GitRepository, name: src}}\n"]
)
def test_a_kustomization_among_the_objects_of_another_shape(spec: str, tmp_path: Path) -> None:
    child = f"{KUSTOMIZATION.partition('spec:')[0]}{spec}".replace("name: app", "name: child")
    prepare(tmp_path, {"child.yaml": child}, KUSTOMIZATION)
    code, _, err = build(tmp_path, "-r", f"--local-sources=GitRepository/default/src={tmp_path}/repo")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "child" in err


def test_what_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path, {"c.yaml": CONFIG}, KUSTOMIZATION)

    def said(*argv: str) -> tuple[int, str]:
        err = io.StringIO()
        env = Env(stdout=io.StringIO(), stderr=err, stdin=io.StringIO(), environ={"HOME": str(tmp_path)})
        return main.run(["build", "kustomization", *argv], env), err.getvalue().splitlines()[0]

    assert said("app") == (1, '✗ invalid resource path ""')
    assert said("app", "--path", f"{tmp_path}/gone") == (1, f'✗ invalid resource path "{tmp_path}/gone"')
    assert said("app", "--path", f"{tmp_path}/ks.yaml") == (1, f'✗ invalid resource path "{tmp_path}/ks.yaml"')
    assert said("app", "--path", str(tmp_path), "--dry-run") == (1, "✗ dry-run mode requires a kustomization file")
    gone = f"{tmp_path}/gone.yaml"
    assert said("app", "--path", str(tmp_path), "--kustomization-file", gone) == (
        1,
        f'✗ invalid kustomization file "{gone}"',
    )


@pytest.mark.parametrize(
    ("text", "at"), [("not base64!", 3), ("aGVsbG8", 4), ("a", 0), ("aa=a", 3), ("====", 0), ("aGVs\nbG8=x", 9)]
)
def test_base64_that_go_refuses(text: str, at: int) -> None:
    with pytest.raises(ValueError, match=f"illegal base64 data at input byte {at}$"):
        sopsmask.decode(text)
    with pytest.raises(BuildError, match="failed to mask secret s sops data"):
        sopsmask.mask({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": text}})


@pytest.mark.parametrize(("text", "data"), [("", b""), ("aGVsbG8=", b"hello"), ("aGVs\r\nbG8=\n", b"hello")])
def test_base64_that_go_takes(text: str, data: bytes) -> None:
    assert sopsmask.decode(text) == data


def test_a_circle_is_told(tmp_path: Path) -> None:
    def child(name: str, path: str) -> str:
        return KUSTOMIZATION.replace("name: app", f"name: {name}") + f"  path: {path}\n"

    prepare(tmp_path, {"one.yaml": child("one", "one")}, KUSTOMIZATION)
    for folder, text in (("one", child("two", "two")), ("two", child("one", "one"))):
        (tmp_path / "repo" / folder).mkdir()
        (tmp_path / "repo" / folder / "k.yaml").write_text(text)
    code, out, err = build(tmp_path, "-r", f"--local-sources=GitRepository/default/src={tmp_path}/repo")
    assert (code, out) == (1, "")
    assert err == "✗ Kustomizations apply each other in a circle: app → one → two → one\n"


def test_a_yaml_bomb_is_refused(tmp_path: Path) -> None:
    levels = [", ".join([f"*x{n - 1}"] * 9) if n else "lol" for n in range(12)]
    bomb = CONFIG + "".join(f"x{n}: &x{n} [{level}]\n" for n, level in enumerate(levels))
    prepare(tmp_path, {"bomb.yaml": bomb}, KUSTOMIZATION)
    code, out, err = build(tmp_path)
    assert (code, out) == (1, "")
    assert "excessive aliasing" in err
    assert len(err.splitlines()) == 1


def test_aliases_in_reason_are_fine(tmp_path: Path) -> None:
    text = CONFIG.replace("  k: v\n", "  k: &value v\n  l: *value\n")
    prepare(tmp_path, {"a.yaml": text}, KUSTOMIZATION)
    assert "  l: v\n" in build(tmp_path)[1]
