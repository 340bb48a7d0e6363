"""The sandbox answers as the real kube-apiserver does, but for what differences.yaml lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real.fidelity.runner import Case, Run, Server, differences, load_cases, requests_in
from tests.sandbox.running import Sandbox

FOLDER = Path(__file__).parent


@dataclass
class Row:
    """One listed difference."""

    requests: re.Pattern[str]
    where: re.Pattern[str]
    reason: str
    used: bool = False


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The listed differences."""
    listed = yaml.safe_load((FOLDER / "differences.yaml").read_text())
    return [Row(re.compile(r["requests"]), re.compile(r["where"]), r["reason"]) for r in listed]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that leaves the status of workloads alone."""
    with Sandbox(tmp_path_factory.mktemp("fidelity"), workloads=False) as running:
        yield running


def unlisted(case: Case, real: Server, embedded: Server, number: int, rows: list[Row]) -> list[str]:
    """What differs and stands in no row."""
    one, other = Run(real, case, number).answers(), Run(embedded, case, number).answers()
    lines = [line for line, _ in case.steps if not line.startswith(("SLEEP", "KEEP"))]
    out = []
    for line, a, b in zip(lines, one, other, strict=True):
        for text in differences(a, b):
            found = [r for r in rows if r.requests.search(f"{case.name}: {line}") and r.where.search(text)]
            for row in found:
                row.used = True
            if not found:
                out.append(f"{case.name}: {line}\n    {text}")
    return out


def test_every_request_is_answered_as_by_the_real_server(
    light_cluster: Any, sandbox: Sandbox, rows: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    cases = load_cases()
    real, embedded = Server(light_cluster.server, light_cluster.token), Server(sandbox.server, sandbox.token)
    bad = [d for i, case in enumerate(cases) for d in unlisted(case, real, embedded, i, rows)]
    with capsys.disabled():
        print(f"\n{requests_in(cases)} requests in {len(cases)} cases compared, {len(rows)} differences listed")
    assert not bad, "\n".join(bad)
    assert requests_in(cases) > 1300
    unused = [r.requests.pattern for r in rows if not r.used]
    assert not unused, f"listed differences that are none: {unused}"


def test_differences_are_told_to_users() -> None:
    told = (FOLDER.parents[2] / "docs" / "sandbox.md").read_text()
    for row in yaml.safe_load((FOLDER / "differences.yaml").read_text()):
        assert row["reason"] in told, json.dumps(row)
