"""`diff kustomization` on a real API server: recorded results of flux 2.9.4, beside flux itself where it is on PATH."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pyflux.cli import main
from pyflux.env import Env
from pyflux.ui.yamlin import load_all
from tests.real.cluster import RealCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISSING = RealCluster.missing("crds/kustomize-controller", "crds/source-controller", light=True)
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(_MISSING), reason=_MISSING or "")]

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "diff_cases.json").read_text())
RECORDED = "case000"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  k: v\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    with RealCluster(light=True) as running:
        running.install_crds("kustomize-controller", "source-controller")
        yield running


class Scene:
    """A case in a namespace of its own: files in a folder, objects and the Kustomization in the cluster."""

    def __init__(self, cluster: RealCluster, root: Path, namespace: str) -> None:
        self.cluster = cluster
        self.root = root
        self.namespace = namespace
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    def files(self, files: dict[str, str], kustomization: str) -> None:
        other = {"../repo/other/o.yaml": CONFIG % "other", "../ks.yaml": kustomization}
        for name, text in {**files, **other}.items():
            path = self.root / "app" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def live(self, text: str) -> None:
        for obj in load_all(text):
            obj["metadata"].setdefault("namespace", self.namespace)
            self.cluster.apply(obj, manager="kustomize-controller")

    def kustomization(self, text: str, inventory: list[str]) -> None:
        (obj,) = load_all(text)
        self.cluster.apply(obj)
        if inventory:
            body = {"status": {"inventory": {"entries": [{"id": entry, "v": "v1"} for entry in inventory]}}}
            path = f"{self.cluster.path_of(obj)}/status"
            self.cluster.must("PATCH", path, body, content_type="application/merge-patch+json")

    def diff(self, *args: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environ = {"KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.root), "PATH": os.environ["PATH"]}
        env = Env(stdout=out, stderr=err, stdin=io.StringIO(), environ=environ)
        code = main.run(["diff", "kustomization", "app", "-n", self.namespace, *args], env)
        return code, out.getvalue(), err.getvalue()


def adapted(value: Any, namespace: str) -> Any:
    """A case for another namespace."""
    return json.loads(json.dumps(value).replace(RECORDED, namespace))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_as_flux(number: int, cluster: RealCluster, tmp_path: Path) -> None:
    namespace = f"case{number:03d}"
    case = adapted(CASES[number], namespace)
    scene = Scene(cluster, tmp_path, namespace)
    scene.files(case["files"], case["kustomization"])
    scene.live(case["live"])
    if case["in_cluster"]:
        scene.kustomization(case["kustomization"], case["inventory"])
    args = [arg.replace("{root}", str(tmp_path)) for arg in case["args"]]
    if "--path" not in args:
        args += ["--path", f"{tmp_path}/app"]
    code, out, err = scene.diff(*args)
    # a way out, in a line of its own, is ours
    said = "".join(line for line in err.splitlines(keepends=True) if not line.startswith("  "))
    assert said == case["stderr"].replace("{root}", str(tmp_path))
    assert out == case["stdout"].replace("{root}", str(tmp_path))
    assert code == case["code"]
    flux = shutil.which("flux")
    if flux is not None:
        environ = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(tmp_path)}
        words = [flux, "diff", "kustomization", "app", "-n", namespace, *args]
        done = subprocess.run(words, capture_output=True, text=True, env=environ, check=False)
        assert (code, out) == (done.returncode, done.stdout)


@pytest.fixture
def scene(cluster: RealCluster, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    return Scene(cluster, tmp_path, request.node.name.replace("_", "-")[:40].rstrip("-"))


def kustomization(namespace: str, name: str = "app", extra: str = "") -> str:
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        "spec:\n  interval: 5m\n  prune: true\n  path: ./app\n  sourceRef: {kind: GitRepository, name: src}\n" + extra
    )


def test_objects_of_a_namespace_to_come_count_as_created_but_cannot_be_tried(scene: Scene) -> None:
    new = f"{scene.namespace}-new"
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {new}\n"
    config = (CONFIG % "a").replace("  name: a\n", f"  name: a\n  namespace: {new}\n")
    scene.files({"n.yaml": namespace, "c.yaml": config}, "")
    scene.kustomization(kustomization(scene.namespace), [])
    code, out, err = scene.diff("--path", f"{scene.root}/app")
    assert code == 2
    assert sorted(out.splitlines()) == [f"► ConfigMap/{new}/a created", f"► Namespace/{new} created"]
    assert err == f'✗ ConfigMap/{new}/a not found: namespaces "{new}" not found\n'
    assert scene.diff("--path", f"{scene.root}/app", "--client-side")[0] == 1


def test_fields_that_a_built_in_kind_lacks_are_left_out(scene: Scene) -> None:
    here = scene.namespace
    odd = (CONFIG % "a") + "odd: {a: b}\nmore: 1\n"
    scene.files({"a.yaml": odd.replace("metadata:", f"metadata:\n  namespace: {here}")}, "")
    scene.kustomization(kustomization(here), [])
    assert scene.diff("--path", f"{scene.root}/app")[:2] == (1, f"► ConfigMap/{here}/a created\n")


def test_a_refused_object_does_not_hide_the_others(scene: Scene) -> None:
    """flux means to print them too, and mostly ends before it does."""
    here = scene.namespace
    bad = (CONFIG % "bad").replace("k: v", "k: 1")
    child = kustomization(here, "child", f"  targetNamespace: {here}\n")
    scene.files({"a.yaml": CONFIG % "a", "bad.yaml": bad, "child.yaml": child, "../child/app/b.yaml": bad}, "")
    scene.live(child)
    scene.kustomization(kustomization(here, extra=f"  targetNamespace: {here}\n"), ["_gone__Namespace"])
    source = f"--local-sources=GitRepository/{here}/src={scene.root}/child"
    code, out, err = scene.diff("--path", f"{scene.root}/app", "-r", source)
    assert code == 2
    # nothing is said of what is pruned, since what is refused may be the same
    assert [line for line in out.splitlines() if line[:1] == "►"] == [
        f"► ConfigMap/{here}/a created",
        f"► Kustomization/{here}/child drifted",
    ]
    assert f"ConfigMap/{here}/bad dry-run failed" in err


def test_objects_of_a_kind_to_come_are_created(scene: Scene) -> None:
    here = scene.namespace
    definition = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: bars.z.io\n"
        "spec:\n  group: z.io\n  names: {kind: Bar, plural: bars}\n  scope: Namespaced\n  versions:\n"
        "  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}\n"
    )
    bar = f"apiVersion: z.io/v1\nkind: Bar\nmetadata:\n  name: b\n  namespace: {here}\n"
    scene.files({"crd.yaml": definition, "bar.yaml": bar}, "")
    scene.kustomization(kustomization(here), [])
    code, out, err = scene.diff("--path", f"{scene.root}/app")
    assert code == 2
    assert sorted(out.splitlines()) == [
        f"► Bar/{here}/b created",
        "► CustomResourceDefinition/bars.z.io created",
    ]
    assert f'Bar/{here}/b dry-run failed: no matches for kind "Bar" in version "z.io/v1"' in err


def test_a_removed_kustomization_takes_its_inventory_with_it(scene: Scene) -> None:
    here = scene.namespace
    scene.files({"readme.txt": ""}, "")
    for name, prune, entry in (
        ("child", "true", f"{here}_grandchild_kustomize.toolkit.fluxcd.io_Kustomization"),
        ("grandchild", "true", f"{here}_c__ConfigMap"),
        ("kept", "false", f"{here}_stays__ConfigMap"),
    ):
        scene.kustomization(kustomization(here, name).replace("prune: true", f"prune: {prune}"), [entry])
    kinds = "kustomize.toolkit.fluxcd.io_Kustomization"
    scene.kustomization(kustomization(here), [f"{here}_child_{kinds}", f"{here}_kept_{kinds}"])
    (scene.root / "app" / "a.yaml").write_text(
        (CONFIG % "a").replace("  name: a\n", f"  name: a\n  namespace: {here}\n")
    )
    code, out, _ = scene.diff("--path", f"{scene.root}/app")
    assert code == 1
    assert out.splitlines() == [
        f"► ConfigMap/{here}/a created",
        f"► Kustomization/{here}/child deleted",
        f"► Kustomization/{here}/grandchild deleted",
        f"► ConfigMap/{here}/c deleted",
        f"► Kustomization/{here}/kept deleted",
    ]


def test_client_side_needs_no_right_to_patch(scene: Scene) -> None:
    here = scene.namespace
    cluster = scene.cluster
    scene.files({"a.yaml": CONFIG % "a"}, "")
    scene.live((CONFIG % "a").replace("k: v", "k: old"))
    scene.kustomization(kustomization(here, extra=f"  targetNamespace: {here}\n"), [])
    verbs = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
    cluster.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "reader"},
            "rules": verbs,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
        },
    )
    path = f"--path={scene.root}/app"
    code, _, err = scene.diff(path, "--as", "reader")
    assert code == 2
    assert "dry-run failed (Forbidden)" in err
    code, out, _ = scene.diff(path, "--as", "reader", "--client-side")
    assert code == 1
    assert "data.k\n± value change\n- old\n+ v\n" in out
