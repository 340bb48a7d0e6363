"""A full disk ends the sandbox with one clear line, and takes nothing that was acknowledged."""

from __future__ import annotations

import os

from tests.sandbox.running import Sandbox
from tests.sandbox.test_crash import BASE, Api

LIMIT = 2_000_000


def test_nothing_acknowledged_is_lost_on_a_full_disk(fresh: Sandbox) -> None:
    # A limit on the size of files is as good as a full disk: writes fail half-way.
    fresh.file_bytes = LIMIT
    fresh.start()
    api, kept = Api(fresh), []
    refused = ""
    for number in range(60):
        meta = {"name": f"c{number}"}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"k": os.urandom(40000).hex()}}
        code, answer = api("POST", BASE, body)
        if code != 201:
            refused = answer["message"]
            break
        kept.append(number)
    assert "the sandbox's database failed" in refused
    assert fresh.child is not None
    assert fresh.child.wait(20) == 1
    log = fresh.state.log.read_text()
    assert "the database cannot be written" in log
    assert "what was acknowledged is safe" in log
    assert "Traceback" not in log
    fresh.file_bytes = 0
    fresh.start()
    api = Api(fresh)
    assert [n for n in kept if api("GET", f"{BASE}/c{n}")[0] != 200] == []
