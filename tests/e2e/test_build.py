"""Journeys through the fields that change what is applied: substitution, overlays, sources' rules."""

from __future__ import annotations

import textwrap

from tests.e2e.pairs import condition, wait_until
from tests.e2e.world import SOURCE, World, config_map


def test_variables_are_substituted(world: World) -> None:
    manifest = config_map(
        "web",
        world.namespace,
        a="${color}",
        b="${size:=small}",
        c="$${kept}",
        d="${color^^}",
        e="${from_map}-${from_secret}",
    )
    skipped = config_map("raw", world.namespace, a="${color}").replace(
        "metadata:\n", "metadata:\n  annotations:\n    kustomize.toolkit.fluxcd.io/substitute: disabled\n"
    )
    world.commit({"web.yaml": manifest, "raw.yaml": skipped})
    world.pair.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "vars", "namespace": world.namespace},
            "data": {"from_map": "one", "color": "red"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "vars", "namespace": world.namespace},
            "stringData": {"from_secret": "two"},
        },
    )
    world.add_source()
    world.add(
        "apps",
        postBuild={
            "substitute": {"color": "blue"},
            "substituteFrom": [
                {"kind": "ConfigMap", "name": "vars"},
                {"kind": "Secret", "name": "vars"},
                {"kind": "ConfigMap", "name": "absent", "optional": True},
            ],
        },
    )
    world.ready("apps")
    assert world.config_map("web") == {"a": "blue", "b": "small", "c": "${kept}", "d": "BLUE", "e": "one-two"}
    assert world.config_map("raw") == {"a": "${color}"}


def test_a_variable_that_is_not_set_fails_the_build(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="${missing}")})
    world.add_source()
    world.add("apps", postBuild={"substitute": {"other": "x"}})
    obj = world.failed("apps", "variable not set (strict mode)")
    assert condition(obj, "Ready")["reason"] == "BuildFailed"
    assert condition(obj, "Ready")["message"] == (
        "post build failed for 'ConfigMap.v1.[noGrp]/web': envsubst error: "
        'variable substitution failed: variable not set (strict mode): "missing"'
    )


def test_a_source_of_variables_that_is_missing_fails_the_build(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, a="${x}")})
    world.add_source()
    world.add("apps", postBuild={"substituteFrom": [{"kind": "ConfigMap", "name": "absent"}]})
    obj = world.failed("apps", "substitute from 'ConfigMap/absent' error")
    assert condition(obj, "Ready")["reason"] == "BuildFailed"


def test_overlay_fields_of_the_spec(world: World) -> None:
    world.commit(
        {
            "apps/kustomization.yaml": "resources: [web.yaml]\n",
            "apps/web.yaml": config_map("web", "", color="blue"),
            "parts/kustomization.yaml": textwrap.dedent("""\
                apiVersion: kustomize.config.k8s.io/v1alpha1
                kind: Component
                configMapGenerator:
                - name: extra
                  literals: [a=b]
                  options: {disableNameSuffixHash: true}
                """),
        }
    )
    world.add_source()
    patch = "- op: add\n  path: /data/size\n  value: big\n"
    world.add(
        "apps",
        "./apps",
        targetNamespace=world.namespace,
        namePrefix="pre-",
        nameSuffix="-post",
        components=["../parts", "../absent"],
        ignoreMissingComponents=True,
        commonMetadata={"labels": {"team": "a"}, "annotations": {"note": "b"}},
        patches=[{"patch": patch, "target": {"kind": "ConfigMap", "name": "web"}}],
    )
    world.ready("apps")
    obj = world.pair.get("v1", "ConfigMap", "pre-web-post", world.namespace)
    assert obj is not None
    assert obj["data"] == {"color": "blue", "size": "big"}
    assert obj["metadata"]["labels"]["team"] == "a"
    assert obj["metadata"]["annotations"]["note"] == "b"
    assert world.config_map("pre-extra-post") == {"a": "b"}


