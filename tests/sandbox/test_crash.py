"""kill -9 loses nothing that was acknowledged; racing writers get conflicts, not lost updates."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.running import Sandbox

KILLS = 30
WRITERS = 4


class Api:
    """A plain connection to one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        context = ssl.create_default_context(cafile=sandbox.ca)
        self._connection = http.client.HTTPSConnection(urlsplit(sandbox.server).netloc, context=context, timeout=20)
        self._headers = {"Authorization": f"Bearer {sandbox.token}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {**self._headers, "Content-Type": media})
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


BASE = "/api/v1/namespaces/default/configmaps"


class Writer(threading.Thread):
    """Creates, changes and deletes objects of its own, and remembers what was acknowledged."""

    def __init__(self, sandbox: Sandbox, number: int, state: dict[str, int | None], unsure: set[str]) -> None:
        super().__init__(daemon=True)
        self.sandbox, self.number, self.state, self.unsure = sandbox, number, state, unsure

    def run(self) -> None:
        api = Api(self.sandbox)
        dice = random.Random(self.number + time.monotonic_ns())
        name = ""
        try:
            while True:
                name = f"w{self.number}-{dice.randrange(40)}"
                have = self.state.get(name)
                self.unsure.add(name)
                if have is None:
                    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": "0"}}
                    code, _ = api("POST", BASE, body)
                    wanted: int | None = 0
                elif dice.random() < 0.2:
                    code, _ = api("DELETE", f"{BASE}/{name}")
                    wanted = None
                else:
                    wanted = have + 1
                    patch = {"data": {"n": str(wanted)}}
                    code, _ = api("PATCH", f"{BASE}/{name}", patch, "application/merge-patch+json")
                assert code in (200, 201), code
                self.state[name] = wanted
                self.unsure.discard(name)
        except (OSError, http.client.HTTPException, ValueError):
            # Killed in the middle: nothing was acknowledged for `name`.
            return


def _held(sandbox: Sandbox) -> tuple[int, dict[str, int]]:
    """The version of the list, and the number in every object of the writers."""
    code, listed = Api(sandbox)("GET", f"{BASE}?limit=5000")
    assert code == 200
    numbers = {i["metadata"]["name"]: int(i["data"]["n"]) for i in listed["items"] if "n" in i.get("data", {})}
    return int(listed["metadata"]["resourceVersion"]), numbers


@pytest.mark.slow
def test_thirty_kills_under_writes_lose_nothing_acknowledged(fresh: Sandbox) -> None:
    state: dict[str, int | None] = {}
    unsure: set[str] = set()
    version = acknowledged = 0
    for _ in range(KILLS + 1):
        fresh.start()
        now, held = _held(fresh)
        assert now >= version, "versions never go back"
        version = now
        for name, wanted in state.items():
            # What was under way at the kill may or may not have been stored.
            if name not in unsure:
                assert held.get(name) == wanted, f"{name}: acknowledged {wanted}, found {held.get(name)}"
        acknowledged += sum(name not in unsure for name in state)
        for name in unsure:
            state[name] = held.get(name)
        unsure = set()
        writers = [Writer(fresh, i, state, unsure) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.05, 0.5))
        fresh.kill()
        for writer in writers:
            writer.join(20)
    assert acknowledged > KILLS


def test_concurrent_writers_get_conflicts_and_lose_no_update(sandbox: Sandbox, namespace: str) -> None:
    base = f"/api/v1/namespaces/{namespace}/configmaps"
    first = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "counter"}, "data": {"n": "0"}}
    assert Api(sandbox)("POST", base, first)[0] == 201
    conflicts = [0] * 6

    def add(number: int) -> None:
        api = Api(sandbox)
        done = 0
        while done < 25:
            _, obj = api("GET", f"{base}/counter")
            obj["data"]["n"] = str(int(obj["data"]["n"]) + 1)
            code, answer = api("PUT", f"{base}/counter", obj)
            if code == 200:
                done += 1
            else:
                assert (code, answer["reason"]) == (409, "Conflict")
                assert "the object has been modified" in answer["message"]
                conflicts[number] += 1

    threads = [threading.Thread(target=add, args=(i,)) for i in range(len(conflicts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Api(sandbox)("GET", f"{base}/counter")[1]["data"]["n"] == str(25 * len(conflicts))
    assert sum(conflicts) > 0
