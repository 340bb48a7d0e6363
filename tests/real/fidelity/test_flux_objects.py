"""Random Flux objects, good and spoiled, get the same answers from both servers."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pyflux.catalog import api
from tests.real.fidelity.runner import Server, differences, mask
from tests.real.test_api_validation import NAMESPACE, manifest
from tests.sandbox.running import Sandbox

CASES = 700
JSON = {"Content-Type": "application/json", "User-Agent": "fidelity/1.0"}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def servers(light_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """The real server and a sandbox, both with Flux's definitions."""
    with Sandbox(tmp_path_factory.mktemp("flux"), workloads=False) as sandbox:
        both = Server(light_cluster.server, light_cluster.token), Server(sandbox.server, sandbox.token)
        for server in both:
            code, answer, _ = server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}, JSON)
            assert code in (201, 409), answer
            for kind in api.kinds():
                code, answer, _ = server.request("POST", DEFINITIONS, kind.crd(), JSON)
                assert code in (201, 409), answer
            for kind in api.kinds():
                path = f"/apis/{kind.api_version}/{kind.plural}"
                deadline = time.monotonic() + 30
                while server.request("GET", path, None, JSON)[0] != 200:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        yield both


def _said(code: int, answer: Any) -> Any:
    """What an answer says: the object, or the set of its complaints."""
    if code < 300:
        return mask(answer, {})
    causes = (answer.get("details") or {}).get("causes")
    if not causes:
        return sorted(part.strip() for part in answer["message"].split(","))
    # The server's pointer-less summary of a value that no schema alternative fits is not repeated.
    return sorted((c["field"], c["message"]) for c in causes)


def test_the_same_objects_and_the_same_complaints(servers: tuple[Server, Server]) -> None:
    rng = random.Random(22)
    refused = 0
    bad: list[str] = []
    for _ in range(CASES):
        obj = manifest(rng)
        plural = next(kind.plural for kind in api.kinds() if kind.kind == obj["kind"])
        path = f"/apis/{obj['apiVersion']}/namespaces/{NAMESPACE}/{plural}?dryRun=All&fieldValidation=Strict"
        answers = [server.request("POST", path, obj, JSON) for server in servers]
        (real_code, real, _), (code, embedded, _) = answers
        assert real_code == code, f"{obj}\nreal: {real}\nsandbox: {embedded}"
        found = differences(_said(real_code, real), _said(code, embedded))
        if found:
            bad.append(f"{obj}\n    " + "\n    ".join(found))
        refused += real_code >= 300
    assert not bad, "\n".join(bad)
    assert CASES // 4 < refused < CASES
