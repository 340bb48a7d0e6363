"""The offline validation of Flux manifests says what a real API server says."""

from __future__ import annotations

import copy
import json
import random
import re
import time
from collections.abc import Iterator
from typing import Any

from pyflux.catalog import api
from tests.real.cluster import Json, RealCluster

CASES = 300
NAMESPACE = "flux-objects"
"""Their own: other tests of the session leave objects behind."""
TEXTS = (
    "10m",
    "10s",
    "https://example.com/a",
    "oci://example.com/a",
    "@src/x",
    "@artifact/x",
    "@src",
    "abc",
    "sha256:abc",
    "Ready",
)
WRONG: tuple[Any, ...] = (None, "", 1, 1.5, True, [], {}, "x" * 300, "10", "UPPER", [None], {"zz": 1}, -1, "x" * 70)


def sample(rng: random.Random, schema: Json, depth: int = 0) -> Any:
    """A value that fits `schema`, apart from its CEL rules."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type")
    if kind is None:
        return {"any": 1}
    if kind == "object":
        if "additionalProperties" in schema:
            return {"key": sample(rng, schema["additionalProperties"], depth + 1)}
        required = schema.get("required", [])
        return {
            name: sample(rng, field, depth + 1)
            for name, field in schema.get("properties", {}).items()
            if name in required or rng.random() < 0.35
        }
    if kind == "array":
        return [sample(rng, schema["items"], depth + 1) for _ in range(rng.randint(1, 2))]
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        return rng.randint(0, 5)
    if schema.get("format") == "date-time":
        return "2024-01-01T00:00:00Z"
    return next((text for text in TEXTS if re.search(schema.get("pattern", ""), text)), "abc")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def spoil(rng: random.Random, spec: Json) -> None:
    """One mistake somewhere in `spec`: a field missing, unknown, or with a wrong value."""
    *parents, last = rng.choice(list(places(spec)))
    at: Any = spec
    for key in parents:
        at = at[key]
    chance = rng.random()
    if chance < 0.25 and isinstance(at, dict):
        del at[last]
    elif chance < 0.35 and isinstance(at, dict):
        at["unknownField"] = 1
    else:
        at[last] = copy.deepcopy(rng.choice(WRONG))


def manifest(rng: random.Random) -> Json:
    kind = rng.choice(api.kinds())
    spec = sample(rng, kind.schema["properties"]["spec"])
    for _ in range(rng.randint(0, 2)):
        if spec:
            spoil(rng, spec)
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "a", "namespace": NAMESPACE},
        "spec": spec,
    }


def test_same_verdict_and_words(light_cluster: RealCluster) -> None:
    light_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for kind in api.kinds():
        light_cluster.apply(kind.crd())
    deadline = time.monotonic() + 30
    while not all(served(light_cluster, kind.api_version, kind.plural) for kind in api.kinds()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    rng = random.Random(294)
    refused = 0
    for _ in range(CASES):
        obj = manifest(rng)
        plural = next(kind.plural for kind in api.kinds() if kind.kind == obj["kind"])
        path = f"/apis/{obj['apiVersion']}/namespaces/{NAMESPACE}/{plural}?dryRun=All&fieldValidation=Strict"
        status, answer = light_cluster.request("POST", path, obj)
        problems = api.validate(obj)
        shown = f"{json.dumps(obj)}\nserver: {answer.get('message')}\npyflux: {[str(p) for p in problems]}"
        assert (status < 300) == (not problems), shown
        refused += status >= 300
        if status >= 300 and "strict decoding error" not in answer["message"]:
            # after unknown fields the server looks no further
            causes = [c for c in answer["details"]["causes"] if c["field"] != "<nil>"]
            said = {(cause["field"], cause["message"]) for cause in causes}
            own = {(problem.path, problem.message) for problem in problems}
            assert {c for c in said if "must be an object for an array" not in c[1]} == own, shown
    assert CASES // 4 < refused < CASES * 3 // 4


def served(cluster: RealCluster, api_version: str, plural: str) -> bool:
    return cluster.request("GET", f"/apis/{api_version}/{plural}")[0] == 200
