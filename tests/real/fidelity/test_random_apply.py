"""Random applies, updates and patches by several managers leave the same objects and owners on both servers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.fidelity.runner import MEDIA, Server, differences, mask
from tests.sandbox.running import Sandbox

SEQUENCES = 25
STEPS = 14
Json = dict[str, Any]
NAMES = ("a", "b", "c")
IDENTITY = {"apiVersion": "apps/v1", "kind": "Deployment"}
BASE = "/apis/apps/v1/namespaces/{}/deployments"


@pytest.fixture(scope="module")
def servers(light_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """The real server and a sandbox."""
    with Sandbox(tmp_path_factory.mktemp("apply"), workloads=False) as sandbox:
        yield Server(light_cluster.server, light_cluster.token), Server(sandbox.server, sandbox.token)


def maybe(dice: random.Random, out: Json, key: str, value: Any, chance: float = 0.5) -> None:
    """Sets a key in some cases."""
    if dice.random() < chance:
        out[key] = value


def container(dice: random.Random, name: str) -> Json:
    """Some fields of a container."""
    out: Json = {"name": name}
    maybe(dice, out, "image", f"i:{dice.randrange(3)}", 0.8)
    maybe(dice, out, "args", [str(dice.randrange(3)) for _ in range(dice.randrange(3))], 0.3)
    env = [{"name": n, "value": str(dice.randrange(3))} for n in dice.sample(NAMES, dice.randrange(4))]
    maybe(dice, out, "env", env)
    numbers = dice.sample((80, 81, 82), dice.randrange(3))
    ports: list[Json] = [{"containerPort": n} for n in numbers]
    for port in ports:
        maybe(dice, port, "name", f"p{port['containerPort']}")
        maybe(dice, port, "protocol", dice.choice(("TCP", "UDP")), 0.3)
    maybe(dice, out, "ports", ports)
    limits = {k: dice.choice(("1", "1000m", "2")) for k in dice.sample(("cpu", "memory"), dice.randrange(3))}
    maybe(dice, out, "resources", {"limits": limits}, 0.3)
    mounts = [{"name": "v", "mountPath": f"/{n}"} for n in dice.sample(NAMES, dice.randrange(3))]
    maybe(dice, out, "volumeMounts", mounts, 0.3)
    return out


def config(dice: random.Random, whole: bool) -> Json:
    """Some fields of a Deployment; `whole` ones can be created."""
    meta: Json = {"name": "web"}
    labels = {n: str(dice.randrange(2)) for n in dice.sample(NAMES, dice.randrange(3))}
    maybe(dice, meta, "labels", labels)
    maybe(dice, meta, "annotations", {n: str(dice.randrange(2)) for n in dice.sample(NAMES, dice.randrange(3))}, 0.3)
    maybe(dice, meta, "finalizers", [f"example.org/{n}" for n in dice.sample(NAMES, dice.randrange(3))], 0.2)
    pod: Json = {"volumes": [{"name": "v", "emptyDir": {}}]} if whole else {}
    names = (
        ("main", *dice.sample(NAMES, dice.randrange(2))) if whole else dice.sample(("main", *NAMES), dice.randrange(3))
    )
    pod["containers"] = [container(dice, n) for n in names]
    if whole:
        for item in pod["containers"]:
            item.setdefault("image", "i:0")
    maybe(
        dice, pod, "tolerations", [{"key": n, "operator": "Exists"} for n in dice.sample(NAMES, dice.randrange(3))], 0.2
    )
    maybe(dice, pod, "nodeSelector", dict.fromkeys(dice.sample(NAMES, dice.randrange(2)), "x"), 0.2)
    spec: Json = {"template": {"spec": pod}}
    maybe(dice, spec, "replicas", dice.randrange(4))
    maybe(dice, spec, "strategy", {"type": dice.choice(("Recreate", "RollingUpdate"))}, 0.2)
    maybe(dice, spec, "paused", dice.random() < 0.5, 0.2)
    if whole:
        spec["selector"] = {"matchLabels": {"app": "web"}}
        spec["template"]["metadata"] = {"labels": {"app": "web"}}
    return {**IDENTITY, "metadata": meta, "spec": spec}


def step(dice: random.Random, first: bool) -> tuple[str, str, Any]:
    """(kind of request, query, body)."""
    manager = dice.choice(("one", "two", "three"))
    kind = "APPLY" if first else dice.choice(("APPLY", "APPLY", "APPLY", "MERGE", "STRATEGIC", "JSON", "PUT", "SCALE"))
    query = f"fieldManager={manager}"
    if kind == "APPLY":
        if dice.random() < 0.6:
            query += "&force=true"
        return kind, query, config(dice, first or dice.random() < 0.5)
    if kind == "JSON":
        return kind, query, [{"op": "add", "path": "/spec/replicas", "value": dice.randrange(4)}]
    if kind == "SCALE":
        return "MERGE", query, {"spec": {"replicas": dice.randrange(4)}}
    body = config(dice, kind == "PUT")
    if kind != "PUT":
        # A merge patch replaces the list of containers: it must stand by itself.
        body = config(dice, True) if kind == "MERGE" else body
    return kind, query, body


def send(server: Server, namespace: str, number: int, request: tuple[str, str, Any]) -> tuple[int, Any]:
    """One request; the masked answer."""
    kind, query, body = request
    path = f"{BASE.format(namespace)}/web-{number}"
    if isinstance(body, dict) and "metadata" in body:
        body = {**body, "metadata": {**body["metadata"], "name": f"web-{number}"}}
    if kind == "MERGE" and "metadata" not in body:
        path += "/scale"
    method = "PUT" if kind == "PUT" else "PATCH"
    headers = {"Content-Type": MEDIA.get(kind, "application/json"), "User-Agent": "fidelity/1.0"}
    code, answer, warnings = server.request(method, f"{path}?{query}", body, headers)
    if code < 300 and path.endswith("/scale"):
        _, answer, _ = server.request("GET", path.removesuffix("/scale"), None, headers)
    return code, {"body": mask(answer, {}), "warnings": warnings}


def test_every_step_leaves_the_same(servers: tuple[Server, Server]) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "random-apply"}}
    for server in servers:
        server.request("POST", "/api/v1/namespaces", namespace, {"Content-Type": "application/json"})
    bad, accepted = [], 0
    for number in range(SEQUENCES):
        dice = random.Random(number)
        done: list[str] = []
        for i in range(STEPS):
            request = step(dice, i == 0)
            done.append(f"{request[0]} {request[1]} {request[2]}")
            (code, real), (other, embedded) = (send(s, "random-apply", number, request) for s in servers)
            accepted += code < 300
            found = (
                differences(real, embedded)
                if code == other
                else [f"code: real {code} sandbox {other}: {real} {embedded}"]
            )
            if found:
                bad.append("\n  ".join([f"sequence {number}:", *done, *found]))
                break
    assert not bad, "\n".join(bad)
    assert accepted > SEQUENCES * STEPS // 3
