"""The copy operations of ArtifactGenerators: expected results are those of source-watcher 2.2."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pyflux.render.fleet import copying, generate
from pyflux.render.fleet.copying import CopyError, Tree
from pyflux.render.ignore import for_source

Obj = dict[str, Any]

FILES = {
    ".sourceignore": "apps/a/skip/\n",
    ".hidden/h.yaml": "h: 1\n",
    ".github/w.yaml": "w: 1\n",
    ".flux.yaml": "f: 1\n",
    "apps/a/.dot": "d\n",
    "apps/a/README.md": "# a\n",
    "apps/a/deep/z.yaml": "z: 1\n",
    "apps/a/skip/s.yaml": "s: 1\n",
    "apps/a/x.yaml": "x: 1\n",
    "apps/a/y.yaml": "y: 1\n",
    "apps/b/deep/q/w.json": "{}\n",
    "apps/b/x.yaml": "x: b\n",
    "apps/Cc/x.yaml": "x: c\n",
    "pic.png": "png",
    "top.yaml": "t: 1\n",
    "vals/base.yaml": "a: 1\nlist: [1, 2]\nm:\n  k: v\n",
    "vals/multi.yaml": "a: 1\n---\nb: 2\n",
    "vals/over.yaml": "a: 2\nlist: [3]\nm:\n  z: w\n  k: null\n",
}
APP_A = [".dot", "README.md", "deep/z.yaml", "x.yaml", "y.yaml"]
APPS = ["Cc/x.yaml", *(f"a/{name}" for name in APP_A), "b/deep/q/w.json", "b/x.yaml"]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name, text in FILES.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "source/apps/a/link.yaml").symlink_to("x.yaml")
    return Tree(str(tmp_path / "source"), for_source(str(tmp_path / "source")))


def op(source: str, target: str, **more: Any) -> Obj:
    return {"from": source, "to": target, **more}


def made(tree: Tree, folder: Path, *operations: Obj) -> list[str]:
    target = folder / "artifact"
    target.mkdir()
    copying.copy(list(operations), {"s": tree}, str(target))
    return sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (op("@s/apps/", "@artifact/x/"), [f"x/apps/{name}" for name in APPS]),
        (op("@s/apps", "@artifact/x"), [f"x/apps/{name}" for name in APPS]),
        (op("@s/apps/*", "@artifact/x/"), [f"x/apps/{name}" for name in APPS]),
        (op("@s/apps/**", "@artifact/x/"), [f"x/{name}" for name in APPS]),
        (op("@s/apps/a/**/*.yaml", "@artifact/x/"), ["x/apps/a/deep/z.yaml"]),
        (op("@s/apps/*/x.yaml", "@artifact/"), ["apps/Cc/x.yaml", "apps/a/x.yaml", "apps/b/x.yaml"]),
        (op("@s/apps/[ab]/x.yaml", "@artifact/"), ["apps/a/x.yaml", "apps/b/x.yaml"]),
        (op("@s/apps/a/?.yaml", "@artifact/"), ["apps/a/x.yaml", "apps/a/y.yaml"]),
        (op("@s/apps/a/*", "@artifact/y.yaml"), [f"y.yaml/apps/a/{name}" for name in APP_A]),
        (op("@s/apps/*/deep/**", "@artifact/"), ["apps/a/deep/z.yaml", "apps/b/deep/q/w.json"]),
        (op("@s/**/*.yaml", "@artifact/"), [".hidden/h.yaml", *(f"vals/{n}.yaml" for n in ("base", "multi", "over"))]),
        (op("@s/*.yaml", "@artifact/y/"), ["y/top.yaml"]),
        (op("@s/top.yaml", "@artifact/x.yaml"), ["x.yaml"]),
        (op("@s/top.yaml", "@artifact/dir/"), ["dir/top.yaml"]),
        (op("@s/apps/a/x.yaml", "@artifact/one/two/three.yaml"), ["one/two/three.yaml"]),
        (op("@s/.github/**", "@artifact/"), ["w.yaml"]),
        (op("@s/pic.png", "@artifact/"), []),
        (op("@s/apps/**", "@artifact/", exclude=["*.md"]), [name for name in APPS if "README" not in name]),
        (op("@s/apps/**", "@artifact/", exclude=["a/**"]), ["Cc/x.yaml", "b/deep/q/w.json", "b/x.yaml"]),
        (op("@s/apps/**", "@artifact/", exclude=["apps/a/**"]), ["Cc/x.yaml", "b/deep/q/w.json", "b/x.yaml"]),
        (
            op("@s/apps", "@artifact/", exclude=["**/deep/**"]),
            [f"apps/{name}" for name in APPS if "deep" not in name],
        ),
    ],
)
def test_what_is_copied(operation: Obj, expected: list[str], tree: Tree, tmp_path: Path) -> None:
    assert made(tree, tmp_path, operation) == sorted(expected)


def test_a_file_into_a_folder_that_is_there(tree: Tree, tmp_path: Path) -> None:
    found = made(tree, tmp_path, op("@s/apps/b", "@artifact/"), op("@s/top.yaml", "@artifact/b"))
    assert found == ["b/deep/q/w.json", "b/top.yaml", "b/x.yaml"]


def test_later_files_replace_earlier_ones(tree: Tree, tmp_path: Path) -> None:
    made(tree, tmp_path, op("@s/vals/base.yaml", "@artifact/v.yaml"), op("@s/top.yaml", "@artifact/v.yaml"))
    assert (tmp_path / "artifact/v.yaml").read_text() == "t: 1\n"


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("over", "a: 2\nlist:\n- 3\nm:\n  k: null\n  z: w\n"),
        ("multi", "a: 1\nb: 2\nlist:\n- 1\n- 2\nm:\n  k: v\n"),
    ],
)
def test_merging(over: str, expected: str, tree: Tree, tmp_path: Path) -> None:
    base = op("@s/vals/base.yaml", "@artifact/v.yaml")
    made(tree, tmp_path, base, op(f"@s/vals/{over}.yaml", "@artifact/v.yaml", strategy="Merge"))
    assert (tmp_path / "artifact/v.yaml").read_text() == expected


def test_merging_into_nothing_copies(tree: Tree, tmp_path: Path) -> None:
    made(tree, tmp_path, op("@s/vals/over.yaml", "@artifact/v.yaml", strategy="Merge"))
    assert (tmp_path / "artifact/v.yaml").read_text() == FILES["vals/over.yaml"]


def test_archives_are_extracted(tree: Tree, tmp_path: Path) -> None:
    archive = Path(tree.root) / "charts/deep/app.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo("app/Chart.yaml")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"x\n"))
    again = Tree(tree.root, for_source(tree.root))
    assert made(again, tmp_path, op("@s/**", "@artifact/out/", strategy="Extract")) == ["out/app/Chart.yaml"]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (op("@s/nope.yaml", "@artifact/"), "source 'nope.yaml' does not exist"),
        (op("@s/../x.yaml", "@artifact/"), "source '../x.yaml' does not exist"),
        (op("@s/apps/a/link.yaml", "@artifact/"), "source 'apps/a/link.yaml' does not exist"),
        (op("@s/nope/**", "@artifact/"), "no files match pattern 'nope/**' in source 's'"),
        (op("@s/apps/a/skip/**", "@artifact/"), "no files match pattern 'apps/a/skip/**' in source 's'"),
        (op("@s/apps/**/{x,y}.yaml", "@artifact/"), "no files match pattern 'apps/**/{x,y}.yaml' in source 's'"),
        (
            op("@s/apps/a/*.md", "@artifact/", exclude=["*.md"]),
            "all files matching pattern 'apps/a/*.md' in source 's' were excluded",
        ),
        (op("@z/apps", "@artifact/"), "source alias 'z' not found"),
        (op("@s/top.yaml", "/x"), "invalid copy destination '/x': destination must start with '@artifact/'"),
        (op("@s/top.yaml", "@artifact/../../x"), "path '../../x' leaves the artifact"),
        (
            op("@s/top.yaml", "@artifact/", strategy="Extract"),
            "extract strategy requires tarball file (.tar.gz or .tgz), got 'top.yaml'",
        ),
        (
            op("@s/apps", "@artifact/", strategy="Extract"),
            "extract strategy is not supported for directories, got 'apps'",
        ),
    ],
)
def test_what_fails(operation: Obj, message: str, tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(CopyError) as caught:
        made(tree, tmp_path, operation)
    what = f"failed to apply copy operation from '{operation['from']}' to '{operation['to']}'"
    assert caught.value.message == f"{what}: {message}"


def generator(pattern: str, name: str = "app-{app}", source: str = "@s/apps/{app}/**") -> Obj:
    copies = [op(source, "@artifact/{app}/")]
    return {
        "kind": "ArtifactGenerator",
        "metadata": {"name": "g", "namespace": "ns"},
        "spec": {
            "sources": [{"alias": "s", "kind": "GitRepository", "name": "x"}],
            "pathPattern": pattern,
            "artifacts": [{"name": name, "copy": copies}],
        },
    }


def test_a_path_pattern_makes_an_artifact_for_each_folder(tree: Tree) -> None:
    obj = generator("@s/apps/{app}")
    found = generate.find({("ArtifactGenerator", "ns", "g"): obj}, ("ExternalArtifact", "ns", "app-cc"), lambda _: tree)
    assert found is not None
    assert found[1]["copy"] == [op("@s/apps/Cc/**", "@artifact/Cc/")]
    absent = ("ExternalArtifact", "ns", "app-d")
    assert generate.find({("ArtifactGenerator", "ns", "g"): obj}, absent, lambda _: tree) is None


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (generator("@z/apps/{app}"), "source alias z not found in local sources"),
        (generator("@s/apps/{a-b}"), 'capture variable "a-b" must be a valid capture name'),
        (generator("@s/{app}/{app}"), "a capture variable is there twice"),
        (generator("@s/apps/{app}", source="@s/{other}/**"), 'capture variable "other" is not defined by pathPattern'),
        (generator("@s/{app}"), 'captured value ".github" for variable "app" is not a valid Kubernetes label value'),
    ],
)
def test_a_path_pattern_that_is_wrong(obj: Obj, message: str, tree: Tree) -> None:
    with pytest.raises(CopyError) as caught:
        generate.find({("ArtifactGenerator", "ns", "g"): obj}, ("ExternalArtifact", "ns", "none"), lambda _: tree)
    assert message in caught.value.message
