"""Fixtures of the journeys: each test that asks for `world` runs on every pair."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e import pairs
from tests.e2e.world import World


@pytest.fixture(
    scope="session",
    params=[pytest.param(n, marks=[] if n == pairs.EMBEDDED else pytest.mark.real) for n in pairs.NAMES],
)
def pair(request: pytest.FixtureRequest) -> Iterator[pairs.Pair]:
    """One running API server with controllers for the whole session."""
    reason = pairs.missing(request.param)
    if reason:
        pytest.skip(reason)
    with pairs.started(request.param) as running:
        yield running


@pytest.fixture
def world(pair: pairs.Pair, request: pytest.FixtureRequest) -> Iterator[World]:
    """A namespace and a repository of the test's own on the pair."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.removeprefix("test_").lower()).strip("-")
    # a test that is repeated finds nothing of its first run: the name counts on
    attempt = getattr(request.node, "execution_count", 1)
    made = World(pair, name[:40].strip("-") + (f"-{attempt}" if attempt > 1 else ""))
    made.create()
    yield made
    made.remove()
