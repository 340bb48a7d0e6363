"""Server-side apply: ownership, conflicts and removal, on built-in and custom schemas."""

from __future__ import annotations

from typing import Any

import pytest

from pyflux.sandbox.custom.types import root
from pyflux.sandbox.schema.builtin import object_schema, zero
from pyflux.sandbox.ssa import fieldset, typed
from pyflux.sandbox.ssa.managed import Manager
from pyflux.sandbox.status import ApiError

CONFIG = Manager(object_schema("core.v1.ConfigMap"), "v1", empty=zero(object_schema("core.v1.ConfigMap")))
DEPLOYMENTS = object_schema("apps.v1.Deployment")
WEB = Manager(DEPLOYMENTS, "apps/v1", "", {"f:status": {".": {}}}, zero(DEPLOYMENTS))


def config(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def web(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"spec": {"containers": list(containers)}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "w"},
        "spec": {**spec, "template": template},
    }


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"]["managedFields"]}


def test_a_field_no_longer_applied_goes_with_its_only_owner() -> None:
    live = CONFIG.apply(None, config(a="1", b="2"), "one", False)
    live = CONFIG.apply(live, config(a="1"), "one", False)
    assert live["data"] == {"a": "1"}
    assert owners(live) == {"one": {"f:data": {"f:a": {}}}}


def test_a_field_with_another_owner_stays() -> None:
    live = CONFIG.apply(None, config(a="1", b="2"), "one", False)
    live = CONFIG.apply(live, config(b="2"), "two", False)
    live = CONFIG.apply(live, config(a="1"), "one", False)
    assert live["data"] == {"a": "1", "b": "2"}
    assert owners(live)["two"] == {"f:data": {"f:b": {}}}


def test_a_conflict_names_manager_and_field_and_force_takes_it() -> None:
    live = CONFIG.apply(None, config(a="1"), "one", False)
    with pytest.raises(ApiError) as refused:
        CONFIG.apply(live, config(a="2"), "two", False)
    assert refused.value.code == 409
    assert refused.value.message == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert refused.value.details == {
        "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}]
    }
    live = CONFIG.apply(live, config(a="2"), "two", True)
    assert owners(live) == {"two": {"f:data": {"f:a": {}}}}


def test_items_of_a_map_list_are_owned_one_by_one() -> None:
    live = WEB.apply(None, web({"name": "c", "image": "i"}, replicas=1), "one", False)
    live = WEB.apply(live, web({"name": "side", "image": "s"}), "two", False)
    names = [c["name"] for c in live["spec"]["template"]["spec"]["containers"]]
    assert names == ["c", "side"]
    live = WEB.apply(live, web({"name": "c", "image": "j"}, replicas=1), "one", False)
    images = {c["name"]: c["image"] for c in live["spec"]["template"]["spec"]["containers"]}
    assert images == {"c": "j", "side": "s"}
    live = WEB.apply(live, web(), "two", False)
    assert [c["name"] for c in live["spec"]["template"]["spec"]["containers"]] == ["c"]


def test_a_port_is_known_by_number_and_default_protocol() -> None:
    live = WEB.apply(None, web({"name": "c", "ports": [{"containerPort": 80}]}), "one", False)
    fields = owners(live)["one"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"c"}']["f:ports"]
    assert list(fields) == ['k:{"containerPort":80,"protocol":"TCP"}']


def test_status_is_nobodys_through_the_main_resource() -> None:
    live = WEB.apply(None, {**web({"name": "c"}), "status": {"replicas": 3}}, "one", False)
    assert "f:status" not in owners(live)["one"]


def test_an_update_takes_what_it_changes() -> None:
    live = CONFIG.apply(None, config(a="1", b="2"), "one", False)
    live["metadata"]["uid"] = "u"
    new = {**live, "data": {"a": "9", "b": "2", "c": "3"}}
    new["metadata"] = {**live["metadata"], "managedFields": CONFIG.update(live, new, "editor")}
    assert owners(new) == {"one": {"f:data": {"f:b": {}}}, "editor": {"f:data": {"f:a": {}, "f:c": {}}}}


def test_more_than_ten_updaters_are_folded() -> None:
    live: Any = None
    obj = config()
    for i in range(15):
        obj = {**obj, "data": {**obj["data"], f"k{i}": "v"}}
        managed = CONFIG.update(live, obj, f"m{i:02}")
        obj = {**obj, "metadata": {"name": "a", "uid": "u", "managedFields": managed}}
        live = obj
    found = owners(obj)
    assert len(found) == 10
    assert {f"f:k{i}" for i in range(6)} <= set(found["ancient-changes"]["f:data"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replcas": 1}, ".spec.replcas: field not declared in schema"),
        ({"replicas": "two"}, ".spec.replicas: expected numeric (int or float), got string"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match="failed to create typed patch object") as refused:
        WEB.apply(None, {**web(), "spec": spec}, "one", False)
    assert message in refused.value.message
    assert refused.value.code == 500


def test_unknown_parts_of_custom_objects_merge_by_key() -> None:
    schema = root(
        {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    )
    manager = Manager(schema, "example.org/v1")
    one = {"apiVersion": "example.org/v1", "kind": "X", "metadata": {"name": "a"}, "spec": {"m": {"a": 1}, "l": [1, 2]}}
    two = {**one, "spec": {"m": {"b": 2}}}
    live = manager.apply(manager.apply(None, one, "one", False), two, "two", False)
    assert live["spec"] == {"m": {"a": 1, "b": 2}, "l": [1, 2]}


def test_field_sets_are_written_in_the_servers_form() -> None:
    fields = typed.field_set(
        DEPLOYMENTS,
        {"spec": {"template": {"spec": {"tolerations": [{"key": "a"}], "volumes": [{"name": "v", "emptyDir": {}}]}}}},
    )
    pod = fieldset.to_fields_v1(fields)["f:spec"]["f:template"]["f:spec"]
    assert pod == {"f:tolerations": {}, "f:volumes": {'k:{"name":"v"}': {".": {}, "f:emptyDir": {}, "f:name": {}}}}
    assert fieldset.to_fields_v1(fieldset.from_fields_v1(pod)) == pod
    shown = [fieldset.show(p) for p in fieldset.paths(fields)]
    assert '.spec.template.spec.volumes[name="v"].emptyDir' in shown


def test_set_algebra() -> None:
    a = fieldset.from_fields_v1({"f:a": {}, "f:b": {"f:c": {}, "f:d": {}}})
    b = fieldset.from_fields_v1({"f:b": {".": {}, "f:c": {}}, "f:e": {}})
    assert fieldset.to_fields_v1(fieldset.intersection(a, b)) == {"f:b": {"f:c": {}}}
    assert fieldset.to_fields_v1(fieldset.difference(a, b)) == {"f:a": {}, "f:b": {"f:d": {}}}
    both = {"f:a": {}, "f:b": {".": {}, "f:c": {}, "f:d": {}}, "f:e": {}}
    assert fieldset.to_fields_v1(fieldset.union(a, b)) == both
    assert fieldset.to_fields_v1(fieldset.without_prefixes(a, b)) == {"f:a": {}}
