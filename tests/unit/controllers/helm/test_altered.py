"""What Helm is shown in its storage, and what is there again afterwards."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from pyflux.controllers.helm import altered, remedies, storage, unheeded, uninstalling
from pyflux.controllers.helm.work import HelmFailed
from pyflux.errors import AlreadyExists, NotFound

Obj = dict[str, Any]


class Secrets:
    """The Secrets of one release and, for `get_many`, objects that are there."""

    def __init__(self, *releases: Obj) -> None:
        self.found: dict[str, Obj] = {}
        self.there: set[str] = set()
        self.deleted: list[tuple[str, str]] = []
        self._count = 0
        for release in releases:
            name = f"sh.helm.release.v1.app.v{release['version']}"
            labels = {"name": "app", "owner": "helm", "version": str(release["version"]), "status": "deployed"}
            self._keep({"type": "helm.sh/release.v1", "metadata": {"name": name, "namespace": "ns", "labels": labels}})
            self.found[name]["data"] = {"release": storage.encode(release)}

    def _keep(self, secret: Obj) -> Obj:
        self._count += 1
        secret = copy.deepcopy(secret)
        secret["metadata"]["resourceVersion"] = str(self._count)
        self.found[secret["metadata"]["name"]] = secret
        return secret

    def list(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(items=copy.deepcopy(list(self.found.values())))

    def patch(self, _resource: Any, name: str, _namespace: str, body: Obj, **_: Any) -> Obj:
        secret = self.found[name]
        assert body["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
        secret["metadata"]["labels"].update(body["metadata"]["labels"])
        secret["data"] = body["data"]
        return self._keep(secret)

    def create(self, _resource: Any, body: Obj, **_: Any) -> Obj:
        if body["metadata"]["name"] in self.found:
            raise AlreadyExists("it is there")
        return self._keep(body)

    def delete(self, resource: Any, name: str, _namespace: str, propagation: str = "") -> None:
        if resource.kind != "Secret":
            self.deleted.append((name, propagation))
            self.there.discard(name)
        else:
            del self.found[name]

    def resource_for(self, api_version: str, kind: str) -> Any:
        return SimpleNamespace(kind=kind, namespaced=True)

    def get_many(self, names: Any) -> list[Any]:
        return [{"metadata": {"name": name}} if name in self.there else NotFound(name) for _, name, _ in names]


def release(version: int, status: str = "deployed", **more: Any) -> Obj:
    return {"name": "app", "namespace": "ns", "version": version, "info": {"status": status}, "manifest": "", **more}


def made(secrets: Secrets, **spec: Any) -> Any:
    """A request about the release, which notes its events."""
    told: list[str] = []
    obj = {"metadata": {"name": "app", "namespace": "ns", "generation": 2}, "spec": spec, "status": {}}
    request: Any = SimpleNamespace(
        obj=obj,
        client=secrets,
        stored=lambda: storage.releases(secrets, "ns", "app"),  # type: ignore[arg-type]
        event=lambda kind, reason, message: told.append(f"{kind} {reason}: {message}"),
        log=lambda text: None,
        sleep=lambda length: secrets.there.clear(),
        told=told,
        name="app",
    )
    return request


HOOKS = [{"name": "a", "events": ["pre-rollback", "pre-install"]}, {"name": "b", "events": ["post-rollback"]}]


def test_what_helm_left_alone_is_byte_for_byte_the_same() -> None:
    secrets = Secrets(release(1, hooks=HOOKS))
    request = made(secrets)
    before = request.stored()[0].raw
    with altered.without_hooks(request, 1, "pre-rollback", "post-rollback"):
        assert request.stored()[0].release["hooks"] == [{"name": "a", "events": ["pre-install"]}]
    assert request.stored()[0].raw == before


def test_what_helm_changed_keeps_its_change_and_gets_the_rest_back() -> None:
    request = made(Secrets(release(1, hooks=HOOKS)), upgrade={"serverSideApply": "disabled"})
    with altered.without_hooks(request, 1, "pre-rollback"), altered.apply_method(request, "upgrade", 1):
        assert request.stored()[0].release["apply_method"] == "csa"
        storage.set_status(request.client, request.stored()[0], "superseded", "x")
    after = request.stored()[0].release
    assert (after["info"]["status"], after["hooks"]) == ("superseded", HOOKS)
    assert "apply_method" not in after


def test_things_are_put_right_when_helm_fails() -> None:
    request = made(Secrets(release(1, apply_method="ssa")), rollback={"serverSideApply": "disabled"})
    with pytest.raises(HelmFailed), altered.apply_method(request, "rollback", 1):
        raise HelmFailed("no")
    assert request.stored()[0].release["apply_method"] == "ssa"
    with altered.apply_method(request, "rollback", 7):
        pass


@pytest.mark.parametrize(
    ("spec", "method", "wanted"),
    [
        ({}, "ssa", True),
        ({}, "csa", False),
        ({}, None, False),
        ({"upgrade": {"serverSideApply": "enabled"}}, "csa", True),
        ({"upgrade": {"serverSideApply": "disabled"}}, "ssa", False),
    ],
)
def test_how_the_next_upgrade_applies(spec: Obj, method: str | None, wanted: bool) -> None:
    more = {"apply_method": method} if method else {}
    assert altered.uses_server_side_apply(made(Secrets(release(1, **more)), **spec), "upgrade") is wanted
    assert altered.uses_server_side_apply(made(Secrets()), "upgrade") is True


@pytest.mark.parametrize(("status", "left"), [("uninstalled", "superseded"), ("failed", "failed")])
def test_an_install_continues_the_revisions(status: str, left: str) -> None:
    secrets = Secrets(release(1, "superseded"), release(2, status))
    request = made(secrets)
    with altered.replacing(request):
        assert request.stored() == []
        secrets.found |= Secrets(release(1, "deployed", color="new")).found
    found = request.stored()
    assert [(one.version, one.release["version"], one.status) for one in found] == [
        (1, 1, "superseded"),
        (2, 2, left),
        (3, 3, "deployed"),
    ]
    assert found[2].release["color"] == "new"


def test_an_install_that_left_nothing_changes_nothing() -> None:
    request = made(Secrets(release(1, "uninstalled")))
    before = request.stored()[0].raw
    with pytest.raises(HelmFailed), altered.replacing(request):
        raise HelmFailed("no")
    assert [one.raw for one in request.stored()] == [before]


def test_a_release_in_use_is_not_replaced() -> None:
    request = made(Secrets(release(1)))
    with altered.replacing(request):
        assert len(request.stored()) == 1


MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone}\n---\n" + (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}\n"
)


@pytest.mark.parametrize("propagation", ["orphan", "foreground"])
def test_objects_are_deleted_ahead_of_helm(propagation: str) -> None:
    secrets = Secrets(release(1, manifest=MANIFEST))
    secrets.there = {"gone", "kept"}
    request = made(secrets, uninstall={"deletionPropagation": propagation})
    uninstalling._delete_objects(request, request.stored()[0], 5.0)
    assert secrets.deleted == [("gone", propagation.capitalize())]


def test_helm_deletes_by_itself_where_hooks_come_first() -> None:
    secrets = Secrets(release(1, manifest=MANIFEST, hooks=[{"name": "h", "events": ["pre-delete"]}]))
    request = made(secrets, uninstall={"deletionPropagation": "orphan"})
    uninstalling._delete_objects(request, request.stored()[0], 5.0)
    assert secrets.deleted == []
    text = "Warning OptionIgnored: spec.uninstall.deletionPropagation has no effect with pyflux's controllers: "
    assert [message.startswith(text) for message in request.told] == [True]


def test_objects_that_stay_end_the_wait() -> None:
    secrets = Secrets(release(1, manifest=MANIFEST))
    request = made(secrets, uninstall={"deletionPropagation": "foreground"})
    request.sleep = lambda length: None
    secrets.delete = lambda *_, **__: None  # type: ignore[method-assign]
    secrets.there = {"gone"}
    with pytest.raises(HelmFailed, match="context deadline exceeded"):
        uninstalling._delete_objects(request, request.stored()[0], 0.0)


def test_options_without_effect() -> None:
    request = made(
        Secrets(release(1, apply_method="csa")), install={"serverSideApply": False}, rollback={"force": True}
    )
    assert [option for option, _ in unheeded.found(request)] == ["install.serverSideApply", "rollback.force"]
    request = made(Secrets(release(1, apply_method="ssa")), upgrade={"force": True, "disableOpenAPIValidation": True})
    assert [option for option, _ in unheeded.found(request)] == ["upgrade.disableOpenAPIValidation"]
    assert unheeded.is_due(request.obj)
    request.obj["status"]["lastAttemptedGeneration"] = 2
    assert not unheeded.is_due(request.obj)


@pytest.mark.parametrize(("cleans", "deleted"), [(True, [("gone", "Background")]), (False, [])])
def test_a_failed_rollback_is_cleaned_up(cleans: bool, deleted: list[tuple[str, str]]) -> None:
    secrets = Secrets(release(1, manifest=MANIFEST, hooks=HOOKS), release(2, "failed"))
    secrets.there = {"kept"}
    request = made(secrets, rollback={"cleanupOnFail": cleans, "disableHooks": True})

    def call(*_: Any, **__: Any) -> None:
        secrets.there.add("gone")
        assert request.stored()[0].release["hooks"] == [{"name": "a", "events": ["pre-install"]}]
        raise HelmFailed("no")

    request.helm = SimpleNamespace(call=call)
    previous = {"namespace": "ns", "name": "app", "version": 1}
    with pytest.raises(HelmFailed):
        remedies._roll_back(request, previous, request.stored()[0], 2)
    assert secrets.deleted == deleted
    assert [one.release.get("hooks") for one in request.stored()] == [HOOKS, None]


def test_a_rolled_back_release_gets_its_hooks_back() -> None:
    secrets = Secrets(release(1, hooks=HOOKS), release(2, "failed"))
    request = made(secrets, rollback={"disableHooks": True})

    def call(*_: Any, **__: Any) -> None:
        seen = request.stored()[0].release
        secrets.found |= Secrets(release(3, hooks=seen["hooks"])).found

    request.helm = SimpleNamespace(call=call)
    previous = {"namespace": "ns", "name": "app", "version": 1}
    remedies._roll_back(request, previous, request.stored()[0], 2)
    assert [one.release.get("hooks") for one in request.stored()] == [HOOKS, None, HOOKS]
