"""Objects of built-in kinds, taken from the written cases and spoiled at random, sent to both servers as dry runs.

The sandbox never refuses what the real server takes, takes hardly anything that it refuses, stores the same, and
never fails. The words of refusals are compared by the written cases.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.fidelity.runner import KINDS, MEDIA, Server, differences, load_cases, mask
from tests.sandbox.running import Sandbox

COUNT = 1500
SEED = 11
NAMESPACE = "spoiled"
VALUES: tuple[Any, ...] = (
    None, {}, [], "", 0, -1, 1, "x", "Bad_Value", True, 1.5, "a.b/c", ["x"], {"a": "b"}, [None], [{}], "10%", "1Gi",
    {"a": None},
)  # fmt: skip
# Pods are admitted by controllers that the small real cluster has not; the others need a cluster of their own.
LEFT_OUT = ("pods", "crds", "nodes", "namespaces", "persistentvolumes")
Json = dict[str, Any]
Path = tuple[str | int, ...]


def pool() -> list[tuple[str, Json]]:
    """(short name of the resource, object) of every object that a written case makes."""
    out = []
    for case in load_cases():
        for line, body in case.steps:
            word, _, rest = line.partition(" ")
            resource, slash, tail = rest.partition("?")[0].partition("/")
            wanted = not slash if word == "POST" else word == "APPLY" and "/" not in tail
            if not wanted or resource not in KINDS or resource in LEFT_OUT or not isinstance(body, dict):
                continue
            if "RAW" in body or not isinstance(body.get("metadata"), dict):
                continue
            made = json.loads(json.dumps(body).replace("$NS", NAMESPACE))
            made["metadata"] = {k: v for k, v in made["metadata"].items() if k in ("labels", "annotations")}
            made["metadata"]["name"] = "x"
            _, version, kind, _ = KINDS[resource]
            out.append((resource, {"apiVersion": version, "kind": kind, **made}))
    return out


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where there is something to spoil."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if not path and key in ("apiVersion", "kind", "metadata"):
            continue
        yield (*path, key)
        yield from paths(item, (*path, key))


def spoil(dice: random.Random, value: Json) -> Json:
    """A copy with one or two things taken away, doubled or replaced."""
    made = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 2))):
        places = list(paths(made))
        if not places:
            break
        path = dice.choice(places)
        node: Any = made
        for part in path[:-1]:
            node = node[part]
        chance = dice.random()
        if chance < 0.3:
            del node[path[-1]]
        elif chance < 0.4 and isinstance(node, list):
            node.append(copy.deepcopy(node[path[-1]]))  # type: ignore[call-overload]
        else:
            node[path[-1]] = copy.deepcopy(dice.choice(VALUES))
    return made


def send(server: Server, resource: str, body: Json, apply: bool) -> tuple[int, Any]:
    """A dry run; code and masked answer."""
    base, _, _, namespaced = KINDS[resource]
    path = f"{base}{f'/namespaces/{NAMESPACE}' if namespaced else ''}/{resource}"
    headers = {"Content-Type": MEDIA["APPLY"] if apply else "application/json", "User-Agent": "fidelity/1.0"}
    if apply:
        code, answer, _ = server.request("PATCH", f"{path}/x?dryRun=All&fieldManager=f&force=true", body, headers)
    else:
        code, answer, _ = server.request("POST", f"{path}?dryRun=All", body, headers)
    return code, mask(answer, {})


def judge(real: tuple[int, Any], embedded: tuple[int, Any]) -> str:
    """What is wrong with the sandbox's answer; empty when nothing is."""
    (one, stored), (other, ours) = real, embedded
    if other >= 500 > one:
        return "failed"
    if one < 300 <= other:
        return f"refused: {ours.get('message')}"
    if other < 300 <= one:
        return "accepted"
    found = [d for d in differences(stored, ours) if "managedFields" not in d] if one < 300 else []
    # An empty list that is applied is printed as null.
    found = [d for d in found if "real null sandbox []" not in d]
    return f"stored otherwise: {found[:3]}" if found else ""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that leaves the status of workloads alone."""
    with Sandbox(tmp_path_factory.mktemp("spoiled"), workloads=False) as running:
        yield running


def test_spoiled_objects_are_judged_alike(
    light_cluster: Any, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    real, embedded = Server(light_cluster.server, light_cluster.token), Server(sandbox.server, sandbox.token)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    for server in (real, embedded):
        server.request("POST", "/api/v1/namespaces", space, {"Content-Type": "application/json"})
    dice, objects = random.Random(SEED), pool()
    wrong: list[str] = []
    counted: Counter[str] = Counter()
    for _ in range(COUNT):
        resource, whole = dice.choice(objects)
        body, apply = spoil(dice, whole), dice.random() < 0.3
        answers = send(real, resource, body, apply), send(embedded, resource, body, apply)
        counted["taken" if answers[0][0] < 300 else "refused"] += 1
        verdict = judge(*answers)
        if verdict == "accepted":
            counted["missed"] += 1
        elif verdict:
            wrong.append(f"{resource} {'applied' if apply else 'posted'}: {verdict}\n    {json.dumps(body)}")
    with capsys.disabled():
        print(f"\n{COUNT} spoiled objects: {counted['taken']} taken, {counted['refused']} refused by the real server,")
        print(f"{counted['missed']} of these taken by the sandbox")
    assert not wrong, "\n".join(wrong)
    assert min(counted["taken"], counted["refused"]) > COUNT // 5
    assert counted["missed"] <= COUNT // 100
    assert "Traceback" not in sandbox.state.log.read_text()