def test_images_are_replaced(world: World) -> None:
    pod = textwrap.dedent(f"""\
        apiVersion: batch/v1
        kind: CronJob
        metadata: {{name: job, namespace: {world.namespace}}}
        spec:
          schedule: "0 0 1 1 *"
          suspend: true
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers: [{{name: main, image: nginx:1}}]
        """)
    world.commit({"job.yaml": pod})
    world.add_source()
    world.add("apps", images=[{"name": "nginx", "newName": "registry.example/nginx", "newTag": "2"}])
    world.ready("apps")
    obj = world.pair.get("batch/v1", "CronJob", "job", world.namespace)
    assert obj is not None
    spec = obj["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "registry.example/nginx:2"


def test_ignored_files_are_not_applied(world: World) -> None:
    world.commit(
        {
            "web.yaml": config_map("web", world.namespace, a="b"),
            "notes/x.yaml": "this: is no manifest\n",
            "draft.yaml": "neither: is this\n",
            ".sourceignore": "/notes/\n",
        }
    )
    world.add_source(ignore="draft.yaml\n")
    world.add("apps")
    world.ready("apps")
    assert world.config_map("web") == {"a": "b"}


def test_a_tag_and_a_semver_range_are_followed(world: World) -> None:
    first = world.commit({"web.yaml": config_map("web", world.namespace, v="one")}).rpartition(":")[2]
    world.repository.git("tag", "v1.0.0", first)
    second = world.commit({"web.yaml": config_map("web", world.namespace, v="two")}).rpartition(":")[2]
    world.repository.git("tag", "-a", "v1.1.0", "-m", "release", second)
    world.commit({"web.yaml": config_map("web", world.namespace, v="three")})
    world.add_source(ref={"tag": "v1.0.0"})
    world.add("apps")
    world.ready("apps", f"v1.0.0@sha1:{first}")
    assert world.config_map("web") == {"v": "one"}
    world.add_source(ref={"semver": "1.x"})
    world.ready("apps", f"v1.1.0@sha1:{second}")
    assert world.config_map("web") == {"v": "two"}


def test_a_commit_and_a_name_are_followed(world: World) -> None:
    first = world.commit({"web.yaml": config_map("web", world.namespace, v="one")}).rpartition(":")[2]
    second = world.commit({"web.yaml": config_map("web", world.namespace, v="two")}).rpartition(":")[2]
    world.add_source(ref={"commit": first})
    world.add("apps")
    world.ready("apps", f"sha1:{first}")
    assert world.config_map("web") == {"v": "one"}
    world.add_source(ref={"name": "refs/heads/main"})
    world.ready("apps", f"refs/heads/main@sha1:{second}")
    assert world.config_map("web") == {"v": "two"}


def test_the_source_explains_a_missing_branch(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, v="one")})
    world.add_source(ref={"branch": "absent"})

    def failed() -> dict[str, object]:
        found = condition(world.pair.source(SOURCE, world.namespace), "Ready")
        return found if found.get("status") == "False" else {}

    found = wait_until("the source failed", failed)
    assert found["reason"] == "GitOperationFailed"
    assert str(found["message"]).startswith("failed to checkout and determine revision: ")
    said = world.flux("get", "sources", "git", SOURCE).out
    assert "False" in said


def test_an_unchanged_revision_costs_no_fetch(world: World) -> None:
    world.commit({"web.yaml": config_map("web", world.namespace, v="one")})
    world.add_source()
    world.add("apps")
    world.ready("apps")
    artifact = world.pair.source(SOURCE, world.namespace)["status"]["artifact"]
    before = len(world.pair.git.requests)
    world.flux("reconcile", "source", "git", SOURCE)
    mine = [(method, path) for method, path in world.pair.git.requests[before:] if world.namespace in path]
    assert "POST" not in {method for method, path in mine if "git-upload-pack" in path} or len(mine) <= 2
    assert world.pair.source(SOURCE, world.namespace)["status"]["artifact"] == artifact
